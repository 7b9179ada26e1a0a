"""The database layout that both engines share: indexes, reference rows, names of views.

Tables, triggers and views are in each engine's `schema.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event


INDEXES = {
    "audit_entry_event": ("account_id", "event", "id"),
    "audit_entry_user": ("account_id", "actor_id", "event", "id"),
}
"""The columns of each index on audit_entry, besides the primary key."""


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
