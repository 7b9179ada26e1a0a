"""`auditwright completion`: a script with which a shell completes commands, options, choices and paths."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from auditwright.cli import find_commands, make_parser

SHELLS = ("bash", "zsh", "tcsh")
FOLDERS = ("DIR",)
FILES = ("FILE", "FILE.jsonl", "REF|DIR|FILE", "SRC")
"""What an option with a path calls its value."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the argument."""
    parser.add_argument(
        "shell", metavar="SHELL", choices=SHELLS, help=f"the shell that reads the script: {', '.join(SHELLS)}"
    )


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    parser, parsers = make_parser(commands := find_commands())
    for name, command in commands.items():
        command.configure(parsers[name])
    for action in _actions(parser):
        if action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser, and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
