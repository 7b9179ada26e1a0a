"""A spool: a SQLite log whose entries wait for the database of another log.

It is an audit log like any other, so `auditwright list` and `auditwright export` read it, and has two tables
besides: the entries that the database has refused, and why it takes none of those that wait. Entries are read
in the order in which they came, and deleted once the database has them. `auditwright/spool/` decides what
goes in and what is moved.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditwright.entry import ACCOUNT_ID, ACTOR_ID, DESCRIPTION, ID, METADATA, Row
from auditwright.ids import from_microseconds
from auditwright.storage.base import Refused, Waiting
from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.storage.sqlite.connections import BUSY_SECONDS, path_of, translated_errors
from auditwright.storage.sqlite.engine import SQLiteStorage
from auditwright.storage.sqlite.retention import SPOOL_TABLE, forget_users
from auditwright.storage.sqlite.triggers import deleting_each

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

PAGE_BYTES = 4096
"""The size of a page of a new SQLite file."""
LARGEST_PAGES = 1_073_741_823
"""The most pages that any version of SQLite allows."""
WAL_BYTES = 8_000_000
"""The size to which the write-ahead log shrinks: it needs that beside the file, and to be written back."""
SPARE_BYTES = 4 * 1024 * 1024
"""The space that is left to the deletion of a batch. On a full disk SQLite cannot delete."""
ROW_BYTES = 2_000
"""What a row takes besides its texts, at most: its other columns, and its part of the indexes."""
SHRINK_BYTES = 16 * 1024 * 1024
"""The file shrinks when it is empty and larger than this."""


class SpoolFile(SQLiteStorage):
    """The SQLite file of a spool; see `Storage`. Thread-safe, and usable by many processes and after a fork.

    `max_bytes` is the size from which it takes no more entries. With `create=False` a file that is no spool
    yet is an error, and is not changed. Raises `StorageError`, also for a file that is an audit log of its
    own.
    """

    def __init__(
        self, location: str, catalog: Catalog, max_bytes: int, timeout: float = TIMEOUT, create: bool = True
    ) -> None:
        if not create:
            _require_spool(path_of(location))
        self._pages = max(1, max_bytes // PAGE_BYTES)
        sizes = f"max_page_count={self._pages}", "wal_autocheckpoint=1000", f"journal_size_limit={WAL_BYTES}"
        # Its writers are the processes of a service, which shall wait for each other and not fail.
        super().__init__(location, catalog, timeout=timeout, pragmas=sizes, busy_seconds=timeout)
        try:
            if not self._is_marked():
                with self.connections.writing() as connection:
                    self._mark(connection)
            if create:
                self._require_writable()
        except BaseException:
            self.close()
            raise

    def _is_marked(self) -> bool:
        """Whether it has the tables of a spool; then opening it waits for no writer."""
        with self._reading() as connection:
            return set(_DEFINITIONS) <= _tables(connection)

    def _require_writable(self) -> None:
        """Raise `StorageError` for a file that cannot be written, which only an outage would find out else.

        One that another process is writing can be.
        """
        with self.connections.maintaining() as connection, self.connections.errors("write"):
            try:
                connection.execute(f"DELETE FROM {_FAILURE} WHERE false")  # BEGIN is no error
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                    raise

    def _mark(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a spool; by that of refused entries it is known."""
        found = _tables(connection)
        if SPOOL_TABLE not in found and connection.execute("SELECT 1 FROM audit_entry LIMIT 1").fetchone():
            raise StorageError(
                f"{self.path}: this is an audit log with entries, not a spool, which would move them to the "
                "database and delete them here; name a file of its own, such as sqlite:///audit-spool.db"
            )
        with self._beyond_size(connection):
            for name, definition in _DEFINITIONS.items():
                if name not in found:
                    connection.execute(definition)

    @contextmanager
    def _beyond_size(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Let the file of a full spool grow beyond its size, for what is no entry."""
        connection.execute(f"PRAGMA max_page_count={LARGEST_PAGES}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA max_page_count={self._pages}")

    def insert(self, rows: Sequence[Row]) -> int:
        """See `Storage.insert`."""
        self._require_space(rows)
        return super().insert(rows)

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """See `Storage.insert_each`."""
        self._require_space(rows)
        return super().insert_each(rows)

    def _require_space(self, rows: Sequence[Row]) -> None:
        """Refuse rows with which the disk would be so full that none could be deleted any more."""
        if not hasattr(os, "statvfs"):  # on Windows
            return
        needed = SPARE_BYTES + sum(map(_size, rows)) + ROW_BYTES * len(rows)
        try:
            disk = os.statvfs(self.path)
            needed += Path(f"{self.path}-wal").stat().st_size  # to write it back
        except OSError:  # SQLite says what is wrong with the file
            return
        free = disk.f_bavail * disk.f_frsize
        if free < needed:
            raise StorageError(
                f"{self.path}: the disk is full: it has {free:,} bytes left, of which a spool needs "
                f"{needed:,} to delete what the database has; free some"
            )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that reads, for which a fork waits: see `Connections.before_fork`.

        The thread of the mover and those that ask for the health read at any time.
        """
        with self.connections.lock.held(), self.connections.reading() as connection:
            yield connection

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """See `Storage.row`."""
        with self._reading() as connection:
            return self._find(connection, account_id, entry_id)

    def oldest(self, limit: int, max_bytes: int = 0) -> list[Row]:
        """The first entries that wait, in the order in which they came: `limit` at most.

        With `max_bytes` no more follow once they have so many bytes.
        """
        found: list[Row] = []
        size = 0
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {self._leading}, {self._metadata(connection)} FROM audit_entry AS entry "
                f"WHERE {_WAITS} ORDER BY rowid LIMIT ?",
                (limit,),
            )
            with closing(rows):
                for row in rows:
                    found.append(row)
                    size += _size(row)
                    if 0 < max_bytes <= size:
                        break
        return found

    def remove(self, rows: Sequence[Row]) -> None:
        """Delete entries that the database has, by account and id: it takes those that wait."""
        with self.connections.writing() as connection:
            _delete(connection, rows)
            connection.execute(f"DELETE FROM {_FAILURE}")

    def refuse(self, refused: Sequence[tuple[Row, str]]) -> None:
        """Keep entries that the database refuses apart, each with the reason: they hold up no other."""
        # They hold up the others of a full spool, too.
        with self.connections.writing() as connection, self._beyond_size(connection):
            connection.executemany(
                f"INSERT OR REPLACE INTO {SPOOL_TABLE} (account_id, id, reason) VALUES (?, ?, ?)",
                [(row[ACCOUNT_ID], row[ID], reason) for row, reason in refused],
            )

    def note_failure(self, reason: str) -> None:
        """Keep why the database takes none of the entries that wait, until it takes one."""
        with self._reading() as connection:
            if connection.execute(f"SELECT 1 FROM {_FAILURE} WHERE reason = ?", (reason,)).fetchone():
                return
        with self.connections.writing() as connection, self._beyond_size(connection):
            connection.execute(f"DELETE FROM {_FAILURE}")
            connection.execute(
                f"INSERT INTO {_FAILURE} (since, reason) VALUES (?, ?)", (int(time.time() * 1e6), reason)
            )

    def retry_refused(self) -> int:
        """Let all refused entries wait again; returns how many there were."""
        with self.connections.writing() as connection:
            return connection.execute(f"DELETE FROM {SPOOL_TABLE}").rowcount

    def discard(self, rows: Sequence[Row]) -> int:
        """Delete those of these entries that are refused; returns how many. Others may wait again by now."""
        with self.connections.writing() as connection:
            refused = [
                row
                for row in rows
                if connection.execute(
                    f"DELETE FROM {SPOOL_TABLE} WHERE account_id = ? AND id = ?", (row[ACCOUNT_ID], row[ID])
                ).rowcount
            ]
            _delete(connection, refused)
            return len(refused)

    def refused(self, limit: int) -> list[Refused]:
        """The first refused entries, in the order in which they came; -1 is no limit."""
        with self._reading() as connection:
            found: Iterable[tuple[str, bytes, str, str]] = connection.execute(
                # A catalog may have a column "reason", too.
                f"SELECT account_id, id, event, {SPOOL_TABLE}.reason "
                f"FROM {SPOOL_TABLE} JOIN audit_entry USING (account_id, id) "
                "ORDER BY audit_entry.rowid LIMIT ?",
                (limit,),
            )
            return [Refused(*each) for each in found]

    def waiting(self) -> Waiting:
        """How many entries wait, since when, and why."""
        with self._reading() as connection:
            entries, refused, oldest = connection.execute(
                f"SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM {SPOOL_TABLE}), "
                f"(SELECT recorded_at FROM audit_entry AS entry WHERE {_WAITS} ORDER BY rowid LIMIT 1)"
            ).fetchone()
            failure = connection.execute(f"SELECT since, reason FROM {_FAILURE}").fetchone()
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        size *= pages - free
        if oldest is None:
            return Waiting(0, None, refused, size)
        waiting = Waiting(entries - refused, from_microseconds(oldest), refused, size)
        if failure is None:
            return waiting
        since, reason = failure
        return replace(waiting, failure=reason, failing_since=from_microseconds(since))

    def shrink(self) -> None:
        """Give the space of deleted entries back to the disk if that is much and no entry is left."""
        with self.connections.maintaining() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            is_empty = not connection.execute("SELECT 1 FROM audit_entry LIMIT 1").fetchone()
            if is_empty and pages * PAGE_BYTES > SHRINK_BYTES:
                connection.execute("VACUUM")


def _delete(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Delete entries, by account and id, and the users who have no other."""
    keys = {(row[ACCOUNT_ID], row[ID]) for row in rows}
    with deleting_each(connection, keys):
        connection.executemany("DELETE FROM audit_entry WHERE account_id = ? AND id = ?", keys)
    forget_users(connection, {(row[ACCOUNT_ID], row[ACTOR_ID]) for row in rows})


def _tables(connection: sqlite3.Connection) -> set[str]:
    """The names of what is in the file."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def _size(row: Row) -> int:
    """The bytes of a row, roughly: all else is short."""
    return len(row[DESCRIPTION]) + len(row[METADATA])


def _require_spool(path: Path) -> None:
    """Raise `StorageError` unless a file is a spool."""
    if not path.exists():
        raise StorageError(f"{path}: there is no such spool; AuditLog.open(spool=...) makes it")
    name = str(path)
    with translated_errors(name, "read", "another process has locked the file; run the command again"):
        uri = f"file:{quote(name)}?mode=rw"  # a reader of a write-ahead log writes beside it
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
            is_spool = SPOOL_TABLE in _tables(connection)
    if not is_spool:
        raise StorageError(f"{path}: this is no spool; name the file of AuditLog.open(spool=...)")


_FAILURE = "audit_spool_failure"
_DEFINITIONS = {
    SPOOL_TABLE: f"""
        CREATE TABLE {SPOOL_TABLE} (
            account_id TEXT NOT NULL, id BLOB NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (account_id, id)
        ) STRICT, WITHOUT ROWID""",
    _FAILURE: f"CREATE TABLE {_FAILURE} (since INTEGER NOT NULL, reason TEXT NOT NULL) STRICT",
}
_WAITS = (
    f"NOT EXISTS (SELECT 1 FROM {SPOOL_TABLE} AS refused "
    "WHERE refused.account_id = entry.account_id AND refused.id = entry.id)"
)
