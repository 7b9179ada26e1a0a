"""The entry point of the command line: finds and runs a command, and turns errors into text and an exit code.

The runtime's commands are a static table. The generator adds its own through the entry point group
`auditwright.commands`. A command's module is imported only when that command is used.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, NoReturn

GROUP = "auditwright.commands"
Parsers = dict[str, argparse.ArgumentParser]
_START = "name a command; `auditwright demo` shows a log, and `auditwright init` starts a catalog"


@dataclass(frozen=True, slots=True)
class Command:
    """One command. The generator's are of the same shape.

    The module has `configure(parser)`, which adds the options, and `run(options)`, which returns the exit
    code: 0 success, 1 findings or refused input, 2 wrong usage or an unreadable source. Results go to stdout,
    everything else to stderr.
    """

    help: str
    """One line for the list of commands."""
    module: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's options."""
        self._load().configure(parser)

    def run(self, options: argparse.Namespace) -> int:
        """Run the command; returns its exit code."""
        code: int = self._load().run(options)
        return code

    def _load(self) -> Any:
        return importlib.import_module(f"auditwright.commands.{self.module}")


COMMANDS = {
    "record": Command("record one entry", "record"),
    "list": Command("list entries, newest first", "list"),
    "history": Command("list the entries about one object", "history"),
    "count": Command("count entries", "count"),
    "show": Command("show one entry in full", "show"),
    "export": Command("export entries to a file, as CSV, JSON Lines or Parquet", "export"),
    "import": Command("import entries from JSON Lines", "import_jsonl"),
    "serve": Command("serve the Audit Logs page on this machine", "serve"),
    "database": Command("create, upgrade and maintain a database", "database"),
    "spool": Command("show and move the entries that wait in a spool", "spool"),
    "secret-key": Command("generate a key for the fingerprints of secret fields", "secret_key"),
    "demo": Command("record one of each event, then list and export them", "demo"),
    "completion": Command("print a script with which a shell completes commands and options", "completion"),
}
EXTRAS = {
    "yaml": "generator",
    "jinja2": "generator",
    "jsonschema": "generator",
    "fastapi": "server",
    "starlette": "server",
    "uvicorn": "server",
    "shtab": "completion",
    "psycopg": "postgres",
    "alembic": "postgres",
    "sphinx": "site",
    "docutils": "site",
    "markdown_it": "site",
    "myst_parser": "site",
    "pydata_sphinx_theme": "site",
    "sphinx_copybutton": "site",
    "sphinx_design": "site",
}
"""The extra that installs a missing package."""


def find_commands() -> dict[str, Command]:
    """All commands by name: those of the entry points first, then the runtime's."""
    points = sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point.load() for point in points} | COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal lacks becomes an escape
            stream.reconfigure(errors="backslashreplace")
    try:
        return _main(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt as error:
        from auditwright.text import print_lines

        print_lines("", "auditwright: interrupted", *_notes(error), file=sys.stderr)
        return 130


def _open_closed_streams() -> None:
    """A stream that was closed before the start, as by `>&-`, takes what is written and drops it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY)  # takes the descriptor of the stream
            setattr(sys, name, open(null, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are safe to print: they quote arguments."""

    def error(self, message: str) -> NoReturn:
        from auditwright.text import printable

        super().error(printable(message))


def make_parser(commands: Mapping[str, Command]) -> tuple[argparse.ArgumentParser, Parsers]:
    """The parser of the command line, and those of the commands by name, which have no options yet."""
    parser = _Parser(
        prog="auditwright",
        description="An audit log that is declared once.",
        epilog="`auditwright COMMAND --help` explains a command.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"auditwright {metadata.version('auditwright')}"
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    return parser, {
        name: subparsers.add_parser(
            name, help=command.help, description=_sentence(command.help), allow_abbrev=False
        )
        for name, command in commands.items()
    }


def _main(arguments: list[str]) -> int:
    chosen = next((argument for argument in arguments if not argument.startswith("-")), "")
    commands = COMMANDS if chosen in COMMANDS else find_commands()
    parser, parsers = make_parser(commands)
    if not arguments:
        parser.print_help(sys.stderr)
        print(f"\nauditwright: {_START}", file=sys.stderr)
        return 2
    if chosen in commands:
        commands[chosen].configure(parsers[chosen])
        parsers[chosen].set_defaults(run=commands[chosen].run)
    elif arguments[0] == chosen:
        parser.error(_unknown(f'unknown command "{chosen}"', chosen, commands))
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = re.findall("--[a-z-]+", parsers[chosen].format_usage())
        message = f"unrecognized arguments: {' '.join(unknown)}"
        parsers[chosen].error(_unknown(message, unknown[0], known))
    return run(options)


def _unknown(message: str, word: str, known: Iterable[str]) -> str:
    """The message with a hint: a known word that the unknown one begins or resembles, or how to list all."""
    from auditwright.effort import did_you_mean

    known = sorted(known)
    longer = [each for each in known if word and each.startswith(word)]
    hint = f'; did you mean "{longer[0]}"?' if longer else did_you_mean(word, known)
    return message + (hint or "; --help lists all")


def run(options: argparse.Namespace) -> int:
    """Run the chosen command; an error becomes one message on stderr."""
    from auditwright.errors import AuditwrightError, ValidationError
    from auditwright.storage.errors import IdConflict
    from auditwright.text import print_lines

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
        # The reader, such as `head`, has closed the pipe. The flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print_lines(f"auditwright: {where}{error.strerror or error}", *_notes(error), file=sys.stderr)
        return 2
    return code


def _fail(error: Exception, code: int) -> int:
    from auditwright.text import print_lines

    lines = f"auditwright: {error}".split("\n")  # only those that the error itself makes
    print_lines(*lines, *_notes(error), file=sys.stderr)
    return code


def _notes(error: BaseException) -> tuple[str, ...]:
    """What was added to an error on its way here, such as how far an import came."""
    return tuple(getattr(error, "__notes__", ()))


def _sentence(help_line: str) -> str:
    return f"{help_line[:1].upper()}{help_line[1:]}."
