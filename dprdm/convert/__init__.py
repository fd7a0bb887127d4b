"""Checkpoints of other projects, converted."""
