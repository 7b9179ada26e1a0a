"""`auditwright list`: a page of entries, newest first."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial

from auditwright.account_log import AccountLog
from auditwright.commands.options import (
    add_log,
    add_reads,
    add_selection,
    no_entries_text,
    number_in,
    open_log,
    query_of,
    record_read,
    selection_of,
)
from auditwright.commands.terminal import open_stdout
from auditwright.commands.text import actor_label, print_json, table, time_text, width
from auditwright.entry import Entry
from auditwright.reading.pages import MAX_PAGE, FilteredSelection, Page
from auditwright.text import print_lines
from auditwright.transfer.text_export import CSV_COLUMNS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_selection(parser)
    add_page(parser)


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the options that are not the selection's: those of the page, of its form and of the log."""
    parser.add_argument(
        "--limit",
        type=partial(number_in, 1, MAX_PAGE),
        default=50,
        metavar="NUMBER",
        help=f"entries on the page, 1 to {MAX_PAGE} (default: 50)",
    )
    cursor = parser.add_mutually_exclusive_group()
    cursor.add_argument("--after", metavar="CURSOR", help="the older page; a page prints the cursor")
    cursor.add_argument(
        "--before",
        metavar="CURSOR",
        help="the newer page, still newest first; a page prints the cursor; not for CSV",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    form.add_argument("--ids", action="store_true", help="only the ids, one a line, whole")
    add_reads(parser)
    add_log(parser)


def run(options: argparse.Namespace) -> int:
    """Print the page, and on stderr the cursors of the pages around it."""
    selection = selection_of(options)
    if options.format == "csv" and options.before:
        print_lines("auditwright: --before is not for --format csv; use table or json", file=sys.stderr)
        return 2
    with open_log(options) as log:
        account = log.account(options.account)
        begin = partial(record_read, options, log, query_of(selection))
        if options.format == "csv":
            account.export_csv(
                open_stdout("csv"), **selection, limit=options.limit, after=options.after, begin=begin
            )
            page = _page_of_csv(account, selection, options.limit, options.after)
        else:
            page = account.entries(
                **selection, limit=options.limit, after=options.after, before=options.before
            )
            begin()
            print_page(page, "ids" if options.ids else options.format)
        if not page.entries and not page.scanned_to:
            if options.after or options.before:
                text = f"no {'older' if options.after else 'newer'} entry matches"
            else:
                text = no_entries_text(log, account, selection)
            print_lines(text, file=sys.stderr)
    print_lines(*_cursor_lines(page, bool(options.before)), file=sys.stderr)
    return 0


def _page_of_csv(account: AccountLog, selection: FilteredSelection, limit: int, after: str | None) -> Page:
    """The page with the entries of a CSV of this limit: pages are read until there are that many."""
    page = first = account.entries(**selection, limit=limit, after=after)
    found = list(page.entries)
    while page.scanned_to and page.next:
        page = account.entries(**selection, limit=limit - len(found), after=page.next)
        found += page.entries
    return Page(tuple(found), page.next, first.previous)


def _cursor_lines(page: Page, newer: bool) -> Iterator[str]:
    """The options that read the pages around one; `newer` says that --before read it."""
    after, before = f"--after {page.next}", f"--before {page.previous}"
    if page.scanned_to is None:
        if page.previous:
            yield f"newer entries: {before}"
        if page.next:
            yield f"older entries: {after}"
        return
    if newer and page.next:
        yield f"older entries: {after}"
    if not newer and page.previous:
        yield f"newer entries: {before}"
    scanned = f"scanned {'up' if newer else 'back'} to {time_text(page.scanned_to)} (UTC)"
    found = "" if page.entries else "; no match so far"
    yield f"{scanned}{found}; continue with {before if newer else after}"


def print_page(page: Page, form: str = "table") -> None:
    """Print the entries of a page as a table or a JSON array, or their ids."""
    if form == "ids":
        print_lines(*(str(entry.id) for entry in page.entries))
    elif form == "json":
        print_json([entry.to_json() for entry in page.entries])
    elif page.entries:
        print_lines(*_table(page.entries))


TIME, ID = CSV_COLUMNS[0], "ID"
OPTIONAL = ("IP Address", "Category", "User or App Name", "Event Name")
"""Columns that a narrow terminal does not show, the first ones first; the description says most of them."""
PREFIXES = (13, 18, 23)
"""Lengths of an id's beginning: its millisecond, its microsecond, and some of its random digits."""


def _table(entries: Sequence[Entry]) -> list[str]:
    """The lines of a table: with whole ids if that fits, else with beginnings that differ."""
    whole = [(*_cells(entry), str(entry.id)) for entry in entries]
    header = (*CSV_COLUMNS, ID)
    lines = table(header, whole, whole=header)
    if not sys.stdout.isatty() or max(map(width, lines)) <= shutil.get_terminal_size().columns:
        return lines
    size = next((size for size in PREFIXES if len({row[-1][:size] for row in whole}) == len(whole)), None)
    rows = [(*row[:-1], row[-1][:size]) for row in whole]
    return table(header, rows, whole=(TIME, ID), optional=OPTIONAL)


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        time_text(entry.occurred_at),
        f"{entry.event_title} (failed)" if entry.outcome == "failure" else entry.event_title,
        entry.category_title,
        entry.description,
        actor_label(entry),
        entry.ip_address or "",
    )
