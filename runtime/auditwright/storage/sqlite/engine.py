"""SQLite: one file, embedded; durable on COMMIT (WAL, synchronous=FULL), one writer in a process.

Connections, writing and reading stand here; the tables, indexes, triggers and views in `sqlite_schema.py`.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from auditwright.entry import Row, columns
from auditwright.forks import ForkAware, register
from auditwright.storage.base import SMALL_CATALOG, Counted, Pieces, Rows
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.storage.query import Found, Scope
from auditwright.storage.scan import Part, joined
from auditwright.storage.sessions import sqlalchemy_connection
from auditwright.storage.sqlite import export_pool as several
from auditwright.storage.sqlite import export_sql as export
from auditwright.storage.sqlite import export_worker as share
from auditwright.storage.sqlite import queries
from auditwright.storage.sqlite.queries import contains
from auditwright.storage.sqlite.schema import CONFLICT, other_columns, set_up, whole_metadata
from auditwright.storage.write_lock import WriteLock

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from auditwright.catalog import Catalog

MINIMUM = (3, 37, 0)
"""The first SQLite with STRICT tables."""
BUSY_SECONDS = 1.0
"""How long a write waits for another one. In its own process there is none, unless the caller holds it."""
_NOT_UTF8 = "Could not decode to UTF-8"
"""In what Python says of such a text, of which it then quotes all."""
NAP_SECONDS = (0.0002, 0.002)
FORK_SECONDS = 2.0
"""How long a fork waits for a commit; only a signal handler that interrupts the commit would wait longer."""
WRITER_PRAGMAS = (
    "synchronous=FULL",
    "recursive_triggers=ON",
    "cache_size=-16000",
    # Pages that are changed again soon are written once: half the cost of a bulk load, for 40 MB of WAL.
    "wal_autocheckpoint=10000",
)
MANY_BRANCHES = 100
"""Branches from which on it is worth looking which users have few entries."""
MAX_IDLE = 16
"""Connections for reading that are kept for the next reader."""


class SQLiteStorage(ForkAware):
    """One SQLite file; see `Storage`. Safe to use from many threads, and after a fork."""

    def __init__(self, location: str, catalog: Catalog, create: bool = True) -> None:
        self.path = path_of(location)
        self._catalog = catalog
        self._columns = columns(catalog)
        names = [name for name, _, _ in self._columns]
        self._insert = f"INSERT INTO audit_entry ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        self._leading = ", ".join(names[:-1])
        self._metadata_of: dict[int, str] = {}
        self._closed = False
        self._inherited = False
        self._file: tuple[int, int] | None = None
        self._reset()
        register(self)
        try:
            self._open(create)
        except BaseException:
            self.close()
            raise

    # --- connections ---------------------------------------------------------------------------

    def _reset(self) -> None:
        self._lock = WriteLock(str(self.path))
        self._held = False
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []

    def before_fork(self) -> None:
        """Wait for the commit that is being written, and let go of the file; both sides open it again.

        A child that inherits a connection shares what SQLite keeps of the file's locks, and holds none of
        them: it would write into a log that the next one to close the file removes, and what was forked amid
        SQLite's work would find its mutexes held for ever.
        """
        self._held = self._lock.acquire(timeout=FORK_SECONDS)
        if self._held:
            self._let_go()

    def after_fork_in_parent(self) -> None:
        """Go on writing."""
        if self._held:
            self._held = False
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew, and look whether there are connections nevertheless: another thread's, or not ours."""
        _ABANDONED.extend([self._writer, *self._readers])
        self._reset()
        self._inherited = _is_open(self._file)

    def _let_go(self) -> None:
        """Close what is open and not being read from."""
        connections = [self._writer] if self._writer is not None else []
        self._writer = None
        while self._readers:
            connections.append(self._readers.pop())
        for connection in connections:
            connection.close()

    def _check_not_inherited(self) -> None:
        if self._inherited:
            raise StorageError(
                f"{self.path}: this process was forked while the file was open in its parent, and SQLite "
                "would lose what is written here; before forking, close other connections to the file and "
                "what reads the log, or start processes by spawning"
            )

    def _connect(self, mode: str, *pragmas: str) -> sqlite3.Connection:
        """A connection; only with the mode `rwc` is a file made that is not there."""
        self._check_open()
        self._check_not_inherited()
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self.path}: the log is closed")

    def _write_connection(self) -> sqlite3.Connection:
        self._check_open()
        if self._writer is None:
            # Once the file is set up, `_begin` is what waits for others.
            pragmas = (*WRITER_PRAGMAS, "busy_timeout=0") if self._file else WRITER_PRAGMAS
            self._writer = self._connect("rw" if self._file else "rwc", *pragmas)
            self._file = self._file or _identity(self.path)
        self._check_place()
        return self._writer

    def _check_place(self) -> None:
        """Refuse a file that is no longer there: SQLite would go on with what nobody can find any more."""
        if _identity(self.path) != self._file:
            raise StorageError(f"{self.path}: the file was removed or replaced while the log was open")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a read transaction, so that all its statements see one moment."""
        with self._errors("read"):
            if not self._closed:
                self._check_place()
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect("rw", "query_only=ON")
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        if self._closed or len(self._readers) >= MAX_IDLE:
            connection.close()
        else:
            self._readers.append(connection)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(doing, error) from (None if _NOT_UTF8 in str(error) else error)

    def _error(self, doing: str, error: sqlite3.Error) -> StorageError | IdConflict:
        if CONFLICT in str(error):
            return IdConflict("an entry with this id and other content is stored already; it stays as it is")
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StorageError(
                f"{self.path}: another transaction is writing to this file; SQLite takes one at a time. "
                "If it is this program's own, pass session= so that the entry joins it; if it is another "
                "process, record again with id=error.entry.id"
            )
        if _NOT_UTF8 in str(error):
            return StorageError(
                f"{self.path}: cannot {doing}: an entry has text that is no UTF-8; an export to CSV names it"
            )
        return StorageError(f"{self.path}: cannot {doing}: {error} ({name or type(error).__name__})")

    # --- creating ------------------------------------------------------------------------------

    def _open(self, create: bool) -> None:
        if not create and not self.path.exists():
            raise StorageError(f"{self.path}: there is no such database; record something, or check its name")
        if not self.path.parent.is_dir():
            raise StorageError(f"{self.path}: the folder {self.path.parent} does not exist")
        with self._errors("open"):
            connection = self._write_connection()
            _use_wal(connection)
            set_up(connection, self._catalog, str(self.path))
            connection.execute("PRAGMA busy_timeout=0")

    # --- writing -------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes, inside a transaction that is durable when the block ends."""
        with self._lock.held(), self._errors("write"):
            connection = self._write_connection()
            _begin(connection)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                if self._closed:  # by a signal handler, which could not wait for this
                    self._let_go()

    def insert(self, rows: Sequence[Row]) -> int:
        """See `Storage.insert`."""
        with self._writing() as connection:
            return connection.executemany(self._insert, rows).rowcount

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """See `Storage.insert_each`."""
        with self._writing() as connection:
            return [self._insert_one(connection, row) for row in rows]

    def _insert_one(self, connection: sqlite3.Connection, row: Row) -> Row | IdConflict:
        try:
            new = connection.execute(self._insert, row).rowcount
        except sqlite3.Error as error:  # a conflict undoes its statement and leaves the transaction
            conflict = self._error("write", error)
            if isinstance(conflict, IdConflict):
                return conflict
            raise
        stored = None if new else self._find(connection, row[0], row[1])
        return row if stored is None else stored

    def join(self, session: Any, row: Row) -> int:
        """See `Storage.join`: a SQLAlchemy or SQLModel session, a SQLAlchemy or a sqlite3 connection."""
        self._check_not_inherited()
        self._check_open()
        if isinstance(session, sqlite3.Connection):
            with self._errors("join the caller's transaction"):
                self._check_file(session.execute("PRAGMA database_list").fetchall())
                if not session.in_transaction:
                    session.execute("BEGIN IMMEDIATE")
                return session.execute(self._insert, row).rowcount
        return self._join_sqlalchemy(session, row)

    def _join_sqlalchemy(self, session: Any, row: Row) -> int:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            connection = sqlalchemy_connection(session, "sqlite", "SQLite", "sqlite3")
            self._check_transaction(connection)
            return connection.exec_driver_sql(self._insert, row).rowcount
        except SQLAlchemyError as error:
            original = getattr(error, "orig", None)
            if isinstance(original, sqlite3.Error):
                raise self._error("join the caller's transaction", original) from error
            raise StorageError(f"{self.path}: cannot join the caller's transaction: {error}") from error

    def _check_transaction(self, connection: Connection) -> None:
        """Refuse a transaction of another file, and one in which a rollback would not take the entry back."""
        if connection.info.get("auditwright_file") != self._file:
            self._check_file(connection.exec_driver_sql("PRAGMA database_list").fetchall())
            connection.info["auditwright_file"] = self._file  # SQLAlchemy keeps it with the connection
        if connection.in_nested_transaction():
            driver = connection.connection.driver_connection
            leaves_begin_to_us = getattr(driver, "isolation_level", None) is None
            if not leaves_begin_to_us and getattr(driver, "autocommit", -1) == -1:
                raise StorageError(
                    f"{self.path}: in this savepoint the entry could stay although you roll back, because "
                    "Python's driver opens it without a transaction; set the engine up as SQLAlchemy's page "
                    "on SQLite says under transactions and savepoints, or record outside of begin_nested()"
                )

    def _check_file(self, databases: Sequence[Sequence[Any]]) -> None:
        """Refuse a connection to another file than the log's; `databases` is PRAGMA database_list."""
        files = [row[2] for row in databases if row[1] == "main"]
        if not files or _identity(Path(files[0])) != self._file:
            raise StorageError(
                f"session= is a transaction on {files[0] if files and files[0] else 'another database'}, and "
                f"this log is {self.path}: an entry joins only a transaction of its own database"
            )

    # --- reading -------------------------------------------------------------------------------

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """See `Storage.row`."""
        with self._reading() as connection:
            return self._find(connection, account_id, entry_id)

    def _find(self, connection: sqlite3.Connection, account_id: str, entry_id: bytes) -> Row | None:
        found: Row | None = connection.execute(
            f"SELECT {self._leading}, {self._metadata(connection)} FROM audit_entry "
            "WHERE account_id = ? AND id = ?",
            (account_id, entry_id),
        ).fetchone()
        return found

    def _metadata(self, connection: sqlite3.Connection) -> str:
        """SQL for the metadata, columns of other catalogs among it: one may be added while this is open."""
        version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
        if version not in self._metadata_of:
            self._metadata_of[version] = whole_metadata(other_columns(connection, self._catalog))
        return self._metadata_of[version]

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """See `Storage.possible_events`; it is quick in any case."""
        recorded, known = self.recorded_events(account_id), self._catalog.current
        return recorded if len(known) > SMALL_CATALOG else list(dict.fromkeys([*recorded, *known]))

    def recorded_events(self, account_id: str) -> list[str]:
        """See `Storage.recorded_events`: hops from key to key in the index, whatever the number of rows."""
        with self._reading() as connection:
            found = connection.execute(
                """
                WITH RECURSIVE hop(event) AS (
                    SELECT min(event) FROM audit_entry WHERE account_id = :account
                    UNION ALL
                    SELECT (SELECT min(event) FROM audit_entry
                            WHERE account_id = :account AND event > hop.event)
                    FROM hop WHERE hop.event IS NOT NULL)
                SELECT event FROM hop WHERE event IS NOT NULL""",
                {"account": account_id},
            )
            return [row[0] for row in found]

    def accounts(self, most: int) -> list[str]:
        """See `Storage.accounts`."""
        with self._reading() as connection:
            found = connection.execute(
                """
                WITH RECURSIVE hop(account) AS (
                    SELECT min(account_id) FROM audit_entry
                    UNION ALL
                    SELECT (SELECT min(account_id) FROM audit_entry WHERE account_id > hop.account)
                    FROM hop WHERE hop.account IS NOT NULL)
                SELECT account FROM hop WHERE account IS NOT NULL LIMIT ?""",
                (most,),
            )
            return [row[0] for row in found]

    def users(self, account_id: str, text: str, most: int) -> list[Row]:
        """See `Storage.users`."""
        by_id, pattern = contains("actor_id", text)
        by_name, _ = contains("actor_name", text)
        with self._reading() as connection:
            # Beside max() the columns are those of the row that has it.
            found = connection.execute(
                f"""
                SELECT actor_type, actor_id, nullif(actor_name, ''), max(iif(actor_name = '', '', first_id))
                FROM audit_user WHERE account_id = ?
                GROUP BY actor_id HAVING total({by_id} OR {by_name}) > 0
                ORDER BY actor_id LIMIT ?""",
                (account_id, pattern, pattern, most),
            )
            return [row[:3] for row in found]

    def counts(self, account_id: str, scopes: Iterable[Scope]) -> Generator[int, None, None]:
        """See `Storage.counts`."""
        with self._reading() as connection:
            for scope in scopes:
                yield sum(
                    connection.execute(f"SELECT count(*) FROM ({statement})", values).fetchone()[0]
                    for statement, values in queries.statements(scope, "1")
                )

    def count_up_to(self, most: int, scope: Scope) -> Counted:
        """See `Storage.count_up_to`."""
        look, order = most + 1, ""
        if scope.needs_scan:  # the newest entries, as for a page
            look, order = queries.scan_budget_of_branch(scope), queries.in_order(newest_first=True)
        counted, whole = 0, True
        with self._reading() as connection:
            for statement, values in queries.statements(scope, "id", fits="fits"):
                found, looked = connection.execute(
                    f"SELECT total(fits), count(*) FROM ({statement}{order} LIMIT {look})", values
                ).fetchone()
                counted += int(found)
                whole = whole and looked < look
        return Counted(min(counted, most), whole and counted <= most)

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """See `Storage.page`."""
        if not scope.needs_scan and len(scope.branches) < MANY_BRANCHES:
            with closing(self.rows(scope, newest_first, limit)) as rows:
                return Found(list(rows))
        with self._reading() as connection:
            reached = None
            if scope.needs_scan:
                found = joined(self._parts(connection, scope, newest_first, limit), newest_first)
                ids = found.ids[:limit]
                reached = found.reached if len(ids) < limit else None
            else:
                few, rest = self._few(connection, scope)
                ids = [*few, *self._first(connection, rest, newest_first, limit)]
                ids = sorted(ids, reverse=newest_first)[:limit]
            if not ids:
                return Found([], reached)
            rows_of = connection.execute(
                f"SELECT {self._leading}, {self._metadata(connection)} FROM audit_entry "
                f"WHERE account_id = ? AND id IN ({', '.join('?' * len(ids))})"
                f"{queries.in_order(newest_first, column=2)}",
                [scope.account_id, *ids],
            )
            return Found(rows_of.fetchall(), reached)

    def _few(self, connection: sqlite3.Connection, scope: Scope) -> tuple[list[bytes], Scope]:
        """What belongs to the scope of users who have few entries, in no order, and the scope without it."""
        events: dict[str, set[str | None]] = {}
        for branch in scope.branches:
            if branch.user is not None:
                events.setdefault(branch.user, set()).add(branch.event)
        ids: list[bytes] = []
        few = set()
        low, high = scope.low or bytes(16), scope.high
        for user, of_user in events.items():
            values = (scope.account_id, user, queries.FEW_ENTRIES + 1)
            found = connection.execute(queries.SPARSE_USERS, values).fetchall()
            if len(found) <= queries.FEW_ENTRIES:
                few.add(user)
                ids += [each for event, each in found if event in of_user]
        return (
            [each for each in ids if low <= each and (high is None or each < high)],
            replace(scope, branches=tuple(each for each in scope.branches if each.user not in few)),
        )

    def _first(
        self, connection: sqlite3.Connection, scope: Scope, newest_first: bool, limit: int
    ) -> Iterator[bytes]:
        """The first ids of a scope, merged of as many statements as its branches need."""
        cursors = [
            connection.execute(f"{statement}{queries.in_order(newest_first)} LIMIT {limit}", values)
            for statement, values in queries.statements(scope, "id")
        ]
        for (found,) in islice(heapq.merge(*cursors, reverse=newest_first), limit):
            yield found

    def _parts(
        self, connection: sqlite3.Connection, scope: Scope, newest_first: bool, limit: int
    ) -> Iterator[Part]:
        """The ids that fit, so many of each statement at most, among the first that may be looked at."""
        look, order = queries.scan_budget_of_branch(scope), queries.in_order(newest_first)
        tried = queries.statements(scope, "id", fits="fits")
        whole = queries.statements(scope.indexed, "id")
        for (statement, values), (indexed, bounds) in zip(tried, whole, strict=True):
            found = connection.execute(
                f"SELECT id FROM ({statement}{order} LIMIT {look}) WHERE fits LIMIT {limit}", values
            )
            ids = [each for (each,) in found]
            if len(ids) == limit:
                yield Part(ids, ids[-1])
                continue
            last = connection.execute(f"{indexed}{order} LIMIT 1 OFFSET {look - 1}", bounds).fetchone()
            yield Part(ids, last and last[0])

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """See `Storage.rows`."""
        with self._reading() as connection:
            selected = f"{self._leading}, {self._metadata(connection)}"
            if len(scope.branches) == 1:
                ((statement, values),) = queries.statements(scope, selected)
                order = queries.in_order(newest_first, column=2)
                most = -1 if limit is None else limit
                yield from connection.execute(f"{statement}{order} LIMIT ?", [*values, most])
                return
            cursors = [
                connection.execute(statement + queries.in_order(newest_first), values)
                for statement, values in queries.statements(scope, "id, rowid")
            ]
            found = islice(heapq.merge(*cursors, reverse=newest_first), limit)
            while part := [row_id for _, row_id in islice(found, share.MAX_LINES)]:
                yield from connection.execute(queries.by_row_ids(selected, "?"), [json.dumps(part)])
            for cursor in cursors:
                cursor.close()

    def csv_lines(
        self, scope: Scope, full: bool, size: int, limit: int | None = None, processes: int = 1
    ) -> Pieces:
        """See `Storage.csv_lines`."""
        return self._pieces(partial(export.line_of_csv, full=full), scope, True, size, limit, processes)

    def json_lines(self, scope: Scope, size: int, processes: int = 1) -> Pieces:
        """See `Storage.json_lines`."""
        return self._pieces(export.line_of_json, scope, False, size, None, processes)

    def _pieces(
        self,
        line_of: Callable[[Catalog, str], str],
        scope: Scope,
        newest_first: bool,
        size: int,
        limit: int | None,
        processes: int,
    ) -> Pieces:
        """The lines of a scope in pieces, each made by SQLite as one text.

        `line_of` makes the SQL of a line, of the catalog and the SQL for the metadata.
        """
        if limit is not None or not scope.branches or len(scope.branches) > queries.MAX_BRANCHES:
            processes = 1
        with self._reading() as connection, self._others(connection, scope, processes - 1) as others:
            share.keep_titles(connection, self._titles)
            if scope.branches:
                line = line_of(self._catalog, self._metadata(connection))
                work = export.work_of(scope, line, newest_first, size, several.RANGE, self._titles)
                if others:
                    yield from several.lines(connection, work, others)
                else:
                    yield from share.pieces(connection, work, work.whole, limit)

    @cached_property
    def _titles(self) -> share.Titles:
        return export.titles_of(self._catalog)

    def _others(
        self, connection: sqlite3.Connection, scope: Scope, count: int
    ) -> AbstractContextManager[Sequence[several.Process]]:
        """Other processes to make a share of a scope; none for one that is soon done."""
        if count:
            ((statement, values),) = queries.statements(scope.indexed, "1")
            far = connection.execute(f"{statement} LIMIT 1 OFFSET {several.LEAST}", values)
            if far.fetchone():
                return several.others(self.path, self._file, count, connection)
        return nullcontext(())

    def close(self) -> None:
        """See `Storage.close`."""
        self._closed = True
        if not self._lock.is_mine:
            with self._lock.held():
                self._let_go()


def path_of(location: str) -> Path:
    """The file of a URL's part after the colon and the slashes; raises `StorageError`."""
    if sqlite3.sqlite_version_info < MINIMUM:
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed")
    # sqlite:///audit.db is a relative path, sqlite:////srv/audit.db an absolute one.
    path = location.removeprefix("/")
    if path in ("", ":memory:"):
        raise StorageError(
            "an audit log in memory would not be durable; name a file, such as sqlite:///audit.db"
        )
    if "\0" in path:
        raise StorageError("a database's path has no NUL")
    return Path(path).absolute()


_ABANDONED: list[sqlite3.Connection | None] = []


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, also where other processes are creating the same file.

    SQLite does not wait here for those who are switching too, whatever its timeout.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: sqlite3.Connection) -> None:
    """Begin to write; waits for other processes by naps of a random length, up to `BUSY_SECONDS`.

    SQLite's own way of waiting, naps that grow, lets whoever has just come go before: of four processes that
    write without pause it starves one or two for seconds. With these naps each gets its share.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(*NAP_SECONDS))
        else:
            return


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path names: device and inode; None where it names none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_open(file: tuple[int, int] | None) -> bool:
    """Whether this process has a file open, by its device and inode; unknown is taken for no."""
    with suppress(OSError):
        for each in Path("/dev/fd").iterdir():
            with suppress(OSError):  # the one that listed them is closed again
                found = os.fstat(int(each.name))
                if (found.st_dev, found.st_ino) == file:
                    return True
    return False
