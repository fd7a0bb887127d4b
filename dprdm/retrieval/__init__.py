"""Stores, sampling, search, and the one place where private rows are read."""
