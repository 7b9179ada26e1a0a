"""Operator tasks on a database: setup, check and retention. They open storage engines; commands call them."""
