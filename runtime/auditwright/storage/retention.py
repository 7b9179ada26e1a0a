"""What retention asks of a database engine, and its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from auditwright.ids import id_head, to_microseconds

if TYPE_CHECKING:
    from auditwright.entry import Row


Progress = Callable[[int], None]
"""Is told how many entries are dealt with, now and then."""


@dataclass(frozen=True, slots=True)
class ExpiredEntries:
    """The entries of one account that are too old."""

    account_id: str
    entries: int
    first: datetime
    last: datetime

    def and_(self, other: ExpiredEntries) -> ExpiredEntries:
        """Both together, of one account."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return ExpiredEntries(self.account_id, self.entries + other.entries, first, last)


@dataclass(frozen=True, slots=True)
class Hold:
    """An account whose entries stay."""

    account_id: str
    reason: str
    until: datetime | None
    """When it ends by itself."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was deleted, or would be."""

    name: str
    """What the database is called."""
    before: datetime
    """What is older than this; on PostgreSQL the beginning of a month."""
    deleted: tuple[ExpiredEntries, ...]
    """By account."""
    held: tuple[ExpiredEntries, ...]
    """What stayed because its account is held."""
    dropped: tuple[str, ...] = ()
    """Partitions that are gone."""


class RetentionStore(Protocol):
    """One database, by somebody who may delete from it. Every method raises `StorageError`."""

    name: str

    def prune(
        self, before: datetime, account_id: str | None, dry_run: bool, record: Record, progress: Progress
    ) -> PruneResult:
        """Delete what is older, of one account or of all; with `dry_run` only say what."""
        ...

    def holds(self) -> list[Hold]:
        """The holds there are, by account."""
        ...

    def hold(self, hold: Hold, row: Row) -> bool:
        """Place a hold, in the place of one that differs, and store the row; False where it is there."""
        ...

    def release(self, account_id: str, record: Callable[[Hold], Row]) -> Hold | None:
        """Remove a hold and store the row that tells it; the hold that was there."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


Record = Callable[[datetime, ExpiredEntries], "Row"]
"""Makes the row that says what an account lost."""


def bound_of(moment: datetime) -> bytes:
    """The least id of a time."""
    return id_head(max(to_microseconds(moment), 0)) + bytes(8)


def together(olds: Iterable[ExpiredEntries]) -> tuple[ExpiredEntries, ...]:
    """What is of one account added up, by account."""
    found: dict[str, ExpiredEntries] = {}
    for old in olds:
        found[old.account_id] = found[old.account_id].and_(old) if old.account_id in found else old
    return tuple(found[account_id] for account_id in sorted(found))
