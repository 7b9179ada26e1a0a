"""The health of a log, for the metrics and the probes of a service: `AuditLog.health`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditwright.storage.deadline import within
from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from auditwright.storage.base import Storage

FRESH_SECONDS = 5.0
"""A commit of this age shows that the database can be reached."""
PING_SECONDS = 2.0
"""How long the database may take to answer."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a log knows of its database and its spool."""

    reachable: bool
    """Whether the database has just committed entries, or else answers and is not read-only.

    While it takes none of the entries that wait in the spool, it is not.
    """
    queued: int
    """The entries of this process that wait for the next commit."""
    spooled: int
    """The entries that wait in the spool; 0 without a spool."""
    oldest_spooled: datetime | None
    """When the first of them was recorded."""
    spool_bytes: int
    """The bytes of the spool's file that are in use, without its write-ahead log; 0 without a spool."""
    refused: int
    """The entries of the spool that the database has refused; `auditwright spool status` shows them."""
    spool_error: str | None
    """Why none of the entries that wait in the spool could be moved at the last attempt of any process."""
    last_commit: datetime | None
    """When this process last stored entries in the database, except in transactions of callers.

    A forked process begins with the times and the error of its parent.
    """
    last_error: str | None
    """The last error of storing entries in the database, or of asking it for an answer."""
    last_error_at: datetime | None
    """When that was."""


def health_of(storage: Storage, queued: int) -> Health:
    """The health of a log. It takes `PING_SECONDS` at most.

    Raises `StorageError` for an unreadable spool, which that of a closed log is.
    """
    activity = storage.activity
    with within(PING_SECONDS):
        spool, reachable = storage.waiting(), _is_reachable(storage)
    return Health(
        reachable=reachable,
        queued=queued,
        spooled=spool.entries if spool else 0,
        oldest_spooled=spool.oldest if spool else None,
        spool_bytes=spool.size if spool else 0,
        refused=spool.refused if spool else 0,
        spool_error=spool.failure if spool else None,
        last_commit=_time(activity.last_commit),
        last_error=activity.last_error,
        last_error_at=_time(activity.last_error_at),
    )


def _is_reachable(storage: Storage) -> bool:
    activity = storage.activity
    committed = activity.last_commit or 0.0
    # The clock may have been set back since then: a commit in the future is not a fresh one.
    is_fresh = 0 <= time.time() - committed < FRESH_SECONDS and committed > (activity.last_error_at or 0.0)
    if is_fresh and not activity.is_closed:
        return True
    try:
        storage.ping()
    except StorageError as error:
        activity.failed(error)
        return False
    return True


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
