"""The generator: diffusers' networks and schedulers behind a few small functions. Knows nothing of privacy."""
