"""The runtime's commands, one module each.

Each has `configure` and `run`, as `cli.Command` describes. A command parses options, calls the library and
prints; it raises errors, and `cli.py` turns them into text.
"""
