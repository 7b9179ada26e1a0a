"""The protocol that both engines implement for retention, and its values.

`operations/retention.py` calls it with an owner's credentials; recording and reading do not use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from auditwright.entry import Progress, Row


@dataclass(frozen=True, slots=True)
class ExpiredEntries:
    """How many entries of one account are older than the retention period."""

    account_id: str
    entries: int
    first: datetime
    last: datetime

    def __add__(self, other: ExpiredEntries) -> ExpiredEntries:
        """The sum of two of one account."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return ExpiredEntries(self.account_id, self.entries + other.entries, first, last)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold: the entries of the account are not deleted."""

    account_id: str
    reason: str
    until: datetime | None
    """When it expires; None for never."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was deleted, or would be deleted in a dry run."""

    name: str
    """The name of the database."""
    before: datetime
    """The exclusive upper bound of the deleted entries; on PostgreSQL the start of a month."""
    deleted: tuple[ExpiredEntries, ...]
    """By account."""
    held: tuple[ExpiredEntries, ...]
    """What was not deleted because its account is on hold."""
    dropped: tuple[str, ...] = ()
    """The partitions that were dropped."""


class RetentionStore(Protocol):
    """A database opened with the right to delete. Every method raises `StorageError`."""

    name: str

    def prune(
        self,
        before: datetime,
        account_id: str | None,
        dry_run: bool,
        record: RecordPrune,
        record_run: RecordRun,
        progress: Progress,
    ) -> PruneResult:
        """Delete entries older than `before`, of one account or all; with `dry_run` only count them.

        Where entries were deleted, the row of each account is stored with the deletion, and at last that of
        the run.
        """
        ...

    def holds(self) -> list[Hold]:
        """All holds, by account."""
        ...

    def hold(self, hold: Hold, row: Row) -> bool:
        """Add or replace a hold and store the row; False if an equal hold exists already."""
        ...

    def release(self, account_id: str, record: Callable[[Hold], Row]) -> Hold | None:
        """Remove a hold and store the row that records it; returns the hold, None if there was none."""
        ...

    def close(self) -> None:
        """Close the database."""
        ...


RecordPrune = Callable[[datetime, ExpiredEntries], "Row"]
"""Makes the row that records what was deleted from an account."""
RecordRun = Callable[[datetime, "Sequence[ExpiredEntries]"], "Row"]
"""Makes the row that records the run, from what was deleted from each account."""


def sum_by_account(olds: Iterable[ExpiredEntries]) -> tuple[ExpiredEntries, ...]:
    """One sum for each account, ordered by account."""
    found: dict[str, ExpiredEntries] = {}
    for old in olds:
        found[old.account_id] = found[old.account_id] + old if old.account_id in found else old
    return tuple(found[account_id] for account_id in sorted(found))
