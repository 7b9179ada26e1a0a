"""What Auditwright records of its own doing, as events of its own catalog (`runtime/catalog/`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.entry import Entry
    from auditwright.log import AuditLog

EXPORTED = "audit.log.exported"
PRUNED, HELD, RELEASED = "audit.log.pruned", "audit.log.held", "audit.log.released"


def record_export(log: AuditLog, account_id: str, actor: Actor, form: str, selection: str) -> Entry:
    """Record that entries of an account are exported as `csv` or `jsonl`; call it before the first byte.

    `selection` is the query of what is selected, empty for all entries.
    """
    with log.acting(actor, account_id=account_id):
        return log.record_event(EXPORTED, {"format": form, "selection": selection or None}, {})
