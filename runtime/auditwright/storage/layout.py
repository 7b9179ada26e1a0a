"""The database layout that both engines share: names of tables and views, indexes, reference rows.

Tables, triggers and views are in each engine's `schema.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event

VERSION_TABLE = "audit_alembic_version"
"""Where PostgreSQL keeps the current revision, apart from that of a service's Alembic."""
TABLES = frozenset(
    {
        "audit_catalog",
        "audit_category",
        "audit_entry",
        "audit_event",
        "audit_hold",
        "audit_retention",
        "audit_target",
        "audit_target_field",
        "audit_user",
        VERSION_TABLE,
    }
)
"""Every table except partitions; SQLite has no table of versions."""
_PARTITION = re.compile("audit_(entry|target)_(first|[0-9]{4}_(0[1-9]|1[0-2]))")

DEFAULTS = {"outcome": "'success'"}
"""The SQL of the value that entries from before have, and those of a writer that does not know the column."""

INDEXES = {
    "audit_entry_event": ("account_id", "event", "id"),
    "audit_entry_failure": ("account_id", "event", "id"),
    "audit_entry_on_behalf_of": ("account_id", "on_behalf_of_id", "event", "id"),
    "audit_entry_user": ("account_id", "actor_id", "event", "id"),
}
"""The columns of each index on audit_entry, besides the primary key."""
INDEXED_WHERE = {
    "audit_entry_failure": "outcome = 'failure'",
    "audit_entry_on_behalf_of": "on_behalf_of_id IS NOT NULL",
}
"""The condition of each index that has not all entries."""


def index_definition(name: str) -> str:
    """What an index has: `(account_id, event, id)`, and its condition."""
    where = f" WHERE {INDEXED_WHERE[name]}" if name in INDEXED_WHERE else ""
    return f"({', '.join(INDEXES[name])}){where}"


def is_own_table(name: str) -> bool:
    """Whether the name is that of a table of the log or of a partition."""
    return name in TABLES or _PARTITION.fullmatch(name) is not None


def view_name(event: Event) -> str:
    """The name of an event's view: `account_models_model_deployed`."""
    return event.key.replace(".", "_")


def target_fields(catalog: Catalog) -> list[tuple[str, str, str]]:
    """The fields that identify objects: key of the event or its alias, stored name of the field, type."""
    return [
        (key, field.name, field.target)
        for event in catalog.every_event.values()
        for field in event.fields
        if field.target
        for key in (event.key, *event.aliases)
    ]


def unindexed(fields: list[tuple[str, str]]) -> list[str]:
    """What to say of fields, with their events, whose values filters do not find in all stored entries."""
    if not fields:
        return []
    (event, field), more = fields[0], f" and {len(fields) - 1} more" if len(fields) > 1 else ""
    return [f"targets of stored entries are not indexed yet by {field} of {event}{more}"]


def reference_rows(catalog: Catalog) -> dict[str, list[tuple[str, ...]]]:
    """The rows that describe the catalog, by table. An alias has a row like its event."""
    return {
        "audit_category": [
            (each.key, each.level, each.title, each.description) for each in catalog.every_category
        ],
        "audit_event": [
            (key, each.level, each.category, each.title, each.description)
            for each in catalog.every_event.values()
            for key in (each.key, *each.aliases)
        ],
    }
