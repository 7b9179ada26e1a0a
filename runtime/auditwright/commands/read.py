"""`auditwright list`, `auditwright count` and `auditwright show`: entries on the terminal."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from auditwright.account_log import AccountLog
from auditwright.catalog import Catalog
from auditwright.commands import Command
from auditwright.commands.options import add_log, add_selection, nothing_found, open_log, selection
from auditwright.commands.progress import Progress
from auditwright.commands.text import table
from auditwright.entry import Entry
from auditwright.reading.filters import Filter
from auditwright.reading.pages import MAX_PAGE, Page
from auditwright.text import printable
from auditwright.transfer.export import CSV_COLUMNS

COUNTED = 10_000
"""Up to which entries are counted where nobody asks for all of them."""


def _configure_list(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument(
        "--limit", type=_limit, default=50, metavar="NUMBER", help=f"how many, 1 to {MAX_PAGE} (default: 50)"
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--after", metavar="CURSOR", help="the older page: the cursor that a page printed")
    place.add_argument(
        "--before",
        metavar="CURSOR",
        help="the newer page, still newest first: the cursor that a page printed; not for CSV",
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    add_log(parser)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_PAGE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_PAGE}")
    return int(text)


def _run_list(options: argparse.Namespace) -> int:
    where, narrowed = selection(options)
    if options.format == "csv" and options.before:
        hint = "--before is for --format table and json"
        print(f"auditwright: a CSV goes from newer to older entries: {hint}", file=sys.stderr)
        return 2
    with open_log(options) as log:
        account = log.account(options.account)
        narrowed["after"] = options.after
        if options.format == "csv":
            account.export_csv(sys.stdout.buffer, where, limit=options.limit, **narrowed)
            page = _page_of_csv(account, where, options.limit, narrowed)
        else:
            narrowed["before"] = options.before
            page = account.entries(where, limit=options.limit, **narrowed)
            print_page(page, options.format)
        if not page.entries and not page.scanned_to and (options.after or options.before):
            print(f"no {'older' if options.after else 'newer'} entry fits", file=sys.stderr)
        elif not page.entries and not page.scanned_to:
            filtered = bool(where.conditions or any(narrowed.values()))
            print(printable(nothing_found(log, account, filtered)), file=sys.stderr)
    for line in _ways_on(page, bool(options.before)):
        print(line, file=sys.stderr)
    return 0


def _page_of_csv(account: AccountLog, where: Filter, limit: int, narrowed: dict[str, Any]) -> Page:
    """The page of as many entries as a CSV of this limit has, however far those are apart."""
    page = first = account.entries(where, limit=limit, **narrowed)
    found = list(page.entries)
    while page.scanned_to and page.next:
        page = account.entries(where, limit=limit - len(found), **{**narrowed, "after": page.next})
        found += page.entries
    return Page(tuple(found), page.next, first.previous)


def _ways_on(page: Page, newer: bool) -> Iterator[str]:
    """What the pages around one are read with; `newer` says that it was read by --before."""
    more, less = f"--after {page.next}", f"--before {page.previous}"
    if page.scanned_to is None:
        if page.previous:
            yield f"newer: {less}"
        if page.next:
            yield f"there is more: {more}"
        return
    reached = f"looked at entries {'up' if newer else 'back'} to {_time(page.scanned_to)} (UTC)"
    found = "" if page.entries else ", and none fits so far"
    if newer and page.next:
        yield f"older: {more}"
    if not newer and page.previous:
        yield f"newer: {less}"
    yield f"{reached}{found}; go on with {less if newer else more}"


def _configure_count(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exact",
        action="store_true",
        help=f"count all, however long it takes (default: up to {COUNTED:,}, at once)",
    )
    add_selection(parser)
    add_log(parser)


def _run_count(options: argparse.Namespace) -> int:
    where, narrowed = selection(options)
    with open_log(options) as log:
        account = log.account(options.account)
        if options.exact:
            with Progress("counted") as progress:
                entries = account.count(where, progress=lambda counted, _: progress(counted), **narrowed)
            whole = True
        else:
            counted = account.count_up_to(COUNTED, where, **narrowed)
            entries, whole = counted.entries, counted.whole
        print(f"{entries}{'' if whole else '+'}")
        if not whole:
            print("there are more, or not all were looked at; --exact counts all", file=sys.stderr)
        elif not entries:
            filtered = bool(where.conditions or any(narrowed.values()))
            print(printable(nothing_found(log, account, filtered)), file=sys.stderr)
    return 0


def print_page(page: Page, form: str = "table") -> None:
    """The entries of a page as a table, or as a JSON array."""
    if form == "json":
        forms = [entry.to_json() for entry in page.entries]
        print(orjson.dumps(forms, option=orjson.OPT_INDENT_2).decode())
    elif page.entries:
        print("\n".join(table(CSV_COLUMNS, [_row(entry) for entry in page.entries])))


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        _time(entry.occurred_at),
        entry.event_title,
        entry.category_title,
        entry.description,
        entry.actor.label,
        entry.ip_address or "",
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def _configure_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=_entry_id, help="the entry's id")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_log(parser)


def _entry_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no id of an entry; `auditwright list --format json` shows them"
        ) from None


def _run_show(options: argparse.Namespace) -> int:
    with open_log(options) as log:
        entry = log.account(options.account).get(options.id)
        if entry is None:
            account = printable(options.account)
            print(f'auditwright: the account "{account}" has no entry {options.id}', file=sys.stderr)
            return 1
        if options.format == "json":
            print(orjson.dumps(entry.to_json(), option=orjson.OPT_INDENT_2).decode())
            return 0
        for label, value in _details(log.catalog, entry):
            print(f"{label + ':':<24} {printable(value)}")
    return 0


def _details(catalog: Catalog, entry: Entry) -> list[tuple[str, str]]:
    event, lifecycle_note = catalog.event(entry.event), catalog.lifecycle_note(entry.event)
    actor = entry.actor
    who = f"{actor.label} ({actor.type}{f' {actor.id}' if actor.id else ''})"
    metadata = entry.metadata
    fields = {field.name: field for field in event.fields} if event else {}
    shown = [
        (fields[name].title if name in fields else name, _value(value, fields.get(name)))
        for name, value in metadata.items()
    ]
    return [
        ("Event Name", entry.event_title),
        ("Category", entry.category_title),
        ("Date and Time (UTC)", f"{entry.occurred_at:%Y-%m-%d %H:%M:%S.%f}"),
        ("User or App Name", who),
        ("IP Address", entry.ip_address or "—"),
        ("Description", entry.description),
        *shown,
        ("Event key", f"{entry.event} ({lifecycle_note})" if lifecycle_note else entry.event),
        ("Entry ID", str(entry.id)),
        ("Account ID", entry.account_id),
        ("Recorded (UTC)", f"{entry.recorded_at:%Y-%m-%d %H:%M:%S.%f}"),
        ("Catalog version", entry.catalog_version),
        *([("Altered", ", ".join(entry.alterations))] if entry.alterations else []),
    ]


def _value(value: Any, field: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item, field) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = field.values.get(value, str(value)) if field else str(value)
    return f"{text} {field.unit}" if field and field.unit else text


list_command = Command("list entries, newest first", _configure_list, _run_list)
count_command = Command("count entries", _configure_count, _run_count)
show_command = Command("show one entry whole", _configure_show, _run_show)
