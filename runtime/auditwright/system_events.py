"""The events of Auditwright's own catalog (`runtime/catalog/`), and how an export is recorded.

An import is recorded by `transfer/import_record.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.entry import Entry
    from auditwright.log import AuditLog

EXPORTED = "audit.log.exported"
PRUNED, HELD, RELEASED = "audit.log.pruned", "audit.log.held", "audit.log.released"


def record_export(log: AuditLog, account_id: str, actor: Actor, form: str, selection: str) -> Entry:
    """Record that entries of an account are exported; call it before the first byte.

    `form` is the format, `selection` the query of the selected entries, empty for all.
    """
    with log.acting(actor, account_id=account_id):
        return log._record_system_event(EXPORTED, {"format": form, "selection": selection or None})
