"""`auditwright events`: lists the events of the catalog with their fields, as a table, JSON or CSV."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from auditwright_generator.commands.base import (
    CLEAN,
    FINDINGS,
    UNREADABLE,
    add_catalog_option,
    print_findings,
    read_catalog_option,
)
from auditwright_generator.text import print_lines, printable, printable_json

if TYPE_CHECKING:
    from auditwright_generator.model import Annotations, Catalog, Event, Field


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_catalog_option(parser)
    parser.add_argument("--format", choices=list(_FORMATS), default="table", help="default: table")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    checked = read_catalog_option(options)
    if checked is None:
        return UNREADABLE
    if checked.catalog is None:
        print_findings(checked)
        return FINDINGS
    _FORMATS[options.format](describe_events(checked.catalog))
    return CLEAN


def describe_events(catalog: "Catalog") -> list[dict[str, Any]]:
    """Every event with its attributes, in catalog order, as JSON data."""
    return [
        _describe_event(event, level.name, category.key, category.title)
        | _annotations(catalog, catalog.annotations_of(category, event))
        for level in catalog.levels
        for category in level.categories
        for event in category.events
    ]


def _describe_event(event: "Event", level: str, category: str, category_title: str) -> dict[str, Any]:
    return {
        "key": event.key,
        **({"level": level} if level else {}),
        "category": category,
        "category_title": category_title,
        "event": event.name,
        "title": event.title,
        "description": event.description,
        "message": event.message,
        **({"failure_message": event.failure_message} if event.can_fail else {}),
        "metadata": [_describe_field(field) for field in event.fields],
    }


def _annotations(catalog: "Catalog", annotations: "Annotations") -> dict[str, Any]:
    """The annotations of an event, if the catalog has any."""
    return {"annotations": annotations} if catalog.annotation_keys else {}


def _describe_field(field: "Field") -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": field.name,
        "title": field.title,
        "type": field.type,
        "required": field.requirement,
        "sensitivity": field.sensitivity,
        "declared_in": field.declared_in,
    }
    if field.stored_as:
        facts["stored_as"] = field.stored_as
    if field.target:
        facts["target"] = field.target
    if field.conditions:
        facts["when"] = {condition.field: list(condition.values) for condition in field.conditions}
    if field.annotations:
        facts["annotations"] = field.annotations
    return facts


def _print_json(events: Sequence[dict[str, Any]]) -> None:
    print(printable_json(json.dumps(events, indent=2, ensure_ascii=False)))


def _print_table(events: Sequence[dict[str, Any]]) -> None:
    header = ("KEY", "TITLE", "CATEGORY", "FIELDS")
    rows = [
        (
            event["key"],
            printable(event["title"]),
            printable(event["category_title"]),
            ", ".join(field["name"] for field in event["metadata"]),
        )
        for event in events
    ]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    for row in (header, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print_lines("  ".join((*cells, row[3])).rstrip())


def _print_csv(events: Sequence[dict[str, Any]]) -> None:
    """RFC 4180, with a column per attribute. The values of an event's fields are joined by "; ".

    A catalog without levels has empty cells for them. A terminal shows unprintable characters as escapes.
    """
    shown, line_end = (printable, "\n") if sys.stdout.isatty() else (str, "\r\n")
    of_fields = ("name", "title", "type", "required", "sensitivity", "declared_in")
    of_events = (
        *("key", "level", "category", "category_title", "event", "title", "description", "message"),
        "failure_message",
    )
    writer = csv.writer(sys.stdout, lineterminator=line_end)
    writer.writerow((*of_events, "metadata", *(f"metadata_{fact}" for fact in of_fields[1:])))
    for event in events:
        facts = ["; ".join(_cell(field[fact]) for field in event["metadata"]) for fact in of_fields]
        writer.writerow(map(shown, (*(event.get(fact, "") for fact in of_events), *facts)))


def _cell(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


_FORMATS: dict[str, Callable[[Sequence[dict[str, Any]]], None]] = {
    "table": _print_table,
    "json": _print_json,
    "csv": _print_csv,
}
