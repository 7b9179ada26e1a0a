"""The runtime's commands, one module each.

Each has `configure` and `run`, as `cli.Command` describes. A command parses options, calls the library and
prints. It returns the exit code, also for wrong usage of its options; `cli.py` turns exceptions of the
library into text and an exit code.
"""
