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
        "audit_user",
        VERSION_TABLE,
    }
)
"""Every table except the partitions of audit_entry; SQLite has no table of versions."""
_PARTITION = re.compile("audit_entry_(first|[0-9]{4}_(0[1-9]|1[0-2]))")

DEFAULTS = {"outcome": "'success'"}
"""The SQL of the value that entries from before have, and those of a writer that does not know the column."""

INDEXES = {
    "audit_entry_event": ("account_id", "event", "id"),
    "audit_entry_user": ("account_id", "actor_id", "event", "id"),
}
"""The columns of each index on audit_entry, besides the primary key."""


def is_own_table(name: str) -> bool:
    """Whether the name is that of a table of the log or of a partition."""
    return name in TABLES or _PARTITION.fullmatch(name) is not None


def view_name(event: Event) -> str:
    """The name of an event's view: `account_models_model_deployed`."""
    return event.key.replace(".", "_")


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
