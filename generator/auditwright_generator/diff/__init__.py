"""Compares two catalogs: the changes, whom they break, and the version they require."""
