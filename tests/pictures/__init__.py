"""Draws what docs/pictures/ holds: `python -m tests.pictures`."""
