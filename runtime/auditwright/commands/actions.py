"""Actions of a command, such as `auditwright database create`: a table of them becomes parsers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a command."""

    help: str
    """One line for the list of actions."""
    description: str
    epilog: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_actions(parser: argparse.ArgumentParser, command: str, actions: Mapping[str, Action]) -> None:
    """Add the actions of a command by their names; `run_action` runs the chosen one."""
    subparsers = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, help=f"see `auditwright {command} ACTION --help`"
    )
    for name, action in actions.items():
        subparser = subparsers.add_parser(
            name,
            help=action.help,
            description=action.description,
            epilog=action.epilog or None,
            allow_abbrev=False,
        )
        action.configure(subparser)
        subparser.set_defaults(action=action.run)


def run_action(options: argparse.Namespace) -> int:
    """Run the chosen action; returns its exit code."""
    code: int = options.action(options)
    return code
