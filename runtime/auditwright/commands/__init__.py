"""The commands of the runtime, a module each; the generator adds its own by an entry point group.

A command reads options, calls the library, prints, and returns the exit code: 0 fine, 1 something was found
or refused, 2 wrong usage or nothing to work with. Results go to stdout, everything else to stderr. Errors are
raised; `cli.py` makes them text.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command of `auditwright`. The generator's are of the same shape."""

    help: str
    """One line for the list of commands."""
    configure: Callable[[argparse.ArgumentParser], None]
    """Adds its options."""
    run: Callable[[argparse.Namespace], int]
    """Does it; returns the exit code."""
