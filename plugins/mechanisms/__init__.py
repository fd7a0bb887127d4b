"""Privacy mechanisms: subclasses of `dprdm.release.mechanism.PrivacyMechanism`."""
