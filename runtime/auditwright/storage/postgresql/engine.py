"""PostgreSQL through psycopg: entries by COPY or one statement, streams by cursors on the server.

Connections, writing and reading stand here; the tables, partitions, triggers and views in
`postgresql_schema.py`. Nothing here makes or changes a table: `auditwright database` does.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Literal

from auditwright.entry import Row, columns
from auditwright.forks import ForkAware, register
from auditwright.storage.base import SMALL_CATALOG, Counted, Pieces, Rows
from auditwright.storage.errors import IdConflict, SchemaMismatch, StorageError
from auditwright.storage.postgresql import export_sql as export
from auditwright.storage.postgresql import queries
from auditwright.storage.postgresql import row_format as packing
from auditwright.storage.postgresql.dsn import Connection, Dsn, is_lost, is_usable, sql, words_of
from auditwright.storage.postgresql.privileges import warn_of_power
from auditwright.storage.postgresql.scan import look
from auditwright.storage.postgresql.schema import ACCOUNT, AHEAD, check_fit, other_columns
from auditwright.storage.query import Branch, Found, Scope
from auditwright.storage.scan import scan_budget
from auditwright.storage.sessions import sqlalchemy_connection
from auditwright.storage.write_lock import WriteLock

if TYPE_CHECKING:
    from psycopg.abc import Buffer

    from auditwright.catalog import Catalog

COPY_FROM = 10
"""Rows from which on COPY is quicker than one statement that carries them as JSON (`tests/benchmarks`)."""
STATEMENT = 1_000
"""Rows in one statement."""
FETCH = 1_000
"""Rows that a stream asks the server for at once."""
MAX_IDLE = 16
"""Connections for reading that are kept for the next reader."""
RETRY_SECONDS = 3600
"""After how long partitions that could not be made are tried again."""
UNREGISTERED_EVENTS_SECONDS = 60
"""After how long events that no catalog of the database knows are looked for again."""
MAX_ACCOUNTS = 10_000
"""Accounts whose such events are kept in mind."""
LOCK_SECONDS = 2
"""How long making partitions ahead waits for others; the next month is time enough."""

Execute = Callable[[str, tuple[Any, ...]], list[Row]]
"""Runs a statement in somebody's transaction and gives what it returns."""
Identity = tuple[str | None, str, str]
"""Cluster, database and table."""

_log = logging.getLogger("auditwright")
_CONFLICT = "an entry with this id and other content is stored already; it stays as it is"


class PostgreSQLStorage(ForkAware):
    """One PostgreSQL database; see `Storage`. Safe to use from many threads, and after a fork.

    With `read_url` it reads as another role than it writes as.
    """

    def __init__(self, url: str, catalog: Catalog, read_url: str | None = None) -> None:
        self._place = Dsn(url)
        self._read_place = Dsn(read_url) if read_url else self._place
        self.name = self._place.name
        self._catalog = catalog
        self._columns = columns(catalog)
        self._closed = False
        self._copies = True
        self._joined: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
        self._others_of: dict[int, tuple[str, ...]] = {}
        self._unregistered_events: dict[str, tuple[float, frozenset[str]]] = {}
        self._reset()
        register(self)
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

    def _connect(self, place: Dsn) -> Connection:
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
    def _reading(self, account_id: str, pages: bool = False) -> Iterator[Connection]:
        """A connection in a read transaction, so that all its statements see one moment of one account.

        For `pages` statements are planned once for all their values: planning for dozens of partitions takes
        many times as long as reading a page of them. And they read indexes in their order, whatever
        statistics tell: a plan for all values knows nothing of how much an event or a user has in a month.
        """
        with self._errors("read"):
            connection = self._reader()
            try:
                settings = _FOR_PAGES if pages else ""
                connection.execute(
                    SQL(f"{_BEGIN}; {settings}SET LOCAL {ACCOUNT} = {{}}").format(Literal(account_id))
                )
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        if self._closed or len(self._readers) >= MAX_IDLE:
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

    def _named(self, table: str) -> str:
        """A table beside audit_entry."""
        return f"{self._table.removesuffix('audit_entry')}{table}"

    def _others(self, connection: Connection) -> tuple[str, ...]:
        """The columns of other catalogs: one may be added while this is open."""
        ((count,),) = connection.execute(
            "SELECT relnatts FROM pg_class WHERE oid = CAST(%s AS oid)", (self._oid,)
        ).fetchall()
        if count not in self._others_of:
            self._others_of[count] = other_columns(connection, self._catalog)
        return self._others_of[count]

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """See `Storage.possible_events`.

        What no catalog of this database knows is looked for in all partitions, for pages once in a while.
        """
        known = list(self._catalog.current)
        with self._reading(account_id, pages=True) as connection:
            if len(known) > SMALL_CATALOG:
                loose_index_scan = queries.loose_index_scan(self._table, "event", "account_id = %s")
                return [key for (key,) in _run(connection, loose_index_scan, [account_id, account_id])]
            registered = f"SELECT key FROM {self._named('audit_event')}"
            others = {key for (key,) in _run(connection, registered, [])}.difference(known)
            known += self._recorded(connection, account_id, sorted(others))
            looked, unregistered_events = self._unregistered_events.get(
                account_id, (-UNREGISTERED_EVENTS_SECONDS, frozenset[str]())
            )
            if not quick or time.monotonic() - looked >= UNREGISTERED_EVENTS_SECONDS:
                looked, unregistered_events = time.monotonic(), frozenset()
                while found := _run(
                    connection,
                    *queries.events_between(self._table, account_id, [*known, *unregistered_events]),
                ):
                    unregistered_events |= {key for (key,) in found}
                if len(self._unregistered_events) >= MAX_ACCOUNTS:
                    self._unregistered_events.clear()
                self._unregistered_events[account_id] = looked, unregistered_events
        return [*known, *(unregistered_events.difference(known))]

    def recorded_events(self, account_id: str) -> list[str]:
        """See `Storage.recorded_events`."""
        possible = self.possible_events(account_id, quick=True)
        with self._reading(account_id, pages=True) as connection:
            return self._recorded(connection, account_id, possible)

    def _recorded(self, connection: Connection, account_id: str, events: list[str]) -> list[str]:
        """Those of some events that there are entries of."""
        if not events:
            return []
        statement = queries.RECORDED_EVENTS.format(table=self._table)
        return [key for (key,) in _run(connection, statement, [events, account_id])]

    def accounts(self, most: int) -> list[str]:
        """See `Storage.accounts`. The role that writes is asked: a reader sees one account at a time."""
        with self._lock.held(), self._errors("read"):
            found = self._write_connection().execute(sql(queries.accounts(self._table)), {"most": most})
            return [row[0] for row in found]

    def users(self, account_id: str, text: str, most: int) -> list[Row]:
        """See `Storage.users`."""
        statement, values = queries.users(self._named("audit_user"), account_id, text, most)
        with self._reading(account_id) as connection:
            try:
                return connection.execute(sql(statement), values, prepare=True).fetchall()
            except psycopg.errors.UndefinedTable as error:
                advice = "run `auditwright database upgrade`"
                raise StorageError(f"{self.name}: there is no table audit_user; {advice}") from error

    def counts(self, account_id: str, scopes: Iterable[Scope]) -> Generator[int, None, None]:
        """See `Storage.counts`."""
        with self._reading(account_id) as connection:
            for scope in scopes:
                statement, values = queries.select_count(self._table, scope)
                yield connection.execute(sql(statement), values).fetchall()[0][0] if scope.branches else 0

    def count_up_to(self, most: int, scope: Scope) -> Counted:
        """See `Storage.count_up_to`."""
        if not scope.branches:
            return Counted(0, True)
        tried = scan_budget(scope) if scope.needs_scan else most + 1
        with self._reading(scope.account_id, pages=True) as connection:
            ((found, at),) = _run(connection, *queries.count_up_to(self._table, scope, tried))
        return Counted(min(found, most), at < tried and found <= most)

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """See `Storage.page`."""
        if not scope.branches:
            return Found([])
        with self._reading(scope.account_id, pages=True) as connection:
            others = self._others(connection)
            select = packing.selected(self._columns, others)
            if not scope.needs_scan and len(scope.branches) <= queries.FEW_BRANCHES:
                query, reached = queries.select_rows(self._table, select, scope, newest_first, limit), None
            else:
                ids, reached = self._ids(connection, scope, newest_first, limit)
                if not ids:
                    return Found([], reached)
                query = queries.select_ids(self._table, select, scope.account_id, ids, newest_first)
            rows = map(packing.row_of(self._columns, others), _run(connection, *query))
            return Found(list(rows), reached)

    def _ids(
        self, connection: Connection, scope: Scope, newest_first: bool, limit: int
    ) -> tuple[list[bytes], bytes | None]:
        """The ids of a page, and the last one looked at where that came to an end before it was full."""
        if scope.needs_scan:
            found = look(partial(_run, connection), self._table, scope, newest_first, limit)
            return found.ids[:limit], found.reached if len(found.ids) < limit else None
        few, scope = self._few(connection, scope)
        ids: list[bytes] = []
        for part in queries.recent_first(scope, newest_first, datetime.now(UTC)) if scope.branches else ():
            ids += self._first(connection, part, newest_first, limit)
            if len(ids) >= limit:
                break
        return sorted([*few, *ids], reverse=newest_first)[:limit], None

    def _first(self, connection: Connection, scope: Scope, newest_first: bool, limit: int) -> list[bytes]:
        """The first ids of a scope of many branches.

        Of a branch that has all of the few that are read at first among them, more may belong between them.
        """
        few = min(queries.OF_EACH, limit)
        found = _run(connection, *queries.first_ids(self._table, scope, newest_first, limit, few))
        counts = Counter((event, user) for _, event, user in found)
        more = {branch for branch, count in counts.items() if count == few < limit}
        ids = [each for each, *branch in found if tuple(branch) not in more]
        if more:
            scope = replace(scope, branches=tuple(Branch(*branch) for branch in more))
            query = queries.first_ids(self._table, scope, newest_first, limit, limit)
            ids += [each for each, *_ in _run(connection, *query)]
        return sorted((each.bytes for each in ids), reverse=newest_first)[:limit]

    def _few(self, connection: Connection, scope: Scope) -> tuple[list[bytes], Scope]:
        """What belongs to the scope of users who have few entries, in no order, and the scope without them.

        Most users have few: reading these takes one look into each partition, and not one for each event.
        """
        events: dict[str, set[str | None]] = {}
        for branch in scope.branches:
            if branch.user is not None:
                events.setdefault(branch.user, set()).add(branch.event)
        if not events:
            return [], scope
        query = queries.sparse_users(self._table, scope.account_id, list(events), queries.FEW_ENTRIES + 1)
        found = _run(connection, *query)
        counts = Counter(user for user, _, _ in found)
        few = {user for user in events if counts[user] <= queries.FEW_ENTRIES}
        ids = [entry_id.bytes for user, event, entry_id in found if user in few and event in events[user]]
        low, high = scope.low or bytes(16), scope.high
        return (
            [each for each in ids if low <= each and (high is None or each < high)],
            replace(scope, branches=tuple(each for each in scope.branches if each.user not in few)),
        )

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

    def csv_lines(
        self, scope: Scope, full: bool, size: int, limit: int | None = None, processes: int = 1
    ) -> Pieces:
        """See `Storage.csv_lines`."""
        with self._reading(scope.account_id) as connection:
            others = self._others(connection) if full else ()
            select = export.csv_columns(self._catalog, full, others)
            with closing(self._copied(connection, select, scope, True, limit, export.CSV_FORMAT)) as lines:
                yield from export.pieces(map(export.full_line, lines) if full else lines, b"\r\n", size)

    def json_lines(self, scope: Scope, size: int, processes: int = 1) -> Pieces:
        """See `Storage.json_lines`."""
        with self._reading(scope.account_id) as connection:
            select = export.json_columns(self._catalog, self._others(connection))
            with closing(self._copied(connection, select, scope, False, None, export.JSON_FORMAT)) as lines:
                yield from export.pieces(lines, b"\n", size)

    def _copied(
        self,
        connection: Connection,
        select: queries.Query,
        scope: Scope,
        newest_first: bool,
        limit: int | None,
        form: str,
    ) -> Generator[Buffer, None, None]:
        """The lines of a scope, made by the server, without their ends; none where it has no branches."""
        if not scope.branches:
            return
        settings, parts = export.SETTINGS, [scope]
        if (limit is None or limit > queries.MAX_PROBED) and export.is_probed(scope):
            statement, values = queries.count_up_to(self._table, scope, queries.MAX_PROBED + 1)
            ((_, found),) = connection.execute(sql(statement), values).fetchall()
            limit = found if found <= queries.MAX_PROBED else limit
        if limit is None or limit > queries.MAX_PROBED:
            if export.is_in_order(scope):
                settings = settings | export.IN_ORDER
            else:
                settings = settings | export.SORTED
                cuts = connection.execute(sql(queries.PARTITION_BOUNDS), (self._oid,)).fetchall()
                parts = queries.by_partition(scope, (cut.bytes for (cut,) in cuts if cut), newest_first)
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        for part in parts:
            statement, values = export.copy_statement(self._table, select, part, newest_first, limit, form)
            cursor = connection.cursor()
            with cursor.copy(sql(statement), values) as copy:
                for row in copy:
                    yield row[:-1]
            if limit is not None:
                limit -= cursor.rowcount
                if not limit:
                    return

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
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_FOR_PAGES = (
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_bitmapscan = off; "
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off; "
)


def _run(connection: Connection, statement: str, values: Sequence[Any]) -> list[Row]:
    """What a statement of pages finds; the connection keeps its plan."""
    return connection.execute(sql(statement), values, prepare=True, binary=True).fetchall()


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
