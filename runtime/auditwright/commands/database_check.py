"""`auditwright database check`: compare a database with the catalog; the report as text or JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, TypeVar

from auditwright.catalog import Catalog, find_catalog
from auditwright.commands.options import account, add_catalog_package, add_database
from auditwright.commands.progress import ProgressLine
from auditwright.commands.text import counted, print_json
from auditwright.ids import format_time, to_microseconds
from auditwright.limits import sanitize, truncate
from auditwright.operations.check import (
    CatalogVersion,
    ChangedEntries,
    CheckReport,
    DamagedPart,
    Mismatch,
    UnknownEvent,
    check_database,
)
from auditwright.storage import open_inspection
from auditwright.text import print_lines

SHOWN = 50
"""Findings of one kind in the text; JSON has all."""
T = TypeVar("T")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    parser.add_argument(
        "--events-only",
        action="store_true",
        help="check only the events, by an index; fast, as metadata is not read",
    )
    parser.add_argument("--account", type=account, metavar="ID", help="only this account (default: all)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_database(parser)
    add_catalog_package(parser)


def run(options: argparse.Namespace) -> int:
    """Check and print the report; returns 1 where there are findings."""
    catalog = find_catalog(options.catalog_package)
    account_id = None if options.account is None else sanitize(options.account)
    with closing(open_inspection(options.database, catalog)) as inspection:
        with ProgressLine("checked") as progress:
            report = check_database(inspection, catalog, account_id, options.events_only, progress)
        if options.format == "json":
            print_json(_json(report, inspection.name, catalog, account_id))
        else:
            account = "" if account_id is None else f" of the account {account_id}"
            entries = counted(report.entries, "entry")
            print_lines(f"{inspection.name}: {entries}{account}, against {_name(catalog)}")
            remedy = "opening a log" if inspection.opening_updates_views else "`auditwright database upgrade`"
            print_lines(*_lines(report, remedy))
    outdated = report.views.missing or (report.views.different and not report.views.newer)
    faulty = (
        report.differences
        or report.damaged
        or report.changed
        or (outdated and not inspection.opening_updates_views)
    )
    return 0 if report.covered and not faulty else 1


# --- as text ---------------------------------------------------------------------------------------


def _lines(report: CheckReport, view_remedy: str) -> Iterator[str]:
    for title, lines in (
        ("Events that are not in the catalog", _cut(report.unknown, _unknown_lines)),
        ("Metadata that does not match its event", _cut(report.mismatches or (), _mismatch_lines)),
        ("Damaged entries", _cut(report.damaged or (), _damaged_lines)),
        ("Entries that were changed after they were recorded", _changed_lines(report.changed)),
        ("Entries without a row digest", _missing_lines(report.without_row_digest or 0)),
        (
            "Entries under an alias",
            _cut(
                report.aliases,
                lambda each: [
                    f"{truncate(each.key, 200)}: {counted(each.entries, 'entry')}, now {each.event}"
                ],
            ),
        ),
        ("Versions of the catalog", _cut(report.versions, lambda each: [_version_line(each)])),
        ("Views", _view_lines(report, view_remedy)),
        (
            "Tables that differ from their definition",
            _cut(report.differences, lambda each: [each.what, f"  {each.hint}"]),
        ),
    ):
        section = list(lines)
        if section:
            yield ""
            yield title
            yield from (f"  {line}" for line in section)
    yield ""
    yield _verdict(report)
    if report.damaged:
        yield f"Damaged: {counted(sum(each.entries for each in report.damaged), 'part')} of entries."
    if report.changed:
        yield f"Changed: {counted(report.changed.entries, 'entry')}."
    if report.differences:
        yield f"Tables: {counted(len(report.differences), 'difference')}."


def _cut(parts: Sequence[T], lines: Callable[[T], Iterable[str]]) -> Iterator[str]:
    for part in parts[:SHOWN]:
        yield from lines(part)
    if len(parts) > SHOWN:
        yield f"and {len(parts) - SHOWN:,} more; --format json lists all"


def _unknown_lines(event: UnknownEvent) -> Iterator[str]:
    entries, accounts = counted(event.entries, "entry"), counted(event.accounts, "account")
    yield (
        f"{truncate(event.event, 200)}: {entries} of {accounts}, "
        f"{_span(event.first, event.last)}, the last under {truncate(event.catalog_version, 100)}"
    )
    yield f"  {event.hint}"


def _span(first: datetime, last: datetime) -> str:
    since, until = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (first, last))
    return f"{since} (UTC)" if since == until else f"{since} to {until} (UTC)"


def _mismatch_lines(mismatch: Mismatch) -> Iterator[str]:
    count = counted(mismatch.entries, "entry")
    yield f"{mismatch.event}: {_fault(mismatch)}: {count}, {_example(mismatch)}"
    yield f"  {mismatch.hint}"


def _damaged_lines(damaged: DamagedPart) -> Iterator[str]:
    yield f"{damaged.part}: {counted(damaged.entries, 'entry')}, {_example(damaged)}"
    yield f"  {damaged.hint}"


def _changed_lines(changed: ChangedEntries | None) -> Iterator[str]:
    if changed is not None:
        yield f"{counted(changed.entries, 'entry')}, {_example(changed)}"
        yield f"  {changed.hint}"


def _missing_lines(missing: int) -> Iterator[str]:
    if missing:
        yield f"{counted(missing, 'entry')}, stored before Auditwright had it or by another program"


def _example(found: Mismatch | DamagedPart | ChangedEntries) -> str:
    example = f"{found.example} of the account {truncate(found.account_id, 256)}"
    return f"such as {example}" if found.entries > 1 else example


def _fault(mismatch: Mismatch) -> str:
    path, expected = mismatch.path, mismatch.expected
    return {
        "missing": f"{path} is missing, expected {expected}",
        "unknown": f"{path} is not a field of the event",
        "value": f"{path} is not {expected}",
        "condition": f"{path} should be {expected}",
        "in plain": f"{path} is stored in plain text, but secret",
        "unreadable": f"{path} is not {expected}",
    }[mismatch.fault]


def _version_line(version: CatalogVersion) -> str:
    count = "" if version.entries is None else f": {counted(version.entries, 'entry')}"
    note = " (newer than the catalog)" if version.newer else ""
    if version.differs:
        note = " (same version, other content: change the version with the catalog)"
    return f"{truncate(version.version, 100)}{count}{note}"


def _view_lines(report: CheckReport, remedy: str) -> Iterator[str]:
    views = report.views
    if views.newer:
        yield "those of a newer catalog; they are left alone"
    elif views.different:
        yield f"outdated, updated by {remedy}: {_join_names(views.different)}"
    if views.missing:
        yield f"missing, created by {remedy}: {_join_names(views.missing)}"


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _verdict(report: CheckReport) -> str:
    unread = "; metadata was not read" if report.mismatches is None else ""
    if report.covered:
        return f"Covered: {'all entries' if report.entries else 'there are no entries'}{unread}."
    parts = []
    if report.unknown:
        entries = counted(sum(each.entries for each in report.unknown), "entry")
        parts.append(f"{entries} of {counted(len(report.unknown), 'event')} that the catalog lacks")
    if report.mismatched_entries:
        parts.append(f"{counted(report.mismatched_entries, 'entry')} with metadata that does not match")
    return f"Not covered: {' and '.join(parts)}{unread}."


def _name(catalog: Catalog) -> str:
    return f"{catalog.package} {catalog.version}"


# --- as JSON ---------------------------------------------------------------------------------------


def _json(report: CheckReport, database: str, catalog: Catalog, account_id: str | None) -> dict[str, Any]:
    unread = report.mismatches is None
    return {
        "database": database,
        "catalog": {"package": catalog.package, "version": catalog.version},
        "account_id": account_id,
        "covered": report.covered,
        "entries": report.entries,
        "unknown_events": [_unknown_json(each) for each in report.unknown],
        "mismatches": None if unread else [_mismatch_json(each) for each in report.mismatches or ()],
        "mismatched_entries": None if unread else report.mismatched_entries,
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
        "damaged": None
        if report.damaged is None
        else [
            {
                "part": each.part,
                "entries": each.entries,
                "example": {"account_id": each.account_id, "id": str(each.example)},
                "hint": each.hint,
            }
            for each in report.damaged
        ],
        "changed": None if report.changed is None else _changed_json(report.changed),
        "without_row_digest": report.without_row_digest,
        "differences": [{"what": each.what, "hint": each.hint} for each in report.differences],
    }


def _changed_json(changed: ChangedEntries) -> dict[str, Any]:
    return {
        "entries": changed.entries,
        "example": {"account_id": changed.account_id, "id": str(changed.example)},
        "hint": changed.hint,
    }


def _unknown_json(event: UnknownEvent) -> dict[str, Any]:
    return {
        "event": event.event,
        "entries": event.entries,
        "accounts": event.accounts,
        "first": format_time(to_microseconds(event.first)),
        "last": format_time(to_microseconds(event.last)),
        "catalog_version": event.catalog_version,
        "hint": event.hint,
    }


def _mismatch_json(mismatch: Mismatch) -> dict[str, Any]:
    return {
        "event": mismatch.event,
        "path": mismatch.path,
        "fault": mismatch.fault,
        "expected": mismatch.expected,
        "entries": mismatch.entries,
        "example": {"account_id": mismatch.account_id, "id": str(mismatch.example)},
        "hint": mismatch.hint,
    }
