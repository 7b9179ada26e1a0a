"""Checks of a catalog, one module per topic; `rules.py` lists them. `source` checks structure."""
