"""Sees what the logs of this process store, for tests of applications.

While something watches, logs read and write through a storage that tells. An entry in a transaction of the
caller is looked up when somebody asks for it, because nobody tells whether that transaction was committed.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from auditwright import log as logs
from auditwright.entry import ID, Entry, Row
from auditwright.storage.errors import IdConflict, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditwright.log import AuditLog
    from auditwright.storage.base import Storage

State = Literal["stored", "open", "gone", "unclear"]
"""Of an entry: committed; in a transaction that is open; rolled back; or none of these can be found out."""


@dataclass(slots=True)
class Sighting:
    """An entry that a log stored, or that joined a transaction of the caller."""

    log: AuditLog
    row: Row
    connection: Callable[[], Any] | None = None
    """Gives the connection of the caller's transaction, or None if nothing refers to it any more."""
    thread: int = field(default_factory=threading.get_ident)

    @property
    def entry(self) -> Entry:
        """The entry."""
        return Entry(self.log.catalog, self.row)

    def state(self) -> tuple[State, str]:
        """Where the entry is now, and why this is unclear."""
        if self.connection is None:
            return "stored", ""
        connection, reason = self.connection(), ""
        try:
            if self.log._storage.is_stored(self.row):
                self.connection = None  # nothing removes it any more
                return "stored", ""
        except StorageError as error:
            reason = str(error)
        if connection is not None and self.thread != threading.get_ident():
            # Most connections are not safe to use in two threads.
            return "unclear", "its transaction belongs to another thread"
        try:
            if connection is not None and _is_inside(connection, self.row):
                return "open", ""
        except Exception as error:  # of any driver
            return "unclear", (str(error) or type(error).__name__).splitlines()[0]
        return ("unclear", reason) if reason else ("gone", "")


class Watch:
    """What was stored while this was watching, in that order."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bytes, str], Sighting] = {}

    def see(self, log: AuditLog, rows: Sequence[Row], session: object = None) -> None:
        """Note the rows that a log stored; what is known already keeps its place."""
        reference = None if session is None else _reference(session)
        for row in rows:
            key = (id(log), row[ID], row[0])
            known = self._seen.get(key)
            if known is None or known.connection is not None:
                self._seen[key] = Sighting(log, row, reference)

    def settle(self, log: AuditLog) -> None:
        """Look up the entries of a log that is about to be closed."""
        for each in list(self._seen.values()):
            if each.log is log:
                each.state()

    def sightings(self) -> list[Sighting]:
        """Everything seen until now."""
        return list(self._seen.values())

    def forget(self) -> None:
        """Start anew."""
        self._seen.clear()


_watches: list[Watch] = []


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch all logs of this process inside the `with` block, those that are opened in it too."""
    watch = Watch()
    _watches.append(watch)
    if len(_watches) == 1:
        logs.on_open.append(_tell)
        for log in list(logs.logs):
            _tell(log)
    try:
        yield watch
    finally:
        _watches.remove(watch)
        if not _watches:
            logs.on_open.remove(_tell)
            for log in list(logs.logs):
                if isinstance(log._storage, _Telling):
                    log._use(log._storage.inner)


def _tell(log: AuditLog) -> None:
    log._use(cast("Storage", _Telling(log)))


class _Telling:
    """The storage of a log that tells every `Watch` what it stores."""

    def __init__(self, log: AuditLog) -> None:
        self.inner = log._storage
        self._log = weakref.ref(log)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def insert(self, rows: Sequence[Row]) -> int:
        new = self.inner.insert(rows)
        self._see(rows)
        return new

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        found = self.inner.insert_each(rows)
        self._see([each for each in found if not isinstance(each, IdConflict)])
        return found

    def insert_new(self, rows: Sequence[Row]) -> list[bool | IdConflict]:
        outcomes = self.inner.insert_new(rows)
        stored = zip(rows, outcomes, strict=True)
        self._see([row for row, outcome in stored if not isinstance(outcome, IdConflict)])
        return outcomes

    def join(self, session: Any, row: Row) -> int:
        new = self.inner.join(session, row)
        self._see([row], session)
        return new

    def close(self) -> None:
        if (log := self._log()) is not None:
            for watch in list(_watches):
                watch.settle(log)
        self.inner.close()

    def _see(self, rows: Sequence[Row], session: object = None) -> None:
        if (log := self._log()) is not None:
            for watch in list(_watches):
                watch.see(log, rows, session)


def _reference(session: Any) -> Callable[[], object]:
    """A weak reference to the connection of a session: its transaction may outlive the session."""
    if isinstance(session, sqlite3.Connection):  # takes no weak reference: it stays open while it is watched
        return lambda: session
    from sqlalchemy.orm import Session

    return weakref.ref(session.connection() if isinstance(session, Session) else session)


def _is_inside(connection: Any, row: Row) -> bool:
    """Whether a row can be seen in a transaction that is still open. Begins none."""
    if isinstance(connection, sqlite3.Connection):
        try:
            is_open = connection.in_transaction
        except sqlite3.ProgrammingError:
            return False  # the connection is closed, which rolls back
        return is_open and _has_row(connection.execute(_statement("sqlite", row)))
    from sqlalchemy import Connection

    if not isinstance(connection, Connection):  # of psycopg
        is_idle = connection.closed or connection.info.transaction_status.name == "IDLE"
        return not is_idle and _has_row(connection.execute(_statement("postgresql", row)))
    if connection.closed or not connection.in_transaction():
        return False
    if connection.dialect.is_async and not _in_run_sync():
        raise StorageError("its transaction is asynchronous; make the assertion inside `session.run_sync`")
    return _has_row(connection.exec_driver_sql(_statement(connection.dialect.name, row)))


def _in_run_sync() -> bool:
    from sqlalchemy.util import concurrency

    found = getattr(concurrency, "in_greenlet", None)  # older versions of SQLAlchemy do not have it
    return found is not None and bool(found())


def _statement(engine: str, row: Row) -> str:
    entry_id = row[ID].hex()
    value = f"x'{entry_id}'" if engine == "sqlite" else f"'{entry_id}'::uuid"
    return f"SELECT 1 FROM audit_entry WHERE id = {value}"  # noqa: S608 - hexadecimal digits


def _has_row(found: Any) -> bool:
    return found.fetchone() is not None
