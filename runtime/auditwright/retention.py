"""Deleting what has become too old, and holds that keep it: `prune`, `place_hold` and what belongs to them.

Every transaction that deletes entries of an account records in that account that it did, and how many. SQLite
deletes rows, oldest first, in batches; PostgreSQL drops partitions, and so keeps what is of the month of the
limit. Accounts that are held keep theirs on both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from auditwright.entry import format_time, from_microseconds, id_head, to_microseconds
from auditwright.errors import StorageError
from auditwright.own_events import HELD, PRUNED, RELEASED
from auditwright.recording import Recorder
from auditwright.storage import is_postgresql

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.context import Actor
    from auditwright.entry import Row

Progress = Callable[[int], None]
"""Is told how many entries are dealt with, now and then."""


@dataclass(frozen=True, slots=True)
class Old:
    """The entries of one account that are too old."""

    account_id: str
    entries: int
    first: datetime
    last: datetime

    def and_(self, other: Old) -> Old:
        """Both together, of one account."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return Old(self.account_id, self.entries + other.entries, first, last)


@dataclass(frozen=True, slots=True)
class Hold:
    """An account whose entries stay."""

    account_id: str
    reason: str
    until: datetime | None
    """When it ends by itself."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be."""

    name: str
    """What the database is called."""
    before: datetime
    """What is older than this; on PostgreSQL the beginning of a month."""
    deleted: tuple[Old, ...]
    """By account."""
    held: tuple[Old, ...]
    """What stayed because its account is held."""
    dropped: tuple[str, ...] = ()
    """Partitions that are gone."""


class Keeper(Protocol):
    """One database, by somebody who may delete from it. Every method raises `StorageError`."""

    name: str

    def prune(
        self, before: datetime, account_id: str | None, dry_run: bool, record: Record, progress: Progress
    ) -> Pruned:
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


Record = Callable[[datetime, Old], "Row"]
"""Makes the row that says what an account lost."""


def prune(
    url: str,
    catalog: Catalog,
    before: datetime,
    actor: Actor,
    *,
    account_id: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pruned:
    """Delete the entries that are older than a time and not held, and record that in each account.

    `actor` is who is recorded as having done it. With `dry_run` nothing is changed. Raises `StorageError`.
    """
    if before.timestamp() > time.time():
        raise StorageError(f"{_text(before)} is still to come; what is older than that is everything")
    recorder = Recorder(catalog, None, None)

    def record(limit: datetime, old: Old) -> Row:
        values = {
            "before": _text(limit),
            "entries": old.entries,
            "first": _text(old.first),
            "last": _text(old.last),
        }
        return recorder.row(PRUNED, values, {"actor": actor, "account_id": old.account_id})

    with closing(_open(url, catalog)) as keeper:
        return keeper.prune(before, account_id, dry_run, record, progress or (lambda _: None))


def place_hold(
    url: str, catalog: Catalog, account_id: str, reason: str, actor: Actor, until: datetime | None = None
) -> bool:
    """Keep the entries of an account from retention, and record that; False where that very hold was there.

    A hold with another reason or end takes its place.
    """
    now = from_microseconds(time.time_ns() // 1000)
    if until is not None and until <= now:
        raise StorageError(f"a hold until {_text(until)} would be over already")
    values = {"reason": reason, "until": None if until is None else _text(until)}
    row = Recorder(catalog, None, None).row(HELD, values, {"actor": actor, "account_id": account_id})
    with closing(_open(url, catalog)) as keeper:
        return keeper.hold(Hold(row[0], reason, until, now), row)


def remove_hold(url: str, catalog: Catalog, account_id: str, actor: Actor) -> Hold | None:
    """Give an account back to retention, and record that; the hold that was there, if there was one."""
    recorder = Recorder(catalog, None, None)

    def record(hold: Hold) -> Row:
        options = {"actor": actor, "account_id": hold.account_id}
        return recorder.row(RELEASED, {"reason": hold.reason}, options)

    with closing(_open(url, catalog)) as keeper:
        return keeper.release(account_id, record)


def list_holds(url: str, catalog: Catalog) -> list[Hold]:
    """The holds there are, by account, also those that are over."""
    with closing(_open(url, catalog)) as keeper:
        return keeper.holds()


def _open(url: str, catalog: Catalog) -> Keeper:
    if is_postgresql(url):
        from auditwright.storage.postgresql_retention import PostgreSQLKeeper

        return PostgreSQLKeeper(url, catalog)
    from auditwright.storage.sqlite_retention import SQLiteKeeper

    return SQLiteKeeper(url, catalog)


# --- for the engines -----------------------------------------------------------------------------


def bound_of(moment: datetime) -> bytes:
    """The least id of a time."""
    return id_head(max(to_microseconds(moment), 0)) + bytes(8)


def together(olds: Iterable[Old]) -> tuple[Old, ...]:
    """What is of one account added up, by account."""
    found: dict[str, Old] = {}
    for old in olds:
        found[old.account_id] = found[old.account_id].and_(old) if old.account_id in found else old
    return tuple(found[account_id] for account_id in sorted(found))


def _text(moment: datetime) -> str:
    return format_time(to_microseconds(moment))
