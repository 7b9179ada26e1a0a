"""Deleting what has become too old, and holds that keep it: `prune`, `place_hold` and what belongs to them.

Every transaction that deletes entries of an account records in that account that it did, and how many. SQLite
deletes rows, oldest first, in batches; PostgreSQL drops partitions, and so keeps what is of the month of the
limit. Accounts that are held keep theirs on both.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from auditwright.ids import format_time, from_microseconds, to_microseconds
from auditwright.recording.recorder import Recorder
from auditwright.storage import is_postgresql, sqlite_location
from auditwright.storage.errors import StorageError
from auditwright.storage.retention import ExpiredEntries, Hold, Progress, PruneResult, RetentionStore
from auditwright.system_events import HELD, PRUNED, RELEASED

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.catalog import Catalog
    from auditwright.entry import Row


def prune(
    url: str,
    catalog: Catalog,
    before: datetime,
    actor: Actor,
    *,
    account_id: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> PruneResult:
    """Delete the entries that are older than a time and not held, and record that in each account.

    `actor` is who is recorded as having done it. With `dry_run` nothing is changed. Raises `StorageError`.
    """
    if before.timestamp() > time.time():
        raise StorageError(f"{_text(before)} is still to come; what is older than that is everything")
    recorder = Recorder(catalog, None, None)

    def record(limit: datetime, old: ExpiredEntries) -> Row:
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


def _open(url: str, catalog: Catalog) -> RetentionStore:
    if is_postgresql(url):
        from auditwright.storage.postgresql.retention import PostgreSQLRetentionStore

        return PostgreSQLRetentionStore(url, catalog)
    from auditwright.storage.sqlite.retention import SQLiteRetentionStore

    return SQLiteRetentionStore(sqlite_location(url), catalog)


# --- for the engines -----------------------------------------------------------------------------


def _text(moment: datetime) -> str:
    return format_time(to_microseconds(moment))
