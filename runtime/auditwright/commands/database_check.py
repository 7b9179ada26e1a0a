"""`auditwright database check`: what the database has held against the catalog, as text or JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, TypeVar

import orjson

from auditwright.catalog import Catalog, find_catalog
from auditwright.commands.options import account, add_catalog_package, add_database
from auditwright.commands.progress import Progress
from auditwright.ids import format_time, to_microseconds
from auditwright.limits import sanitize, truncate
from auditwright.operations.check import Mismatch, Report, UnknownEvent, Version, check_database
from auditwright.storage import is_postgresql, open_inspection
from auditwright.text import printable

SHOWN = 50
"""Lines of one kind in the text; JSON has them all."""
T = TypeVar("T")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    parser.add_argument(
        "--events-only",
        action="store_true",
        help="look at the events alone, which is quick: an index has them; metadata is not read",
    )
    parser.add_argument("--account", type=account, metavar="ID", help="only this account (default: all)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_database(parser)
    add_catalog_package(parser)


def run(options: argparse.Namespace) -> int:
    """Check, print what was found, and return 1 where that is anything."""
    catalog = find_catalog(options.catalog_package)
    narrowed = None if options.account is None else sanitize(options.account)
    with closing(open_inspection(options.database, catalog)) as inspection:
        with Progress("checked") as progress:
            report = check_database(inspection, catalog, narrowed, options.events_only, progress)
        if options.format == "json":
            form = _form(report, inspection.name, catalog, narrowed)
            print(orjson.dumps(form, option=orjson.OPT_INDENT_2).decode())
        else:
            of = "" if narrowed is None else f" of the account {narrowed}"
            print(printable(f"{inspection.name}: {_entries(report.entries)}{of}, against {_name(catalog)}"))
            for line in _lines(report, _REMEDY[is_postgresql(options.database)]):
                print(printable(line))
    lacking = report.views.missing or (report.views.different and not report.views.newer)
    # Where opening a log makes the views, their lack is no fault.
    faulty = report.differences or (lacking and is_postgresql(options.database))
    return 0 if report.covered and not faulty else 1


_REMEDY = {False: "a log is opened with it", True: "`auditwright database upgrade` is run with it"}
"""Until when views stay as they are, by whether it is PostgreSQL."""


# --- as text ---------------------------------------------------------------------------------------


def _lines(report: Report, remedy: str) -> Iterator[str]:
    for title, lines in (
        ("Events that are not in the catalog", _cut(report.unknown, _unknown_lines)),
        ("Metadata that does not fit its event", _cut(report.mismatches or (), _mismatch_lines)),
        (
            "Entries under an older key, which is an alias today",
            _cut(
                report.aliases,
                lambda each: [f"{truncate(each.key, 200)}: {_entries(each.entries)}, now {each.event}"],
            ),
        ),
        ("Versions of the catalog", _cut(report.versions, lambda each: [_version_line(each)])),
        ("Views", _view_lines(report, remedy)),
        (
            "Tables that are not as they should be",
            _cut(report.differences, lambda each: [each.what, f"  {each.hint}"]),
        ),
    ):
        told = list(lines)
        if told:
            yield ""
            yield title
            yield from (f"  {line}" for line in told)
    yield ""
    yield _verdict(report)
    if report.differences:
        yield f"Not as it should be: {_counted(len(report.differences), 'difference')} of the tables."


def _cut(parts: Sequence[T], lines: Callable[[T], Iterable[str]]) -> Iterator[str]:
    for part in parts[:SHOWN]:
        yield from lines(part)
    if len(parts) > SHOWN:
        yield f"and {len(parts) - SHOWN:,} more: --format json has them all"


def _unknown_lines(event: UnknownEvent) -> Iterator[str]:
    accounts = _counted(event.accounts, "account")
    yield (
        f"{truncate(event.event, 200)}: {_entries(event.entries)} of {accounts}, "
        f"{_span(event.first, event.last)}, the last under {truncate(event.catalog_version, 100)}"
    )
    yield f"  {event.hint}"


def _span(first: datetime, last: datetime) -> str:
    since, until = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (first, last))
    return f"{since} (UTC)" if since == until else f"{since} to {until} (UTC)"


def _mismatch_lines(mismatch: Mismatch) -> Iterator[str]:
    example = f"{mismatch.example} of the account {truncate(mismatch.account_id, 256)}"
    such = f"such as {example}" if mismatch.entries > 1 else example
    yield f"{mismatch.event}: {_fault(mismatch)}: {_entries(mismatch.entries)}, {such}"
    yield f"  {mismatch.hint}"


def _fault(mismatch: Mismatch) -> str:
    path, expected = mismatch.path, mismatch.expected
    return {
        "missing": f"{path} is missing, which has to be {expected}",
        "unknown": f"{path} is no field of it",
        "value": f"{path} is not {expected}",
        "condition": f"{path} should be {expected}",
        "in plain": f"{path} is stored in plain, and secret today",
        "unreadable": f"{path} is not {expected}",
    }[mismatch.fault]


def _version_line(version: Version) -> str:
    count = "" if version.entries is None else f": {_entries(version.entries)}"
    note = " (newer than the present catalog)" if version.newer else ""
    if version.differs:
        note = " (the present version, with another content: change the version with the catalog)"
    return f"{truncate(version.version, 100)}{count}{note}"


def _view_lines(report: Report, remedy: str) -> Iterator[str]:
    views = report.views
    if views.newer:
        yield "a newer catalog has been here, whose views stay"
    elif views.different:
        yield f"other than the catalog's until {remedy}: {_listed(views.different)}"
    if views.missing:
        yield f"missing until {remedy.replace('with it', 'with the catalog')}: {_listed(views.missing)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _verdict(report: Report) -> str:
    unread = "; metadata was not read" if report.mismatches is None else ""
    if report.covered:
        return f"Covered: {'there are no entries' if not report.entries else 'all entries'}{unread}."
    parts = []
    if report.unknown:
        lost = sum(each.entries for each in report.unknown)
        parts.append(f"{_entries(lost)} of {_counted(len(report.unknown), 'event')} that the catalog lacks")
    if report.mismatched_entries:
        parts.append(f"{_entries(report.mismatched_entries)} with metadata that does not fit")
    return f"Not covered: {' and '.join(parts)}{unread}."


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _name(catalog: Catalog) -> str:
    return f"{catalog.package} {catalog.version}"


# --- as JSON ---------------------------------------------------------------------------------------


def _form(report: Report, database: str, catalog: Catalog, account_id: str | None) -> dict[str, Any]:
    return {
        "database": database,
        "catalog": {"package": catalog.package, "version": catalog.version},
        "account_id": account_id,
        "covered": report.covered,
        "entries": report.entries,
        "unknown_events": [
            {
                "event": each.event,
                "entries": each.entries,
                "accounts": each.accounts,
                "first": format_time(to_microseconds(each.first)),
                "last": format_time(to_microseconds(each.last)),
                "catalog_version": each.catalog_version,
                "hint": each.hint,
            }
            for each in report.unknown
        ],
        "mismatches": None
        if report.mismatches is None
        else [
            {
                "event": each.event,
                "path": each.path,
                "fault": each.fault,
                "expected": each.expected,
                "entries": each.entries,
                "example": {"account_id": each.account_id, "id": str(each.example)},
                "hint": each.hint,
            }
            for each in report.mismatches
        ],
        "mismatched_entries": None if report.mismatches is None else report.mismatched_entries,
        "aliases": [
            {"key": each.key, "event": each.event, "entries": each.entries} for each in report.aliases
        ],
        "versions": [
            {
                "version": each.version,
                "entries": each.entries,
                "newer": each.newer,
                "differs": each.differs,
            }
            for each in report.versions
        ],
        "views": {
            "missing": report.views.missing,
            "different": report.views.different,
            "newer": report.views.newer,
        },
        "differences": [{"what": each.what, "hint": each.hint} for each in report.differences],
    }
