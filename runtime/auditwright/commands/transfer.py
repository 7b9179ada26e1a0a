"""`auditwright export` and `auditwright import`: entries to a file and back."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from auditwright.commands import Command
from auditwright.commands.options import (
    actor,
    add_log,
    add_selection,
    nothing_found,
    open_log,
    query_of,
    selection,
)
from auditwright.commands.text import printable
from auditwright.context import Actor
from auditwright.errors import AuditwrightError
from auditwright.imports import read_lines
from auditwright.own_events import record_export


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", required=True, help="the file to write; - is stdout")
    parser.add_argument(
        "--format",
        choices=("csv", "jsonl"),
        help="csv for spreadsheets, jsonl without loss (default: by the file's name, else csv)",
    )
    parser.add_argument("--full", action="store_true", help="CSV with keys, ids and metadata too")
    parser.add_argument(
        "--actor",
        type=actor,
        default=Actor.system("auditwright export"),
        help="who is recorded as who exported: user:ID:NAME, app:ID:NAME or system (default: system)",
    )
    add_selection(parser)
    add_log(parser)


def _run_export(options: argparse.Namespace) -> int:
    where, narrowed = selection(options)
    form = options.format or ("jsonl" if options.output.lower().endswith(".jsonl") else "csv")
    if options.full and form == "jsonl":
        print("auditwright: --full is for CSV; JSON Lines are always full", file=sys.stderr)
        return 2
    target = sys.stdout.buffer if options.output == "-" else Path(options.output)
    with open_log(options) as log:
        account = log.account(options.account)
        progress = Progress("exported")

        def begin() -> None:
            if account.has_entries():  # a misspelt account is not to come into being by this
                record_export(log, options.account, options.actor, form, query_of(where, narrowed))

        if form == "csv":
            count = account.export_csv(
                target, where, full=options.full, progress=progress, begin=begin, **narrowed
            )
        else:
            count = account.export_jsonl(target, where, progress=progress, begin=begin, **narrowed)
        progress.finish()
        if not count:
            filtered = bool(where.conditions or any(narrowed.values()))
            print(printable(nothing_found(log, account, filtered)), file=sys.stderr)
    name = "stdout" if options.output == "-" else printable(options.output)
    print(f"exported {count:,} {'entry' if count == 1 else 'entries'} to {name}", file=sys.stderr)
    return 0


def _configure_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.jsonl", help="JSON Lines, such as an export; - is stdin")
    add_log(parser)


def _run_import(options: argparse.Namespace) -> int:
    name = printable(options.file)

    def report(number: int, error: AuditwrightError) -> None:
        progress.clear()
        print(f"{name}:{number}: {printable(str(error))}", file=sys.stderr)

    progress = Progress("read")
    source = nullcontext(sys.stdin.buffer) if options.file == "-" else Path(options.file).open("rb")  # noqa: SIM115
    with source as stream, open_log(options, create=True) as log:
        done = log.import_jsonl(progress.counting(read_lines(stream)), report)
    progress.finish()
    print(f"{name}: {done.stored:,} stored, {done.known:,} already there, {done.refused:,} refused")
    return 1 if done.refused else 0


class Progress:
    """A line on stderr that counts, where stderr is a terminal; told of each piece of work."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._shown = time.monotonic()
        self._on = sys.stderr.isatty()

    def __call__(self, count: int) -> None:
        """Show the count, a few times a second at most."""
        now = time.monotonic()
        if self._on and now - self._shown > 0.2:
            self._shown = now
            print(f"\r\x1b[K{self._verb} {count:,} entries", end="", file=sys.stderr, flush=True)

    def counting(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines, each counted as it passes."""
        for count, line in enumerate(lines, 1):
            self(count)
            yield line

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    finish = clear


export_command = Command("export entries to a file, as CSV or JSON Lines", _configure_export, _run_export)
import_command = Command("import entries from JSON Lines", _configure_import, _run_import)
