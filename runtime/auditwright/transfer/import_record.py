"""What an import records of itself: one `audit.log.imported` in each account that got new entries.

It is stored after the entries, in transactions of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from auditwright.actor import Actor
from auditwright.catalog import is_of_system_level
from auditwright.context import current
from auditwright.entry import ACCOUNT_ID, LEVEL, Row
from auditwright.errors import AuditwrightError, Problem, ValidationError
from auditwright.limits import shown, text_of

if TYPE_CHECKING:
    from auditwright.recording.recorder import Recorder
    from auditwright.storage.base import Storage

IMPORTED = "audit.log.imported"
BATCH = 1000
"""Accounts in one transaction."""


@dataclass(slots=True)
class _New:
    """The new entries of one account."""

    entries: int = 0
    system_entries: int = 0
    """How many of them are of the level `audit`."""


@dataclass(slots=True)
class ImportRecord:
    """Counts the new entries of an import by account, and records them at its end."""

    actor: Actor
    source: str | None
    _accounts: dict[str, _New] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: object, actor: Actor | None, source: str | None) -> Self:
        """The record of an import that has not begun; see `AuditLog.import_jsonl` for the parameters.

        Raises `ValidationError`.
        """
        if actor is not None and not isinstance(actor, Actor):
            raise ValidationError("actor", (Problem("actor", "an Actor", shown(actor)),))
        name = text_of(getattr(lines, "name", None) if source is None else source)
        if name is None and source is not None:
            raise ValidationError("source", (Problem("source", "a string", shown(source)),))
        return cls(actor or current().actor or Actor.system(), name or None)

    def add(self, row: Row) -> None:
        """Count a new entry."""
        new = self._accounts.setdefault(row[ACCOUNT_ID], _New())
        new.entries += 1
        new.system_entries += is_of_system_level(row[LEVEL])

    def store(self, recorder: Recorder, storage: Storage) -> None:
        """Record the import, in the order of the accounts. Raises `StorageError`."""
        rows = [self._row(recorder, account_id, new) for account_id, new in sorted(self._accounts.items())]
        try:
            for start in range(0, len(rows), BATCH):
                storage.insert(rows[start : start + BATCH])
        except AuditwrightError as error:
            entries = sum(new.entries for new in self._accounts.values())
            error.add_note(f"the new entries, {entries:,}, are stored, but not that they were imported")
            raise

    def store_after(self, error: BaseException, recorder: Recorder, storage: Storage) -> None:
        """Record an import that ends by an error. A failure becomes a note of that error."""
        try:
            self.store(recorder, storage)
        except AuditwrightError as failure:
            for text in (*getattr(failure, "__notes__", ()), str(failure)):
                error.add_note(text)

    def _row(self, recorder: Recorder, account_id: str, new: _New) -> Row:
        values = {"source": self.source, "entries": new.entries, "system_entries": new.system_entries}
        options = {"actor": self.actor, "account_id": account_id}
        return recorder.row(IMPORTED, values, options, by_auditwright=True)
