"""Operator tasks on a database: check and retention; commands call them."""
