"""`auditwright show`: one entry in full."""

from __future__ import annotations

import argparse
import sys
import uuid
from typing import Any

from auditwright.catalog import Catalog
from auditwright.commands.options import add_log, open_log
from auditwright.commands.text import print_json
from auditwright.entry import Entry
from auditwright.text import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("id", metavar="ID", type=_entry_id, help="the entry's id")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_log(parser)


def _entry_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an entry's id; `auditwright list --format json` shows them"
        ) from None


def run(options: argparse.Namespace) -> int:
    """Print the entry."""
    with open_log(options) as log:
        entry = log.account(options.account).get(options.id)
        if entry is None:
            account = printable(options.account)
            print(f'auditwright: the account "{account}" has no entry {options.id}', file=sys.stderr)
            return 1
        if options.format == "json":
            print_json(entry.to_json())
            return 0
        for label, value in _details(log.catalog, entry):
            print(f"{label + ':':<24} {printable(value)}")
    return 0


def _details(catalog: Catalog, entry: Entry) -> list[tuple[str, str]]:
    event, lifecycle_note = catalog.event(entry.event), catalog.lifecycle_note(entry.event)
    actor = entry.actor
    fields = {field.name: field for field in event.fields} if event else {}
    metadata = [
        (fields[name].title if name in fields else name, _value(value, fields.get(name)))
        for name, value in entry.metadata.items()
    ]
    return [
        ("Event Name", entry.event_title),
        ("Category", entry.category_title),
        ("Date and Time (UTC)", f"{entry.occurred_at:%Y-%m-%d %H:%M:%S.%f}"),
        ("User or App Name", f"{actor.label} ({actor.type}{f' {actor.id}' if actor.id else ''})"),
        ("IP Address", entry.ip_address or "—"),
        ("Description", entry.description),
        *metadata,
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
