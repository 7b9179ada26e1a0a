"""The generator's commands, one module each; `cli.py` lists them."""
