"""What changes of the set-up record of themselves, in the account `auditwright`.

The engines store these rows in the transaction that makes the change, where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from auditwright.catalog import OPERATOR_ACCOUNT
from auditwright.ids import format_time, to_microseconds
from auditwright.recording.recorder import Recorder

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.catalog import Catalog
    from auditwright.entry import Row
    from auditwright.storage.retention import ExpiredEntries
    from auditwright.storage.setup_change import SetupChange

CREATED, UPGRADED, ADOPTED = "audit.setup.created", "audit.setup.upgraded", "audit.setup.adopted"
GRANTED, RETAINED = "audit.setup.granted", "audit.setup.retained"


def setup_rows(catalog: Catalog, actor: Actor, change: SetupChange) -> list[Row]:
    """The rows for a database that somebody created or upgraded; none if nothing has changed."""
    rows = []
    if change.changes:
        values = {
            "version": catalog.version,
            "revisions": list(change.revisions) or None,
            "changes": change.changes,
        }
        rows.append(_row(catalog, actor, CREATED if change.is_new else UPGRADED, values))
    return rows + adoption_rows(catalog, actor, change)


def adoption_rows(catalog: Catalog, actor: Actor, change: SetupChange) -> list[Row]:
    """The row for a catalog of another version than the database had; none for its first catalog."""
    if change.previous_version is None:
        return []
    values = {"previous_version": change.previous_version, "version": catalog.version}
    return [_row(catalog, actor, ADOPTED, values)]


def roles_row(catalog: Catalog, actor: Actor, prefix: str, changes: int) -> Row:
    """The row for roles that were made, or whose rights were changed."""
    return _row(catalog, actor, GRANTED, {"prefix": prefix, "changes": changes})


def retention_row(catalog: Catalog, actor: Actor, before: datetime, deleted: Sequence[ExpiredEntries]) -> Row:
    """The row for a run of retention that deleted these entries."""
    values = {
        "before": format_time(to_microseconds(before)),
        "entries": sum(each.entries for each in deleted),
        "accounts": len(deleted),
    }
    return _row(catalog, actor, RETAINED, values)


def _row(catalog: Catalog, actor: Actor, key: str, values: dict[str, Any]) -> Row:
    options = {"actor": actor, "account_id": OPERATOR_ACCOUNT}
    return Recorder(catalog, None, None).row(key, values, options, by_auditwright=True)
