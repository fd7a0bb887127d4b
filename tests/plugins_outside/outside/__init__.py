"""Plugins of somebody who has never seen the project's source."""
