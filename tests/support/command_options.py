"""Every command of `auditwright` with its options, read from the help that it prints."""

import argparse
import re
from collections.abc import Iterator
from functools import cache

from auditwright.cli import find_commands, make_parser

OPTION = re.compile(r"--[a-z][a-z-]*")


@cache
def options_by_command() -> dict[str, tuple[str, ...]]:
    """The options of each command in the order of its help, without `--help`: `database hold add`."""
    commands = find_commands()
    parser, parsers = make_parser(commands)
    for name, command in commands.items():
        command.configure(parsers[name])
    return dict(_below("", parser))


def _below(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, tuple[str, ...]]]:
    if parser._subparsers is None:
        found = re.findall(r"^  (?:-\w(?: \w+)?, )?(--[a-z-]+)", parser.format_help(), re.MULTILINE)
        yield path, tuple(name for name in found if name != "--help")
        return
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _below(f"{path} {name}".strip(), below)
