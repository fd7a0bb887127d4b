"""Privacy mechanisms: subclasses of `dprdm.privacy.mechanism.PrivacyMechanism`."""
