"""The exceptions of storage: NotStored, IdConflict, StorageError, SchemaMismatch.

Both engines raise them; recording attaches the entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditwright.errors import AuditwrightError

if TYPE_CHECKING:
    from auditwright.entry import Entry


class NotStored(AuditwrightError):
    """The database did not store an entry, or did not say whether it did.

    Recording again with `id=error.entry.id` is safe, whatever the outcome of the first attempt.
    """

    entry: Entry | None = None
    """The entry, if the error came after it was built."""
    entries: tuple[Entry, ...] = ()
    """All entries of `record_many` or `record_forms` whose outcome is unknown."""


class IdConflict(NotStored):
    """The account has an entry with this id and other content; the stored one is unchanged."""


class StorageError(NotStored):
    """The database failed; the text says how and has a hint if there is one."""

    outcome_unknown: bool = False
    """Whether the entry may be stored despite the error."""
    unavailable: bool = False
    """Whether the database is away: it refuses connections, does not answer in time, or takes no writes for
    now. A spool takes the entry then; see `docs/spool.md`.
    """
    hint: str = ""
    """The end of the text: what became of the entry, and what the caller can do. A spool does that itself."""
    of_node: bool = False
    """Whether only a node of a Citus cluster is away, so that entries of accounts on others can be stored."""


class SchemaMismatch(StorageError):
    """The database has tables of our names that do not fit; the text names the first difference."""
