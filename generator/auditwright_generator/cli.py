"""The commands `auditwright check`, `auditwright events` and `auditwright generate`.

The runtime's command line finds them through the entry point group `auditwright.commands`. Importing this
module costs nothing: what reads YAML is imported when a command runs.
"""

import argparse
import csv
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditwright_generator.check import Checked
    from auditwright_generator.model import Catalog, Event, Field

CLEAN, FINDINGS, UNREADABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the runtime's command line takes it."""

    help: str
    """One line."""
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Does it, and returns the exit code."""


def add_catalog_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--catalog`, which all commands that read a catalog share."""
    parser.add_argument(
        "--catalog",
        metavar="DIR",
        default=os.environ.get("AUDITWRIGHT_CATALOG_DIR") or "catalog",
        help="the catalog's folder (default: $AUDITWRIGHT_CATALOG_DIR, or catalog)",
    )


def read_catalog_option(options: argparse.Namespace) -> "Checked | None":
    """The checked catalog that `--catalog` names; None, with the reason on stderr, if it cannot be read."""
    from auditwright_generator.check import read_catalog
    from auditwright_generator.load import UnreadableCatalog

    try:
        return read_catalog(Path(options.catalog))
    except UnreadableCatalog as error:
        print(f"auditwright: {error}", file=sys.stderr)
        return None


def _run_check(options: argparse.Namespace) -> int:
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    for finding in checked.findings:
        print(finding)
    print(checked.summary)
    return FINDINGS if checked.findings else CLEAN


def _configure_events(parser: argparse.ArgumentParser) -> None:
    add_catalog_option(parser)
    parser.add_argument("--format", choices=list(_FORMATS), default="table", help="default: table")


def _run_events(options: argparse.Namespace) -> int:
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.catalog is None:
        for finding in checked.findings:
            print(finding, file=sys.stderr)
        print(checked.summary, file=sys.stderr)
        return FINDINGS
    _FORMATS[options.format](describe_events(checked.catalog))
    return CLEAN


def describe_events(catalog: "Catalog") -> list[dict[str, Any]]:
    """Every event with all its facts, in catalog order, as JSON data."""
    return [
        _describe_event(event, level.name, category.key, category.title)
        for level in catalog.levels
        for category in level.categories
        for event in category.events
    ]


def _describe_event(event: "Event", level: str, category: str, category_title: str) -> dict[str, Any]:
    return {
        "key": event.key,
        "level": level,
        "category": category,
        "category_title": category_title,
        "event": event.name,
        "title": event.title,
        "description": event.description,
        "message": event.message,
        "metadata": [_describe_field(field) for field in event.fields],
    }


def _describe_field(field: "Field") -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": field.name,
        "title": field.title,
        "type": field.type,
        "required": field.requirement,
        "sensitivity": field.sensitivity,
        "declared_in": field.declared_in,
    }
    if field.when:
        facts["when"] = {condition.field: list(condition.values) for condition in field.when}
    return facts


def _print_json(events: Sequence[dict[str, Any]]) -> None:
    print(json.dumps(events, indent=2, ensure_ascii=False))


def _print_table(events: Sequence[dict[str, Any]]) -> None:
    header = ("KEY", "TITLE", "CATEGORY", "FIELDS")
    rows = [
        (
            event["key"],
            event["title"],
            event["category_title"],
            ", ".join(field["name"] for field in event["metadata"]),
        )
        for event in events
    ]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    for row in (header, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join((*cells, row[3])).rstrip())


def _print_csv(events: Sequence[dict[str, Any]]) -> None:
    """RFC 4180: a column for each fact, and for each fact of the fields one cell joined by "; "."""
    of_fields = ("name", "title", "type", "required", "sensitivity", "declared_in")
    of_events = ("key", "level", "category", "category_title", "event", "title", "description", "message")
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow((*of_events, "metadata", *(f"metadata_{fact}" for fact in of_fields[1:])))
    for event in events:
        facts = ["; ".join(_cell(field[fact]) for field in event["metadata"]) for fact in of_fields]
        writer.writerow((*(event[fact] for fact in of_events), *facts))


def _cell(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


_FORMATS: dict[str, Callable[[Sequence[dict[str, Any]]], None]] = {
    "table": _print_table,
    "json": _print_json,
    "csv": _print_csv,
}


def _configure_generate(parser: argparse.ArgumentParser) -> None:
    add_catalog_option(parser)
    parser.add_argument(
        "--out", metavar="DIR", default="generated", help="where the files go (default: generated)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list what is not current, and exit 1 if anything is",
    )


def _run_generate(options: argparse.Namespace) -> int:
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.findings:
        for finding in checked.findings:
            print(finding, file=sys.stderr)
        print(checked.summary, file=sys.stderr)
    if checked.catalog is None:
        return FINDINGS
    from auditwright_generator.check import counted
    from auditwright_generator.generate import render
    from auditwright_generator.write import compare, write

    out = Path(options.out)
    files = render(checked.catalog)
    try:
        difference = compare(out, files) if options.check else write(out, files)
    except OSError as error:
        print(f"auditwright: {error.filename or out}: {error.strerror or error}", file=sys.stderr)
        return UNREADABLE
    if difference.foreign:
        for path in difference.foreign:
            print(f"{(out / path).as_posix()}: is in the way, and was never generated", file=sys.stderr)
        print("auditwright: nothing was written; name another folder with --out", file=sys.stderr)
        return UNREADABLE
    if not options.check:
        written = len(difference.missing) + len(difference.stale) + len(difference.edited)
        print(
            f"{counted(checked.events, 'event')}, {len(files)} files in {out}: "
            f"{written} written, {len(difference.orphaned)} removed, the others were current"
        )
        return CLEAN
    for state, paths in (
        ("missing", difference.missing),
        ("stale: the catalog has changed", difference.stale),
        ("edited by hand", difference.edited),
        ("orphaned: no longer generated", difference.orphaned),
    ):
        for path in paths:
            print(f"{(out / path).as_posix()}: {state}")
    if difference:
        print(f"not current; `{_mending_command(options)}` mends it")
        return FINDINGS
    print(f"{len(files)} files in {out} are current")
    return CLEAN


def _mending_command(options: argparse.Namespace) -> str:
    parts = ["auditwright", "generate"]
    if options.catalog != "catalog":
        parts += ["--catalog", options.catalog]
    if options.out != "generated":
        parts += ["--out", options.out]
    return shlex.join(parts)


check = Command(
    "check the catalog, and list everything that is wrong with it", add_catalog_option, _run_check
)
events = Command("list all events of the catalog with their fields", _configure_events, _run_events)
generate = Command("generate schemas, models, tables, emitters and docs", _configure_generate, _run_generate)
