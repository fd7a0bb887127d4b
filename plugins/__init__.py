"""The swappable parts: one file, one final frozen dataclass each. README.md says how to add one."""
