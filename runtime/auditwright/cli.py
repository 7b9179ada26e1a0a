"""The command line: finds the commands, and is the one place where errors become text and an exit code.

Commands of the runtime are listed here; others, the generator's among them, come from the entry point group
`auditwright.commands`. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

GROUP = "auditwright.commands"

# Name and place of each: imported when the command is used, or when all are listed.
COMMANDS = {
    "record": "auditwright.commands.record:command",
    "list": "auditwright.commands.read:list_command",
    "count": "auditwright.commands.read:count_command",
    "show": "auditwright.commands.read:show_command",
    "export": "auditwright.commands.transfer:export_command",
    "import": "auditwright.commands.transfer:import_command",
    "serve": "auditwright.commands.serve:command",
    "database": "auditwright.commands.database:command",
    "secret-key": "auditwright.commands.secret_key:command",
    "demo": "auditwright.commands.demo:command",
}
EXTRAS = {
    "yaml": "generator",
    "jinja2": "generator",
    "jsonschema": "generator",
    "fastapi": "server",
    "starlette": "server",
    "uvicorn": "server",
    "psycopg": "postgres",
    "alembic": "postgres",
}
"""Which extra brings a package that may be missing."""


def find_commands() -> dict[str, Callable[[], Any]]:
    """Every command's name with what loads it: first what works on the catalog, then what works on the
    log.
    """
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name)
    found: dict[str, Callable[[], Any]] = {point.name: point.load for point in points}
    for name, place in COMMANDS.items():
        found[name] = _loader(place)
    return found


def _loader(place: str) -> Callable[[], Any]:
    module, _, attribute = place.partition(":")
    return lambda: getattr(importlib.import_module(module), attribute)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code: 0 fine, 1 something was found or refused, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its escape
            stream.reconfigure(errors="backslashreplace")
    try:
        return _main(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        print("\nauditwright: interrupted", file=sys.stderr)
        return 130


def _main(given: list[str]) -> int:
    commands = find_commands()
    chosen = next((argument for argument in given if not argument.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="auditwright", description="An audit log that is declared once.", allow_abbrev=False
    )
    parser.add_argument(
        "--version", action="version", version=f"auditwright {metadata.version('auditwright')}"
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, load in commands.items():
        # One command needs one import; only the list of all needs each one's line of help.
        if chosen in commands and name != chosen:
            continue
        command = load()
        subparser = subparsers.add_parser(
            name, help=command.help, description=_sentence(command.help), allow_abbrev=False
        )
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    return run(parser.parse_args(given))


def run(options: argparse.Namespace) -> int:
    """Run the chosen command; every error it may end with becomes one message on stderr."""
    from auditwright.errors import AuditwrightError, ValidationError
    from auditwright.storage.errors import IdConflict
    from auditwright.text import printable

    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except (ValidationError, IdConflict) as error:
        return _fail(error, 1)
    except AuditwrightError as error:
        return _fail(error, 2)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        print(
            f'auditwright: this command needs the package {error.name}: pip install "auditwright[{extra}]"',
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; nothing is left to say, not even on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"auditwright: {printable(f'{where}{error.strerror or error}')}", file=sys.stderr)
        return 2
    return code


def _fail(error: Exception, code: int) -> int:
    from auditwright.text import printable

    lines = [*str(error).splitlines(), *getattr(error, "__notes__", ())]
    print(f"auditwright: {printable(lines[0])}", *map(printable, lines[1:]), sep="\n", file=sys.stderr)
    return code


def _sentence(help_line: str) -> str:
    return f"{help_line[:1].upper()}{help_line[1:]}."
