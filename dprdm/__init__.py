"""Private image collections in, synthetic images with a provable (epsilon, delta) guarantee out."""

__version__ = "0.5.0"
