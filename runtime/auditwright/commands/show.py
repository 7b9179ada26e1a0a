"""`auditwright show`: one entry in full."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from typing import Any

import orjson

from auditwright.actor import Actor
from auditwright.catalog import Catalog
from auditwright.commands.options import add_log, add_reads, open_log, other_accounts, record_read
from auditwright.commands.text import print_json, time_text
from auditwright.entry import Entry
from auditwright.entry_context import TITLES
from auditwright.log import AuditLog
from auditwright.text import print_lines, printable

LISTED = 10
"""Entries that are listed if an id is ambiguous."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("id", metavar="ID", type=_entry_id, help="the entry's id, or its beginning")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_reads(parser)
    add_log(parser)


def _entry_id(text: str) -> str:
    """An id or its beginning, as hexadecimal digits."""
    digits = text.replace("-", "")
    if not re.fullmatch("[0-9A-Fa-f]{1,32}", digits):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an entry's id or the beginning of one; `auditwright list` shows them"
        )
    return text


def run(options: argparse.Namespace) -> int:
    """Print the entry."""
    with open_log(options) as log:
        found = log.account(options.account).find(options.id, LISTED + 1)
        for entry in found[:LISTED]:
            record_read(options, log, entry_id=entry.id)
        if len(found) != 1:
            print_lines(*_not_one(options, log, found), file=sys.stderr)
            return 1
        (entry,) = found
        if options.format == "json":
            print_json(entry.to_json())
            return 0
        details = _details(log.catalog, entry)
        print_lines(*(f"{printable(label) + ':':<24} {value}" for label, value in details))
    return 0


def _not_one(options: argparse.Namespace, log: AuditLog, found: list[Entry]) -> Iterator[str]:
    """The message where no entry has the id, or several have its beginning."""
    if not found:
        begins = "" if len(options.id.replace("-", "")) == 32 else "whose id begins with "
        hint = "" if log.account(options.account).count_up_to(1).entries else other_accounts(log)
        yield f'auditwright: the account "{options.account}" has no entry {begins}{options.id}{hint}'
        return
    yield f"auditwright: the ids of several entries begin with {options.id}:"
    for entry in found[:LISTED]:
        yield f"{entry.id}  {time_text(entry.occurred_at)}  {entry.event_title}"
    if len(found) > LISTED:
        yield "and more"


def _details(catalog: Catalog, entry: Entry) -> list[tuple[str, str]]:
    event, lifecycle_note = catalog.event(entry.event), catalog.lifecycle_note(entry.event)
    for_whom, context = entry.on_behalf_of, entry.context
    fields = {field.name: field for field in event.fields} if event else {}
    metadata = [
        (fields[name].title if name in fields else name, _value(value, fields.get(name)))
        for name, value in entry.metadata.items()
    ]
    return [
        ("Event Name", entry.event_title),
        ("Category", entry.category_title),
        ("Date and Time (UTC)", f"{entry.occurred_at:%Y-%m-%d %H:%M:%S.%f}"),
        ("User or App Name", _actor_text(entry.actor)),
        *([("On Behalf Of", _actor_text(for_whom))] if for_whom else []),
        ("IP Address", entry.ip_address or "—"),
        ("Description", entry.description),
        ("Outcome", entry.outcome),
        *([("Reason", entry.failure_reason)] if entry.failure_reason else []),
        *metadata,
        *(
            (TITLES.get(name, name), str(context[name]))
            for name in dict.fromkeys((*TITLES, *context))
            if name in context
        ),
        ("Event key", f"{entry.event} ({lifecycle_note})" if lifecycle_note else entry.event),
        ("Entry ID", str(entry.id)),
        ("Account ID", entry.account_id),
        ("Recorded (UTC)", f"{entry.recorded_at:%Y-%m-%d %H:%M:%S.%f}"),
        ("Catalog version", entry.catalog_version),
        *([("Altered", ", ".join(entry.alterations))] if entry.alterations else []),
    ]


def _actor_text(actor: Actor) -> str:
    return f"{actor.label} ({actor.type}{f' {actor.id}' if actor.id else ''})"


def _value(value: Any, field: Any) -> str:
    if field and field.kind == "json":
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    if isinstance(value, list):
        return ", ".join(_value(item, field) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = (field.title_of(value) if field else None) or str(value)
    return f"{text} {field.unit}" if field and field.unit else text
