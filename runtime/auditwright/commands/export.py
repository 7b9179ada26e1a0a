"""`auditwright export`: entries to a file or stdout."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from auditwright.account_log import MAX_PROCESSES
from auditwright.commands.options import (
    add_actor,
    add_log,
    add_selection,
    no_entries_text,
    open_log,
    query_of,
    selection_of,
)
from auditwright.commands.progress import ProgressLine
from auditwright.commands.signals import exit_on_signals
from auditwright.commands.terminal import open_stdout
from auditwright.commands.text import counted
from auditwright.system_events import record_export
from auditwright.text import print_lines
from auditwright.transfer.export_file import FORMATS, format_of
from auditwright.transfer.text_export import SEPARATORS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
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
        "(default: by the file's name, such as audit.jsonl or audit.csv.gz, else csv)",
    )
    parser.add_argument("--full", action="store_true", help="CSV with keys, ids and metadata too")
    parser.add_argument(
        "--excel",
        choices=SEPARATORS,
        help="CSV that Excel opens by a double click: semicolon where the decimal sign of the system is a "
        "comma, as in much of Europe, else comma",
    )
    add_actor(parser, "who exports")
    parser.add_argument(
        "--processes",
        type=int,
        choices=range(1, MAX_PROCESSES + 1),
        metavar="NUMBER",
        default=min(2, _cores()),
        help="processes that write CSV or JSON Lines of a large SQLite log, 1 to 8 (default: 2, or 1 on "
        "one core)",
    )
    add_selection(parser)
    add_log(parser)


def _cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(options: argparse.Namespace) -> int:
    """Write the file. The export is recorded in the log before its first byte."""
    selection = selection_of(options)
    form = options.format or format_of(options.output) or "csv"
    if options.full and form != "csv":
        print_lines("auditwright: --full is for CSV; JSON Lines and Parquet are always full", file=sys.stderr)
        return 2
    if options.excel and form != "csv":
        print_lines(f"auditwright: --excel is for CSV, not {form}", file=sys.stderr)
        return 2
    if form == "parquet" and options.output == "-" and sys.stdout.isatty():
        print_lines("auditwright: Parquet is binary; name a file, or redirect stdout", file=sys.stderr)
        return 2
    target = open_stdout(form) if options.output == "-" else Path(options.output)
    with open_log(options) as log, exit_on_signals():
        account = log.account(options.account)

        def begin() -> None:
            if account.has_entries():  # a misspelt account must not be created by its first entry
                record_export(log, options.account, options.actor, form, query_of(selection))

        writers: dict[str, Callable[..., int]] = {
            "csv": partial(
                account.export_csv, full=options.full, excel=options.excel, processes=options.processes
            ),
            "jsonl": partial(account.export_jsonl, processes=options.processes),
            "parquet": account.export_parquet,
        }
        count_total = partial(account.count, **selection)
        with ProgressLine("exported", lambda progress: count_total(progress=progress)) as progress:
            count = writers[form](target, **selection, progress=progress, begin=begin)
        if not count:
            print_lines(no_entries_text(log, account, selection), file=sys.stderr)
    name = "stdout" if options.output == "-" else options.output
    print_lines(f"exported {counted(count, 'entry')} to {name}", file=sys.stderr)
    return 0
