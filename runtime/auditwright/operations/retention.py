"""Retention: delete old entries (`prune`), and exempt accounts from that (`place_hold`, `remove_hold`).

Every transaction that deletes entries of an account records their number in that account, and a run records
its sum in the account `auditwright`. SQLite deletes rows, oldest first, in batches. PostgreSQL drops the
partitions of whole months, and so keeps the month of the limit. Accounts on hold keep their entries.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from auditwright.actor import Actor
from auditwright.entry import Entry
from auditwright.ids import format_time, from_microseconds, to_microseconds
from auditwright.recording.recorder import Recorder
from auditwright.recording.setup_record import adoption_rows, retention_row
from auditwright.storage import open_retention_store
from auditwright.storage.errors import StorageError
from auditwright.storage.retention import ExpiredEntries, Hold, PruneResult
from auditwright.system_events import HELD, PRUNED, RELEASED

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Progress, Row
    from auditwright.storage.retention import RetentionStore


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
    """Delete the entries before a time, except those on hold, and record that in each account.

    `actor` is recorded as the actor of the deletion. `dry_run` only reports. Raises `StorageError`.
    """
    if before.timestamp() > time.time():
        raise StorageError(f"{_text(before)} is in the future; retention would delete every entry")
    recorder = Recorder(catalog, None, None)

    def record(limit: datetime, expired: ExpiredEntries) -> Row:
        values = {
            "before": _text(limit),
            "entries": expired.entries,
            "first": _text(expired.first),
            "last": _text(expired.last),
        }
        options = {"actor": actor, "account_id": expired.account_id}
        return recorder.row(PRUNED, values, options, by_auditwright=True)

    record_run = partial(retention_row, catalog, actor)
    with closing(_open(url, catalog, actor)) as store:
        return store.prune(before, account_id, dry_run, record, record_run, progress or (lambda _: None))


def place_hold(
    url: str, catalog: Catalog, account_id: str, reason: str, actor: Actor, until: datetime | None = None
) -> bool:
    """Exempt the entries of an account from retention, and record that. Returns False for an equal hold.

    A hold with another reason or end is replaced.
    """
    now = from_microseconds(time.time_ns() // 1000)
    if until is not None and until <= now:
        raise StorageError(f"a hold until {_text(until)} would be expired; give a time in the future")
    values = {"reason": reason, "until": None if until is None else _text(until)}
    options = {"actor": actor, "account_id": account_id}
    row = Recorder(catalog, None, None).row(HELD, values, options, by_auditwright=True)
    with closing(_open(url, catalog, actor)) as store:
        return store.hold(Hold(Entry(catalog, row).account_id, reason, until, now), row)


def remove_hold(url: str, catalog: Catalog, account_id: str, actor: Actor) -> Hold | None:
    """Remove the hold of an account, and record that. Returns the hold, or None."""
    recorder = Recorder(catalog, None, None)

    def record(hold: Hold) -> Row:
        options = {"actor": actor, "account_id": hold.account_id}
        return recorder.row(RELEASED, {"reason": hold.reason}, options, by_auditwright=True)

    with closing(_open(url, catalog, actor)) as store:
        return store.release(account_id, record)


def list_holds(url: str, catalog: Catalog) -> list[Hold]:
    """All holds by account, expired ones included."""
    with closing(_open(url, catalog, Actor.system())) as store:
        return store.holds()


def _open(url: str, catalog: Catalog, actor: Actor) -> RetentionStore:
    return open_retention_store(url, catalog, partial(adoption_rows, catalog, actor))


def _text(moment: datetime) -> str:
    return format_time(to_microseconds(moment))
