"""PostgreSQL through psycopg: entries are stored by COPY or one statement, and streamed by server cursors.

Opening, recording, joining a caller's transaction, and streams are here; connections are in `connections.py`,
pages in `pages.py`. Nothing here makes or changes a table: `auditwright database` does.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from auditwright.entry import ACCOUNT_ID, DIGEST, ID, Row, without_fingerprints
from auditwright.storage.base import Count, Pieces, Rows, Waiting
from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.errors import IdConflict, SchemaMismatch, StorageError
from auditwright.storage.postgresql import queries, row_format
from auditwright.storage.postgresql.connections import Connections, is_read_only
from auditwright.storage.postgresql.dsn import Connection, is_lost, is_pooled, message_of, sql
from auditwright.storage.postgresql.entry_table import EntryTable
from auditwright.storage.postgresql.pages import Pages
from auditwright.storage.postgresql.privileges import warn_of_power
from auditwright.storage.postgresql.schema import ACCOUNT, AHEAD, check_fit
from auditwright.storage.postgresql.transactions import (
    Execute,
    runs,
    runs_each,
    transaction,
    unprepared,
)
from auditwright.storage.query import Found, Scope
from auditwright.storage.sessions import sqlalchemy_connection
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.activity import Activity
    from auditwright.storage.interrupt import Interrupt

COPY_FROM = 10
"""Rows from which on COPY is quicker on a near server than one statement that carries them as JSON."""
COPY_SAVES = 20e-6
"""The seconds that COPY saves with each row (`tests/benchmarks`), but it takes further round trips."""
COPY_FROM_ON_CLUSTER = 200
"""The same on a Citus cluster, where COPY opens a connection to each shard."""
VALUES = 100
"""The most rows of a statement on a cluster with a parameter for each value; planning more takes long."""
STATEMENT = 1_000
"""Rows in one statement."""
CANCEL_SECONDS = 5
"""How long cancelling a statement waits for the server."""
FETCH = 1_000
"""Rows that a stream fetches at once."""
RETRY_SECONDS = 3600
"""After how long making partitions is retried where it failed."""
LOCK_SECONDS = 2
"""How long making partitions ahead waits for locks; it can be done next month as well."""

PROBE = "auditwright"
"""The account that is named to see whether nodes of a cluster get it."""

Result = TypeVar("Result")
Identity = tuple[str | None, str, str]
"""Cluster, database and table."""

_log = logging.getLogger("auditwright")
_CONFLICT = "an entry with this id and other content is stored already; it is unchanged"


class PostgreSQLStorage:
    """One PostgreSQL database; see `Storage`. Safe to use from many threads, and after a fork.

    With `read_url` it reads as another role than it writes as. Unless it `needs_reader`, it opens while the
    server of that URL is away, and checks it when it first reads.
    """

    def __init__(
        self,
        url: str,
        catalog: Catalog,
        read_url: str | None = None,
        timeout: float = TIMEOUT,
        needs_reader: bool = True,
    ) -> None:
        self.connections = Connections(url, read_url, timeout)
        self.name = self.connections.name
        self._catalog = catalog
        self.can_copy = True
        """Whether COPY is used: False once row-level security has refused it."""
        self.partitions_until = float("inf")
        """The time (seconds since 1970) from which the next write makes partitions ahead."""
        self._joined: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
        try:
            with self.connections.writing("open") as connection:
                self._open(connection)
            if self.connections.is_split or self.table.is_distributed:
                self.connections.check_reader = self._check_reader
                self._try_reader(needs_reader)
        except BaseException:
            self.close()
            raise

    # --- opening -------------------------------------------------------------------------------

    def _open(self, connection: Connection) -> None:
        """Refuse a database that does not fit, and make partitions ahead where this role may."""
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise SchemaMismatch(f"{self.name}: the encoding of the database has to be UTF8")
        with connection.transaction():  # whose isolation a standby takes, whatever its default is
            check_fit(connection, self._catalog, self.name)
            self.table = EntryTable(connection, self._catalog)
            self._identity, _ = self._identity_of(runs(connection))
            warn_of_power(connection, self.name)
        self.connections.is_distributed = self.table.is_distributed
        self._pages = Pages(self.connections, self.table, self._catalog)
        self._digests = row_format.digests_statement(self.table.name)
        self._make_partitions(connection)

    def _try_reader(self, needs_reader: bool) -> None:
        try:
            with self.connections.errors("open"), self.connections.reader():
                pass
        except StorageError as error:
            if needs_reader or not error.unavailable:
                raise
            reason = printable(str(error))
            _log.warning("the log is opened to record, and cannot be read for now: %s", reason)

    def _check_reader(self, reader: Connection) -> None:
        """Refuse a reading connection to another database, or that reads no entries of a cluster.

        Raises `StorageError`, and psycopg's errors.
        """
        if self.connections.is_split:
            with reader.transaction():
                found, _ = self._identity_of(runs(reader))
                warn_of_power(reader, self.connections.read_name)
            if found != self._identity:
                raise StorageError(f"read_url= is another database than url=, which is {self.name}")
        if self.table.is_distributed:
            self._check_account(reader)
        self.connections.check_reader = None

    def _check_account(self, reader: Connection) -> None:
        """Refuse a cluster whose nodes do not see the account of a reader: it would read no entries."""
        self.connections.begin_reading(reader, PROBE)
        found = reader.execute(sql(queries.account_seen(self.table.name)), (PROBE,)).fetchall()
        reader.execute("COMMIT")
        if found != [(PROBE,)]:
            raise StorageError(
                f"{self.connections.read_name}: cannot read: the nodes of the Citus cluster do not get the "
                f"setting {ACCOUNT} of a transaction, by which row-level security shows entries; expected "
                "that SET LOCAL reaches them after SET LOCAL citus.propagate_set_commands = 'local', got "
                "another value there; use the version of Citus that docs/scale.md names"
            )

    def _identity_of(self, execute: Execute) -> tuple[Identity, int]:
        """Which database a connection is on, and the server's process."""
        ((cluster, database, table, process),) = execute(_IDENTITY, (self.table.oid,))
        return (cluster, database, table), process

    def _make_partitions(self, connection: Connection) -> None:
        """Make the partitions of the coming months, where this role may: that may be an operator's task.

        An error is only logged: the partitions of this month exist.
        """
        function = self.table.sibling("audit_make_partitions")
        self.partitions_until = _next_month(datetime.now(UTC)).timestamp()
        try:
            with connection.transaction():
                allowed = connection.execute(
                    "SELECT has_function_privilege(found, 'EXECUTE') FROM to_regprocedure(%s) AS found "
                    "WHERE found IS NOT NULL",
                    (f"{function}(integer)",),
                ).fetchone()
                if allowed and allowed[0]:
                    connection.execute(sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                    # The function of an older revision depends on it.
                    connection.execute("SET LOCAL standard_conforming_strings = on")
                    connection.execute(sql(f"SELECT {function}(%s)"), (AHEAD,))
        except psycopg.Error as error:
            if is_lost(error):
                raise
            self.partitions_until = time.time() + RETRY_SECONDS
            reason = printable(message_of(error))
            _log.warning("%s: no partitions were made ahead: %s", printable(self.name), reason)

    # --- writing -------------------------------------------------------------------------------

    @contextmanager
    def _writing(self, action: str = "write") -> Iterator[Connection]:
        """The writing connection, with the partitions of this month."""
        with self.connections.writing(action) as connection:
            if time.time() >= self.partitions_until:
                with self.connections.errors("make partitions"):  # nothing is stored if this fails
                    self._make_partitions(connection)
            yield connection

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        """Do the work on the writing connection; once more on a new one if the server is read-only.

        After a failover the server that was the primary may be one.
        """
        try:
            with self._writing() as connection:
                return work(connection)
        except StorageError as error:
            if not is_read_only(error):
                raise
        with self._writing() as connection:
            return work(connection)

    def insert(self, rows: Sequence[Row]) -> int:
        """See `Storage.insert`."""
        return self._write(lambda connection: self._insert_all(connection, rows))

    def _insert_all(self, connection: Connection, rows: Sequence[Row]) -> int:
        if len(rows) == 1:  # one statement, which stores it or not
            return _new(self._insert_rows(runs_each(connection), rows, is_committed=True))
        if self._is_copied(connection, rows, 3) and self._copy(connection, rows):
            return len(rows)
        with self._transaction(connection):  # a conflict rolls it back
            return _new(self._insert_rows(runs(connection), rows))

    def insert_new(self, rows: Sequence[Row]) -> list[bool | IdConflict]:
        """See `Storage.insert_new`."""
        return self._write(lambda connection: self._insert_new(connection, rows))

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """See `Storage.insert_each`."""
        return [
            outcome if isinstance(outcome, IdConflict) else row if outcome else self._as_stored(row)
            for row, outcome in zip(rows, self.insert_new(rows), strict=True)
        ]

    def _insert_new(self, connection: Connection, rows: Sequence[Row]) -> list[bool | IdConflict]:
        if self._is_copied(connection, rows, 1) and self._copy(connection, rows):
            return [True] * len(rows)
        if len(rows) <= STATEMENT:
            return self._insert_rows(runs_each(connection), rows, is_committed=True)
        with self._transaction(connection):
            return self._insert_rows(runs(connection), rows)

    def _is_copied(self, connection: Connection, rows: Sequence[Row], round_trips: int) -> bool:
        """Whether COPY is quicker for new rows than a statement that takes so many round trips."""
        further = (4 if is_pooled(connection) else 2) - round_trips
        least = COPY_FROM_ON_CLUSTER if self.table.is_distributed else COPY_FROM
        return self.can_copy and len(rows) >= least + further * self.connections.round_trip / COPY_SAVES

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        """A transaction for several statements; after an error of one of them nothing is stored."""
        with transaction(connection):
            try:
                yield
            except psycopg.Error as error:
                raise self.connections.error("write", error, is_stored=False) from error

    def _as_stored(self, row: Row) -> Row:
        """The stored row with the same id and content; if this role may not read it, the given one.

        Of the given one without its fingerprints: they need not be those that are stored.
        """
        stored: Row | None = None
        with suppress(StorageError):  # stored it is, also if reading fails
            stored = self.row(row[ACCOUNT_ID], row[ID])
        return stored or without_fingerprints(row)

    def _copy(self, connection: Connection, rows: Sequence[Row]) -> bool:
        """Store new rows by COPY; False, and nothing stored, if one is stored already or COPY is refused."""
        columns, rows = row_format.written(self.table.columns, rows)
        statement = sql(row_format.copy_statement(self.table.name, columns))
        try:
            with (
                transaction(connection) if is_pooled(connection) else nullcontext(),
                connection.cursor().copy(statement) as copy,
            ):
                for piece in row_format.copied(columns, rows):
                    copy.write(piece)
        except psycopg.errors.UniqueViolation:
            return False
        except psycopg.errors.FeatureNotSupported:  # under row-level security
            self.can_copy = False
            return False
        except psycopg.errors.InternalError_:
            if not self.table.is_distributed:
                raise
            return False  # the coordinator does not say what a node has refused; the statement will
        return True

    def _insert_rows(
        self, execute: Execute, rows: Sequence[Row], is_committed: bool = False
    ) -> list[bool | IdConflict]:
        """For each row: whether it was new, or its conflict with the stored row.

        With `is_committed` what was inserted is committed before the stored rows are looked up.
        """
        outcomes: list[bool | IdConflict] = []
        for start in range(0, len(rows), STATEMENT):
            part = rows[start : start + STATEMENT]
            columns, values = row_format.written(self.table.columns, part)
            if self.table.is_distributed and len(part) <= VALUES:
                statement = row_format.values_statement(self.table.name, columns, len(part))
                new = set(execute(statement, row_format.as_values(columns, values)))
            else:
                statement = row_format.insert_statement(self.table.name, columns)
                new = set(execute(statement, (row_format.as_json(columns, values),)))
            stored: dict[Row, str | None] = {}
            if len(new) < len(part):
                try:
                    stored = self._digests_of(execute, part)
                except psycopg.Error as error:
                    if not is_committed:
                        raise
                    raise self.connections.error("write", error, is_stored=True) from error
            for row in part:
                key = (row[ACCOUNT_ID], row[ID].hex())
                if key in new:  # the first of two rows with the same id
                    new.remove(key)
                    outcomes.append(True)
                else:
                    outcomes.append(self._outcome_of(row, stored[key]))
        return outcomes

    def _digests_of(self, execute: Execute, rows: Sequence[Row]) -> dict[Row, str | None]:
        if self.table.is_distributed:
            keys = [(row[ACCOUNT_ID], row[ID].hex()) for row in rows]
            accounts, ids = sorted({account_id for account_id, _ in keys}), [entry_id for _, entry_id in keys]
            stored = execute(row_format.stored_digests_statement(self.table.name), (accounts, ids))
            digests = {(account_id, entry_id): digest for account_id, entry_id, digest in stored}
            return {key: digests.get(key) for key in keys}
        found = execute(self._digests, (row_format.keys_as_json(rows),))
        return {(account_id, entry_id): digest for account_id, entry_id, digest in found}

    def _outcome_of(self, row: Row, stored: str | None) -> bool | IdConflict:
        """False if the stored row has the same digest, else the conflict."""
        if stored is None:  # retention or a rollback removed it in between
            error = StorageError(f"{self.name}: cannot write: an entry was being removed; record it again")
            error.outcome_unknown = True  # of the other rows
            raise error
        return False if stored == row[DIGEST].hex() else IdConflict(_CONFLICT)

    # --- in the caller's transaction -------------------------------------------------------------

    def join(self, session: Any, row: Row) -> int:
        """See `Storage.join`: a SQLAlchemy or SQLModel session or connection, or a psycopg connection."""
        if isinstance(session, psycopg.Connection):
            with self.connections.errors("join the caller's transaction"):
                if session.autocommit and session.info.transaction_status == TransactionStatus.IDLE:
                    self._refuse_autocommit()
                return self._join(self._joined.setdefault(session, {}), session, runs(session), row)
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
            driver = connection.connection.driver_connection
            return self._join(connection.info, driver, execute, row)
        except SQLAlchemyError as error:
            original = error.orig if isinstance(error, DBAPIError) else None
            if isinstance(original, psycopg.Error):
                raise self.connections.error("join the caller's transaction", original) from error
            message = str(original or (error.args or [type(error).__name__])[0]).partition("\n")[0]
            raise StorageError(f"{self.name}: cannot join the caller's transaction: {message}") from error

    def _join(self, info: dict[Any, Any], driver: Any, execute: Execute, row: Row) -> int:
        """Store a row in a caller's transaction; `info` is our data about the driver's connection."""
        self.connections.check_open()
        if time.time() >= self.partitions_until and not self.connections.lock.is_mine:
            with suppress(StorageError), self._writing():  # makes them on a connection of our own
                pass
        if info.get("auditwright_database") != self._identity:
            found, process = self._identity_of(execute)
            if found != self._identity:
                raise StorageError(
                    f"session= is a transaction on another database, and this log is {self.name}: "
                    "an entry joins only a transaction of its own database"
                )
            info["auditwright_database"] = found
            info["auditwright_process"] = process
        with unprepared(driver, info["auditwright_process"]):
            return _new(self._insert_rows(execute, [row]))

    def _refuse_autocommit(self) -> NoReturn:
        raise StorageError(
            f"{self.name}: session= is in autocommit mode, so that the entry would stay after a rollback; "
            "begin a transaction first, or record without session="
        )

    # --- reading -------------------------------------------------------------------------------

    def is_stored(self, row: Row) -> bool:
        """See `Storage.is_stored`. The writing role is asked, which may read ids."""
        with self._writing("read") as connection:
            (digest,) = self._digests_of(runs(connection), [row]).values()
            return digest is not None

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """See `Storage.row`."""
        with self.connections.reading(account_id) as connection:
            layout = self.table.layout(connection)
            found = connection.execute(
                sql(
                    f"SELECT {layout.select} FROM {self.table.name} "
                    "WHERE account_id = %s AND id = CAST(%s AS uuid)"
                ),
                (account_id, entry_id.hex()),
                binary=True,
            ).fetchone()
            return None if found is None else layout.row(found)

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """See `Storage.page`."""
        return self._pages.page(scope, newest_first, limit)

    def count_up_to(self, limit: int, scope: Scope) -> Count:
        """See `Storage.count_up_to`."""
        return self._pages.count_up_to(limit, scope)

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """See `Storage.possible_events`."""
        return self._pages.possible_events(account_id, quick)

    def recorded_events(self, account_id: str) -> list[str]:
        """See `Storage.recorded_events`."""
        return self._pages.recorded_events(account_id)

    def users(self, account_id: str, text: str, limit: int) -> list[Row]:
        """See `Storage.users`."""
        return self._pages.users(account_id, text, limit)

    def targets(self, account_id: str, targets: Sequence[str]) -> list[str]:
        """See `Storage.targets`."""
        return self._pages.targets(account_id, targets)

    def accounts(self, limit: int) -> list[str]:
        """See `Storage.accounts`. The writing role is asked: a reader sees one account at a time."""
        with self._writing("read") as connection:
            find = queries.accounts_of_nodes if self.table.is_distributed else queries.accounts
            found = connection.execute(sql(find(self.table.name)), {"limit": limit})
            return [account_id for (account_id,) in found]

    def counts(self, account_id: str, scopes: Iterable[Scope]) -> Generator[int, None, None]:
        """See `Storage.counts`."""
        with self.connections.reading(account_id, is_stream=True) as connection:
            for scope in scopes:
                if not scope.branches:
                    yield 0
                    continue
                statement, values = queries.select_count(self.table.name, scope)
                ((count,),) = connection.execute(sql(statement), values).fetchall()
                yield count

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """See `Storage.rows`. More than one fetch comes by a cursor on the server."""
        if not scope.branches:
            return
        with self.connections.reading(scope.account_id, is_stream=True) as connection:
            layout = self.table.layout(connection)
            statement, values = queries.select_rows(
                self.table.name, layout.select, scope, newest_first, limit
            )
            if limit is not None and limit <= FETCH:
                yield from map(layout.row, connection.execute(sql(statement), values, binary=True))
                return
            with connection.cursor("auditwright") as cursor:
                cursor.itersize = FETCH
                cursor.execute(sql(statement), values, binary=True)
                yield from map(layout.row, cursor)

    def csv_lines(
        self,
        scope: Scope,
        full: bool,
        size: int,
        limit: int | None = None,
        processes: int = 1,
        interrupt: Interrupt | None = None,
    ) -> Pieces:
        """See `Storage.csv_lines`."""
        from auditwright.storage.postgresql import export_sql as export

        with (
            self.connections.reading(scope.account_id, is_stream=True) as connection,
            _ended_by(interrupt, connection),
        ):
            others = self.table.layout(connection).others if full else {}
            select = export.csv_columns(self._catalog, full, others)
            readable = self._readable_columns(connection)
            copied = export.copied_lines(
                connection, self.table, select, scope, True, limit, export.CSV_FORMAT, readable
            )
            with closing(copied) as lines:
                yield from export.pieces(map(export.full_line, lines) if full else lines, b"\r\n", size)

    def json_lines(
        self, scope: Scope, size: int, processes: int = 1, interrupt: Interrupt | None = None
    ) -> Pieces:
        """See `Storage.json_lines`."""
        from auditwright.storage.postgresql import export_sql as export

        with (
            self.connections.reading(scope.account_id, is_stream=True) as connection,
            _ended_by(interrupt, connection),
        ):
            others, readable = self.table.layout(connection).others, self._readable_columns(connection)
            select = export.json_columns(self._catalog, others, readable is not None)
            copied = export.copied_lines(
                connection, self.table, select, scope, False, None, export.JSON_FORMAT, readable
            )
            with closing(copied) as lines:
                yield from export.pieces(lines, b"\n", size)

    def _readable_columns(self, connection: Connection) -> str | None:
        """SQL for the columns of an export; None where constraints keep the table free of damaged entries."""
        from auditwright.storage.postgresql import constraints, export_sql

        if not constraints.not_valid(connection, self.table.oid):
            return None
        others = self.table.layout(connection).others
        return export_sql.readable_columns([*(name for name, _, _ in self.table.columns), *others])

    @property
    def activity(self) -> Activity:
        """See `Storage.activity`."""
        return self.connections.activity

    def waiting(self) -> Waiting | None:
        """See `Storage.waiting`."""
        return None

    def ping(self) -> None:
        """See `Storage.ping`."""
        with self._writing("read") as connection:
            found = connection.execute("SELECT current_setting('transaction_read_only')").fetchone()
            if found != ("off",):
                connection.close()  # another server may have become the primary
                raise StorageError(f"{self.connections.name}: the server takes no entries: it is read-only")

    def close(self) -> None:
        """See `Storage.close`."""
        self.connections.close()


_IDENTITY = """
    SELECT (SELECT system_identifier::text FROM pg_control_system()),
           (SELECT oid::text FROM pg_database WHERE datname = current_database()),
           (SELECT oid::text || relname FROM pg_class WHERE oid = CAST(%s AS oid)), pg_backend_pid()"""


def _new(outcomes: list[bool | IdConflict]) -> int:
    """The number of new rows; raises the first conflict."""
    for outcome in outcomes:
        if isinstance(outcome, IdConflict):
            raise outcome
    return sum(outcome is True for outcome in outcomes)


def _next_month(moment: datetime) -> datetime:
    """The beginning of the next month."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def _ended_by(interrupt: Interrupt | None, connection: Connection) -> AbstractContextManager[None]:
    """Lets an interrupt end what the block executes on a connection."""
    if interrupt is None:
        return nullcontext()

    def cancel() -> None:
        with suppress(psycopg.Error):  # then it ends by itself
            connection.cancel_safe(timeout=CANCEL_SECONDS)

    return interrupt.ends(cancel)
