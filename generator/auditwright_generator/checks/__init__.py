"""The checks of what a catalog's values mean together, by what they look at; `rules.py` is their table."""
