"""`auditwright export` and `auditwright import`: entries to a file and back."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from auditwright.account_log import MAX_PROCESSES
from auditwright.actor import Actor
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
from auditwright.commands.progress import Progress
from auditwright.errors import AuditwrightError
from auditwright.system_events import record_export
from auditwright.text import printable
from auditwright.transfer.export_file import FORMATS, format_of
from auditwright.transfer.jsonl_import import read_lines


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        metavar="FILE",
        required=True,
        help="the file to write, compressed where its name ends in .gz or .zst; - is stdout",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="csv for spreadsheets, jsonl without loss, parquet with typed columns for analysts "
        "(default: by the file's name, as of audit.jsonl or audit.csv.gz, else csv)",
    )
    parser.add_argument("--full", action="store_true", help="CSV with keys, ids and metadata too")
    parser.add_argument(
        "--actor",
        type=actor,
        default=Actor.system("auditwright export"),
        help="who is recorded as who exported: user:ID:NAME, app:ID:NAME or system (default: system)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        choices=range(1, MAX_PROCESSES + 1),
        metavar="NUMBER",
        default=min(2, _cores()),
        help="how many make CSV or JSON Lines of a large SQLite log, 1 to 8 (default: 2, or 1 on one core)",
    )
    add_selection(parser)
    add_log(parser)


def _cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run_export(options: argparse.Namespace) -> int:
    where, narrowed = selection(options)
    form = options.format or format_of(options.output) or "csv"
    if options.full and form != "csv":
        print("auditwright: --full is for CSV; JSON Lines and Parquet are always full", file=sys.stderr)
        return 2
    target = sys.stdout.buffer if options.output == "-" else Path(options.output)
    with open_log(options) as log, _undone_by_signals():
        account = log.account(options.account)

        def begin() -> None:
            if account.has_entries():  # a misspelt account is not to come into being by this
                record_export(log, options.account, options.actor, form, query_of(where, narrowed))

        writers: dict[str, Callable[..., int]] = {
            "csv": partial(account.export_csv, full=options.full, processes=options.processes),
            "jsonl": partial(account.export_jsonl, processes=options.processes),
            "parquet": account.export_parquet,
        }
        total = partial(account.count, where, **narrowed)
        with Progress("exported", lambda progress: total(progress=progress)) as progress:
            count = writers[form](target, where, progress=progress, begin=begin, **narrowed)
        if not count:
            filtered = bool(where.conditions or any(narrowed.values()))
            print(printable(nothing_found(log, account, filtered)), file=sys.stderr)
    name = "stdout" if options.output == "-" else printable(options.output)
    print(f"exported {count:,} {'entry' if count == 1 else 'entries'} to {name}", file=sys.stderr)
    return 0


@contextmanager
def _undone_by_signals() -> Iterator[None]:
    """While this lasts, SIGTERM and SIGHUP end the program by an exception, so that nothing half done stays.

    One that is ignored, as under nohup, stays so.
    """

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def _configure_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.jsonl", help="JSON Lines, such as an export; - is stdin")
    add_log(parser)


def _run_import(options: argparse.Namespace) -> int:
    name = printable(options.file)

    def report(number: int, error: AuditwrightError) -> None:
        progress.clear()
        print(f"{name}:{number}: {printable(str(error))}", file=sys.stderr)

    source = nullcontext(sys.stdin.buffer) if options.file == "-" else Path(options.file).open("rb")  # noqa: SIM115
    with source as stream, open_log(options, create=True) as log, Progress("read") as progress:
        done = log.import_jsonl(progress.counting(read_lines(stream)), report)
    print(f"{name}: {done.stored:,} stored, {done.known:,} already there, {done.refused:,} refused")
    return 1 if done.refused else 0


export_command = Command(
    "export entries to a file, as CSV, JSON Lines or Parquet", _configure_export, _run_export
)
import_command = Command("import entries from JSON Lines", _configure_import, _run_import)
