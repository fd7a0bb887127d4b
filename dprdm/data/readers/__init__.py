"""Readers of image collections, one file each."""
