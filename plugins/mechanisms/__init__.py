"""Privacy mechanisms: subclasses of `dprdm.guarantee.mechanism.PrivacyMechanism`."""
