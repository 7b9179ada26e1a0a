"""The generator's commands, a module for each; `cli.py` is their table."""
