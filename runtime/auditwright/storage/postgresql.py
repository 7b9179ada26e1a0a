"""PostgreSQL through psycopg: entries by COPY or one statement, streams by cursors on the server.

Connections, writing and reading stand here; the tables, partitions, triggers and views in
`postgresql_schema.py`. Nothing here makes or changes a table: `auditwright database` does.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from auditwright.entry import Row, columns
from auditwright.errors import IdConflict, SchemaMismatch, StorageError
from auditwright.forks import Forked, see_to_forks
from auditwright.storage import postgresql_queries as queries
from auditwright.storage import postgresql_rows as packing
from auditwright.storage.base import MOST_USERS, Rows, Scope
from auditwright.storage.callers import sqlalchemy_connection
from auditwright.storage.locks import WriteLock
from auditwright.storage.postgresql_place import Connection, Place, is_lost, is_usable, sql, words_of
from auditwright.storage.postgresql_roles import warn_of_power
from auditwright.storage.postgresql_schema import ACCOUNT, AHEAD, check_fit, other_columns
from auditwright.storage.text_search import regular_expression

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

COPY_FROM = 10
"""Rows from which on COPY is quicker than one statement that carries them as JSON (`tests/benchmarks`)."""
STATEMENT = 1_000
"""Rows in one statement."""
FETCH = 1_000
"""Rows that a stream asks the server for at once."""
MOST_IDLE = 16
"""Connections for reading that are kept for the next reader."""
RETRY_SECONDS = 3600
"""After how long partitions that could not be made are tried again."""
LOCK_SECONDS = 2
"""How long making partitions ahead waits for others; the next month is time enough."""

Execute = Callable[[str, tuple[Any, ...]], list[Row]]
"""Runs a statement in somebody's transaction and gives what it returns."""
Identity = tuple[str | None, str, str]
"""Cluster, database and table."""

_log = logging.getLogger("auditwright")
_CONFLICT = "an entry with this id and other content is stored already; it stays as it is"


class PostgreSQLStorage(Forked):
    """One PostgreSQL database; see `Storage`. Safe to use from many threads, and after a fork.

    With `read_url` it reads as another role than it writes as.
    """

    def __init__(self, url: str, catalog: Catalog, read_url: str | None = None) -> None:
        self._place = Place(url)
        self._read_place = Place(read_url) if read_url else self._place
        self.name = self._place.name
        self._catalog = catalog
        self._columns = columns(catalog)
        self._closed = False
        self._copies = True
        self._joined: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
        self._others_of: dict[int, tuple[str, ...]] = {}
        self._reset()
        see_to_forks(self)
        try:
            with self._errors("open"):
                self._open()
        except BaseException:
            self.close()
            raise

    # --- connections ---------------------------------------------------------------------------

    def _reset(self) -> None:
        self._lock = WriteLock(self.name)
        self._writer: Connection | None = None
        self._readers: list[Connection] = []

    def after_fork_in_child(self) -> None:
        """Leave the parent's connections alone: using or closing them would harm both."""
        _ABANDONED.extend([self._writer, *self._readers])
        self._reset()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self.name}: the log is closed")

    def _connect(self, place: Place) -> Connection:
        self._check_open()
        return place.connect()

    def _write_connection(self) -> Connection:
        self._check_open()
        if self._writer is not None and not is_usable(self._writer):
            self._writer.close()
            self._writer = None
        if self._writer is None:
            self._writer = self._connect(self._place)
        if time.time() >= self._partitions_until:
            self._make_partitions(self._writer)
        return self._writer

    @contextmanager
    def _reading(self, account_id: str) -> Iterator[Connection]:
        """A connection in a read transaction, so that all its statements see one moment of one account."""
        with self._errors("read"):
            connection = self._reader()
            try:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                connection.execute("SELECT set_config(%s, %s, true)", (ACCOUNT, account_id))
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        if self._closed or len(self._readers) >= MOST_IDLE:
            connection.close()
        else:
            self._readers.append(connection)

    def _reader(self) -> Connection:
        while not self._closed:
            try:
                connection = self._readers.pop()
            except IndexError:
                break
            if is_usable(connection):
                return connection
            connection.close()
        return self._connect(self._read_place)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._place.error(doing, error) from error

    # --- opening -------------------------------------------------------------------------------

    def _open(self) -> None:
        """Refuse a database that does not fit, and make partitions ahead where this role may."""
        self._partitions_until = float("inf")
        connection = self._write_connection()
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise SchemaMismatch(f"{self.name}: the encoding of the database has to be UTF8")
        check_fit(connection, self._catalog, self.name)
        ((self._oid, self._table),) = connection.execute(
            "SELECT oid::text, relnamespace::regnamespace::text || '.audit_entry' "
            "FROM pg_class WHERE oid = to_regclass('audit_entry')"
        ).fetchall()
        self._insert = packing.insert_statement(self._table, self._columns)
        self._digests = packing.digests_statement(self._table)
        self._identity = self._identity_of(_runs(connection))
        warn_of_power(connection, self.name)
        self._make_partitions(connection)
        if self._read_place is not self._place:
            self._check_reader()

    def _check_reader(self) -> None:
        reader = self._connect(self._read_place)
        try:
            found = self._identity_of(_runs(reader))
        except BaseException:
            reader.close()
            raise
        self._readers.append(reader)
        warn_of_power(reader, self._read_place.name)
        if found != self._identity:
            raise StorageError(f"read_url= is another database than url=, which is {self.name}")

    def _identity_of(self, execute: Execute) -> Identity:
        """Which database a connection is on."""
        ((cluster, database, table),) = execute(_IDENTITY, (self._oid,))
        return cluster, database, table

    def _make_partitions(self, connection: Connection) -> None:
        """Make the partitions of the coming months, where this role may; who looks after them may be another.

        What goes wrong is no failure yet: those of this month are there.
        """
        schema = self._table.partition(".")[0]
        function = f"{schema}.audit_make_partitions"
        self._partitions_until = _next_month(datetime.now(UTC)).timestamp()
        try:
            allowed = connection.execute(
                "SELECT has_function_privilege(found, 'EXECUTE') FROM to_regprocedure(%s) AS found "
                "WHERE found IS NOT NULL",
                (f"{function}(integer)",),
            ).fetchone()
            if allowed and allowed[0]:
                with connection.transaction():
                    connection.execute(sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                    connection.execute(sql(f"SELECT {function}(%s)"), (AHEAD,))
        except psycopg.Error as error:
            if is_lost(error):
                raise
            self._partitions_until = time.time() + RETRY_SECONDS
            _log.warning("%s: no partitions were made ahead: %s", self.name, words_of(error))

    # --- writing -------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The connection that writes; each statement is a transaction, unless the block begins one."""
        with self._lock.held(), self._errors("write"):
            connection = self._write_connection()
            try:
                yield connection
            finally:
                # What interrupted a statement leaves its connection in the middle of it; and a signal handler
                # that closes the log cannot wait for this.
                if connection.info.transaction_status != TransactionStatus.IDLE or self._closed:
                    connection.close()

    def insert(self, rows: Sequence[Row]) -> int:
        """See `Storage.insert`."""
        with self._writing() as connection:
            if len(rows) >= COPY_FROM and self._copy(connection, rows):
                return len(rows)
            if len(rows) == 1:  # one statement, which stores it or not
                return _new(self._insert_rows(_runs(connection), rows))
            with connection.transaction():
                return _new(self._insert_rows(_runs(connection), rows))

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """See `Storage.insert_each`."""
        with self._writing() as connection:
            if len(rows) >= COPY_FROM and self._copy(connection, rows):
                return list(rows)
            if len(rows) <= STATEMENT:
                outcomes = self._insert_rows(_runs(connection), rows)
            else:
                with connection.transaction():
                    outcomes = self._insert_rows(_runs(connection), rows)
        return [
            outcome if isinstance(outcome, IdConflict) else row if outcome else self._as_stored(row)
            for row, outcome in zip(rows, outcomes, strict=True)
        ]

    def _as_stored(self, row: Row) -> Row:
        """The row under the same id, whose content is equal; the row itself where it cannot be read."""
        try:
            return self.row(row[0], row[1]) or row
        except StorageError:  # it is stored, whatever becomes of reading it back
            return row

    def _copy(self, connection: Connection, rows: Sequence[Row]) -> bool:
        """Store new rows by COPY; False, with nothing done, where one is there or COPY is refused."""
        if not self._copies:
            return False
        try:
            with connection.cursor().copy(sql(packing.copy_statement(self._table, self._columns))) as copy:
                for piece in packing.copied(self._columns, rows):
                    copy.write(piece)
        except psycopg.errors.UniqueViolation:
            return False
        except psycopg.errors.FeatureNotSupported:  # under row-level security
            self._copies = False
            return False
        return True

    def _insert_rows(self, execute: Execute, rows: Sequence[Row]) -> list[bool | IdConflict]:
        """For each row whether it is new, or the conflict with what is stored under its id."""
        outcomes: list[bool | IdConflict] = []
        for start in range(0, len(rows), STATEMENT):
            part = rows[start : start + STATEMENT]
            new = set(execute(self._insert, (packing.as_json(self._columns, part),)))
            known: dict[Row, str | None] = {}
            if len(new) < len(part):
                known = self._digests_of(execute, part)
            for row in part:
                key = (row[0], row[1].hex())
                if key in new:  # of two with one id, the first
                    new.remove(key)
                    outcomes.append(True)
                else:
                    outcomes.append(self._outcome_of(row, known[key]))
        return outcomes

    def _digests_of(self, execute: Execute, rows: Sequence[Row]) -> dict[Row, str | None]:
        found = execute(self._digests, (packing.keys_as_json(rows),))
        return {(account_id, entry_id): digest for account_id, entry_id, digest in found}

    def _outcome_of(self, row: Row, stored: str | None) -> bool | IdConflict:
        """False where the stored row has the same content, by its digest."""
        if stored is None:  # it was there, and retention or its own transaction took it away
            raise StorageError(f"{self.name}: cannot write: the entry was being removed; record it again")
        return False if stored == row[-3].hex() else IdConflict(_CONFLICT)

    # --- in the caller's transaction -------------------------------------------------------------

    def join(self, session: Any, row: Row) -> int:
        """See `Storage.join`: a SQLAlchemy or SQLModel session or connection, or a psycopg connection."""
        if isinstance(session, psycopg.Connection):
            with self._errors("join the caller's transaction"):
                if session.autocommit and session.info.transaction_status == TransactionStatus.IDLE:
                    self._refuse_autocommit()
                return self._join(self._joined.setdefault(session, {}), _runs(session), row)
        return self._join_sqlalchemy(session, row)

    def _join_sqlalchemy(self, session: Any, row: Row) -> int:
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        def execute(statement: str, values: tuple[Any, ...]) -> list[Row]:
            names = [f"value_{number}" for number in range(len(values))]
            named = statement % tuple(f":{name}" for name in names)
            found = connection.execute(text(named), dict(zip(names, values, strict=True)))
            return [tuple(each) for each in found]

        try:
            connection = sqlalchemy_connection(session, "postgresql", "PostgreSQL", "psycopg")
            if getattr(connection.connection.dbapi_connection, "autocommit", False):
                self._refuse_autocommit()
            return self._join(connection.info, execute, row)
        except SQLAlchemyError as error:
            original = error.orig if isinstance(error, DBAPIError) else None
            if isinstance(original, psycopg.Error):
                raise self._place.error("join the caller's transaction", original) from error
            words = str(original or (error.args or [type(error).__name__])[0]).partition("\n")[0]
            raise StorageError(f"{self.name}: cannot join the caller's transaction: {words}") from error

    def _join(self, info: dict[Any, Any], execute: Execute, row: Row) -> int:
        """Store a row in a transaction; `info` is what we keep with its connection."""
        self._check_open()
        if time.time() >= self._partitions_until and not self._lock.is_mine:
            with self._lock.held(), suppress(StorageError, psycopg.Error):  # on a connection of our own
                self._write_connection()
        if info.get("auditwright_database") != self._identity:
            found = self._identity_of(execute)
            if found != self._identity:
                raise StorageError(
                    f"session= is a transaction on another database, and this log is {self.name}: "
                    "an entry joins only a transaction of its own database"
                )
            info["auditwright_database"] = found
        return _new(self._insert_rows(execute, [row]))

    def _refuse_autocommit(self) -> NoReturn:
        raise StorageError(
            f"{self.name}: session= commits every statement by itself, so that the entry would stay although "
            "you roll back; begin a transaction first, or record without session="
        )

    # --- reading -------------------------------------------------------------------------------

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """See `Storage.row`."""
        with self._reading(account_id) as connection:
            others = self._others(connection)
            found = connection.execute(
                sql(
                    f"SELECT {packing.selected(self._columns, others)} FROM {self._table} "
                    "WHERE account_id = %s AND id = CAST(%s AS uuid)"
                ),
                (account_id, entry_id.hex()),
                binary=True,
            ).fetchone()
            return None if found is None else packing.row_of(self._columns, others)(found)

    def _others(self, connection: Connection) -> tuple[str, ...]:
        """The columns of other catalogs: one may be added while this is open."""
        ((count,),) = connection.execute(
            "SELECT relnatts FROM pg_class WHERE oid = CAST(%s AS oid)", (self._oid,)
        ).fetchall()
        if count not in self._others_of:
            self._others_of[count] = other_columns(connection, self._catalog)
        return self._others_of[count]

    def stored_events(self, account_id: str) -> list[str]:
        """See `Storage.stored_events`."""
        with self._reading(account_id) as connection:
            found = connection.execute(sql(queries.stored_events(self._table)), {"account": account_id})
            return [row[0] for row in found]

    def accounts(self, most: int) -> list[str]:
        """See `Storage.accounts`. The role that writes is asked: a reader sees one account at a time."""
        with self._lock.held(), self._errors("read"):
            found = self._write_connection().execute(sql(queries.accounts(self._table)), {"most": most})
            return [row[0] for row in found]

    def users(self, account_id: str, text: str, most: int) -> list[Row]:
        """See `Storage.users`."""
        values = {"account": account_id, "pattern": regular_expression(text), "most": most}
        with self._reading(account_id) as connection:
            return connection.execute(sql(queries.users(self._table, MOST_USERS)), values).fetchall()

    def count(self, scope: Scope) -> int:
        """See `Storage.count`."""
        if not scope.branches:
            return 0
        statement, values = queries.select_count(self._table, scope)
        with self._reading(scope.account_id) as connection:
            ((count,),) = connection.execute(sql(statement), values).fetchall()
            return int(count)

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """See `Storage.rows`."""
        if not scope.branches:
            return
        with self._reading(scope.account_id) as connection:
            others = self._others(connection)
            as_recorded = packing.row_of(self._columns, others)
            select = packing.selected(self._columns, others)
            for found in self._stream(connection, select, scope, newest_first, limit):
                yield as_recorded(found)

    def csv_lines(self, scope: Scope, full: bool, limit: int | None = None) -> Rows:
        """See `Storage.csv_lines`; PostgreSQL formats the cells, but for the address and the metadata."""
        if not scope.branches:
            return
        with self._reading(scope.account_id) as connection:
            others = self._others(connection) if full else ()
            select = queries.csv_cells(self._catalog.columns, full)
            if full:
                select += ", " + ", ".join(["metadata::text", *map('"{}"'.format, others)])
            for found in self._stream(connection, select, scope, True, limit):
                time_, event, category, before, address, after, *metadata = found
                rest = f"{before}{packing.normal_address(address) or ''}{after}"
                if full:
                    text = packing.normal_json(metadata[0], others, metadata[1:]).replace('"', '""')
                    rest += f'"{text}"'
                yield time_, event, category, rest + "\r\n"

    def _stream(
        self, connection: Connection, select: str, scope: Scope, newest_first: bool, limit: int | None
    ) -> Iterator[Row]:
        """What a query of the scope finds; more than a page comes in parts, by a cursor on the server."""
        statement, values = queries.select_rows(self._table, select, scope, newest_first, limit)
        if limit is not None and limit <= FETCH:
            yield from connection.execute(sql(statement), values, binary=True)
            return
        with connection.cursor("auditwright") as cursor:
            cursor.itersize = FETCH
            cursor.execute(sql(statement), values, binary=True)
            yield from cursor

    def close(self) -> None:
        """See `Storage.close`."""
        self._closed = True
        if self._lock.is_mine:
            return
        with self._lock.held():
            for connection in [self._writer, *self._readers]:
                if connection is not None:
                    with closing(connection):
                        pass
            self._writer = None
            self._readers.clear()


_ABANDONED: list[Connection | None] = []

_IDENTITY = """
    SELECT (SELECT system_identifier::text FROM pg_control_system()),
           (SELECT oid::text FROM pg_database WHERE datname = current_database()),
           (SELECT oid::text || relname FROM pg_class WHERE oid = CAST(%s AS oid))"""


def _runs(connection: psycopg.Connection[Any]) -> Execute:
    """What runs statements on a connection, whatever kind of rows its owner wants of it."""

    def execute(statement: str, values: tuple[Any, ...]) -> list[Row]:
        with connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(sql(statement), values).fetchall()

    return execute


def _new(outcomes: list[bool | IdConflict]) -> int:
    """How many rows were new; raises the first conflict."""
    for outcome in outcomes:
        if isinstance(outcome, IdConflict):
            raise outcome
    return sum(outcome is True for outcome in outcomes)


def _next_month(moment: datetime) -> datetime:
    """When the month after begins."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)
