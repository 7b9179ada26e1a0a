"""The SQLite engine: one file, durable on COMMIT (WAL, synchronous=FULL), one writer per process.

It writes and reads rows. Connections are in `connections.py`, tables, triggers and views in `schema.py`, the
SQL of reads in `queries.py`.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from auditwright.entry import (
    ACCOUNT_ID,
    ALTERATIONS,
    CATALOG_VERSION,
    DIGEST,
    ID,
    OUTCOME,
    ROW_DIGEST,
    Row,
    columns,
    is_usual,
)
from auditwright.storage.base import SMALL_CATALOG, Count, Pieces, Rows, Waiting
from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.errors import IdConflict, StorageError
from auditwright.storage.query import Branch, Found, Scope
from auditwright.storage.scan import Part, alternatives, merge_parts
from auditwright.storage.sessions import sqlalchemy_connection
from auditwright.storage.sqlite import queries
from auditwright.storage.sqlite.connections import BUSY_SECONDS, Connections, path_of
from auditwright.storage.sqlite.queries import contains
from auditwright.storage.sqlite.schema import (
    insert_statement,
    other_columns,
    quoted,
    set_up,
    whole_metadata,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from auditwright.catalog import Catalog
    from auditwright.storage.activity import Activity
    from auditwright.storage.interrupt import Interrupt
    from auditwright.storage.setup_change import RecordSetup

ROWS_AT_ONCE = 250
"""Rows that one statement reads by id after several index scans were merged."""
MANY_BRANCHES = 100
"""The number of branches from which searching for sparse values pays off."""


def _bound(row: Row) -> list[Any]:
    """The `usual_part` of a row.

    For every value but a str, an int, a float and a bytearray Python's driver looks for an adapter, which
    takes most of a microsecond; so a usual row is written without its NULLs, and with its bytes as these.
    """
    values = list(row)
    values[ID] = bytearray(row[ID])
    values[DIGEST] = bytearray(row[DIGEST])
    values[ROW_DIGEST] = row[ROW_DIGEST] and bytearray(row[ROW_DIGEST])
    del values[OUTCOME:CATALOG_VERSION], values[ALTERATIONS]
    return values


class SQLiteStorage:
    """One SQLite file; see `Storage`. Thread-safe, and usable after a fork."""

    def __init__(
        self,
        location: str,
        catalog: Catalog,
        create: bool = True,
        timeout: float = TIMEOUT,
        record: RecordSetup | None = None,
        pragmas: Sequence[str] = (),
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.path = path_of(location)
        self.connections = Connections(self.path, timeout, pragmas, busy_seconds)
        self._catalog = catalog
        names = [quoted(name) for name, _, _ in columns(catalog)]
        self._insert = insert_statement(catalog)
        self._insert_usual = insert_statement(catalog, usual=True)
        self._leading = ", ".join(names[:-1])
        self._metadata_of: dict[int, str] = {}
        try:
            self.connections.open(
                create, lambda connection: set_up(connection, catalog, str(self.path), record)
            )
        except BaseException:
            self.close()
            raise

    # --- writing -------------------------------------------------------------------------------

    def insert(self, rows: Sequence[Row]) -> int:
        """See `Storage.insert`."""
        with self.connections.writing() as connection:
            new = 0
            for usual, group in groupby(rows, is_usual):
                if usual:
                    new += connection.executemany(self._insert_usual, map(_bound, group)).rowcount
                else:
                    new += connection.executemany(self._insert, group).rowcount
            return new

    def _statement(self, row: Row) -> tuple[str, Row]:
        """The INSERT of a row, and its values."""
        return (self._insert_usual, tuple(_bound(row))) if is_usual(row) else (self._insert, row)

    def insert_each(self, rows: Sequence[Row]) -> list[Row | IdConflict]:
        """See `Storage.insert_each`."""
        with self.connections.writing() as connection:
            return [self._stored_row(connection, row) for row in rows]

    def _stored_row(self, connection: sqlite3.Connection, row: Row) -> Row | IdConflict:
        new = self._insert_one(connection, row)
        if isinstance(new, IdConflict):
            return new
        stored = None if new else self._find(connection, row[ACCOUNT_ID], row[ID])
        return row if stored is None else stored

    def insert_new(self, rows: Sequence[Row]) -> list[bool | IdConflict]:
        """See `Storage.insert_new`."""
        with self.connections.writing() as connection:
            return [self._insert_one(connection, row) for row in rows]

    def _insert_one(self, connection: sqlite3.Connection, row: Row) -> bool | IdConflict:
        try:
            return connection.execute(*self._statement(row)).rowcount == 1
        except sqlite3.Error as error:  # a conflict rolls back its statement, not the transaction
            conflict = self.connections.error("write", error)
            if isinstance(conflict, IdConflict):
                return conflict
            raise

    def join(self, session: Any, row: Row) -> int:
        """See `Storage.join`: a SQLAlchemy or SQLModel session, a SQLAlchemy or a sqlite3 connection."""
        self.connections.check_usable()
        if isinstance(session, sqlite3.Connection):
            with self.connections.errors("join the caller's transaction"):
                self.connections.check_file(session.execute("PRAGMA database_list").fetchall())
                if not session.in_transaction:
                    session.execute("BEGIN IMMEDIATE")
                return session.execute(*self._statement(row)).rowcount
        return self._join_sqlalchemy(session, row)

    def _join_sqlalchemy(self, session: Any, row: Row) -> int:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            connection = sqlalchemy_connection(session, "sqlite", "SQLite", "sqlite3")
            self._check_transaction(connection)
            return connection.exec_driver_sql(*self._statement(row)).rowcount
        except SQLAlchemyError as error:
            original = getattr(error, "orig", None)
            if isinstance(original, sqlite3.Error):
                raise self.connections.error("join the caller's transaction", original) from error
            raise StorageError(f"{self.path}: cannot join the caller's transaction: {error}") from error

    def _check_transaction(self, connection: Connection) -> None:
        """Refuse a transaction of another file, and one whose rollback would not remove the entry."""
        if connection.info.get("auditwright_file") != self.connections.file:
            self.connections.check_file(connection.exec_driver_sql("PRAGMA database_list").fetchall())
            # SQLAlchemy keeps this dictionary with the connection.
            connection.info["auditwright_file"] = self.connections.file
        if connection.in_nested_transaction():
            driver = connection.connection.driver_connection
            leaves_begin_to_us = getattr(driver, "isolation_level", None) is None
            if not leaves_begin_to_us and getattr(driver, "autocommit", -1) == -1:
                raise StorageError(
                    f"{self.path}: in this savepoint the entry could stay although you roll back, because "
                    "Python's driver opens it without a transaction; set the engine up as SQLAlchemy's page "
                    "on SQLite says under transactions and savepoints, or record outside of begin_nested()"
                )

    # --- reading -------------------------------------------------------------------------------

    def is_stored(self, row: Row) -> bool:
        """See `Storage.is_stored`."""
        return self.row(row[ACCOUNT_ID], row[ID]) is not None

    def row(self, account_id: str, entry_id: bytes) -> Row | None:
        """See `Storage.row`."""
        with self.connections.reading() as connection:
            return self._find(connection, account_id, entry_id)

    def _find(self, connection: sqlite3.Connection, account_id: str, entry_id: bytes) -> Row | None:
        found: Row | None = connection.execute(
            f"SELECT {self._leading}, {self._metadata(connection)} FROM audit_entry "
            "WHERE account_id = ? AND id = ?",
            (account_id, entry_id),
        ).fetchone()
        return found

    def _metadata(self, connection: sqlite3.Connection) -> str:
        """SQL for the metadata with the columns of other catalogs, which may be added while this is open."""
        version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
        if version not in self._metadata_of:
            self._metadata_of[version] = whole_metadata(other_columns(connection, self._catalog))
        return self._metadata_of[version]

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """See `Storage.possible_events`; always quick."""
        recorded, known = self.recorded_events(account_id), self._catalog.current
        return recorded if len(known) > SMALL_CATALOG else list(dict.fromkeys([*recorded, *known]))

    def recorded_events(self, account_id: str) -> list[str]:
        """See `Storage.recorded_events`."""
        with self.connections.reading() as connection:
            found = connection.execute(
                """
                WITH RECURSIVE found(event) AS (
                    SELECT min(event) FROM audit_entry WHERE account_id = :account
                    UNION ALL
                    SELECT (SELECT min(event) FROM audit_entry
                            WHERE account_id = :account AND event > found.event)
                    FROM found WHERE found.event IS NOT NULL)
                SELECT event FROM found WHERE event IS NOT NULL""",
                {"account": account_id},
            )
            return [key for (key,) in found]

    def accounts(self, limit: int) -> list[str]:
        """See `Storage.accounts`."""
        with self.connections.reading() as connection:
            return [account for (account,) in connection.execute(f"{queries.ACCOUNTS} LIMIT ?", (limit,))]

    def users(self, account_id: str, text: str, limit: int) -> list[Row]:
        """See `Storage.users`."""
        by_id, pattern = contains("actor_id", text)
        by_name, _ = contains("actor_name", text)
        with self.connections.reading() as connection:
            # With max(), SQLite takes the other columns from the row of the maximum.
            found = connection.execute(
                f"""
                SELECT actor_type, actor_id, nullif(actor_name, ''), max(iif(actor_name = '', '', first_id))
                FROM audit_user WHERE account_id = ?
                GROUP BY actor_id HAVING total({by_id} OR {by_name}) > 0
                ORDER BY actor_id LIMIT ?""",
                (account_id, pattern, pattern, limit),
            )
            return [(kind, actor_id, name) for kind, actor_id, name, _ in found]

    def targets(self, account_id: str, targets: Sequence[str]) -> list[str]:
        """See `Storage.targets`."""
        with self.connections.reading() as connection:
            found = connection.execute(
                "SELECT value FROM json_each(?) WHERE EXISTS "
                "(SELECT 1 FROM audit_target WHERE account_id = ? AND target = value)",
                (json.dumps(targets), account_id),
            )
            return [target for (target,) in found]

    def counts(self, account_id: str, scopes: Iterable[Scope]) -> Generator[int, None, None]:
        """See `Storage.counts`."""
        with self.connections.reading() as connection:
            for scope in scopes:
                yield sum(
                    connection.execute(f"SELECT count(*) FROM ({statement})", values).fetchone()[0]
                    for statement, values in queries.statements(scope, "1")
                )

    def count_up_to(self, limit: int, scope: Scope) -> Count:
        """See `Storage.count_up_to`."""
        budget, order = limit + 1, ""
        if scope.needs_scan:  # the newest entries, as for a page
            budget, order = queries.scan_budget_of_branch(scope), queries.in_order(newest_first=True)
        counted, complete = 0, True
        with self.connections.reading() as connection:
            for statement, values in queries.statements(scope, "id", fits="fits"):
                found, scanned = connection.execute(
                    f"SELECT total(fits), count(*) FROM ({statement}{order} LIMIT {budget})", values
                ).fetchone()
                counted += int(found)
                complete = complete and scanned < budget
        return Count(min(counted, limit), complete and counted <= limit)

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """See `Storage.page`."""
        if not scope.needs_scan and len(scope.branches) < MANY_BRANCHES:
            with closing(self.rows(scope, newest_first, limit)) as rows:
                return Found(list(rows))
        with self.connections.reading() as connection:
            scanned_to = None
            sparse, rest = self._sparse(connection, scope)
            if rest.needs_scan:
                complete = Part(sorted(sparse, reverse=newest_first), None)
                parts = self._parts(connection, rest, newest_first, limit)
                found = merge_parts([complete, *parts], newest_first)
                ids = found.ids[:limit]
                if len(ids) < limit and found.scanned_to is not None:
                    scanned_to = found.scanned_to
                    # Several branches may have scanned this entry, and the budget may have ended before the
                    # one whose tests it passes.
                    only = replace(rest, low=scanned_to, high=scanned_to + b"\0")
                    ids += [
                        each for each in self._first(connection, only, newest_first, 1) if each not in ids
                    ]
            else:
                ids = [*sparse, *self._first(connection, rest, newest_first, limit)]
                ids = sorted(ids, reverse=newest_first)[:limit]
            if not ids:
                return Found([], scanned_to)
            rows_of = connection.execute(
                f"SELECT {self._leading}, {self._metadata(connection)} FROM audit_entry "
                f"WHERE account_id = ? AND id IN ({', '.join('?' * len(ids))})"
                f"{queries.in_order(newest_first, column=2)}",
                [scope.account_id, *ids],
            )
            return Found(rows_of.fetchall(), scanned_to)

    def _sparse(self, connection: sqlite3.Connection, scope: Scope) -> tuple[list[bytes], Scope]:
        """The ids of entries with a sparse value, such as a user, unordered, and the scope without these.

        Most users, and nearly all targets, have few entries. Reading all of them takes one index probe,
        instead of one for each event, or a scan where entries must have several values.
        """
        events: dict[Branch, set[str | None]] = {}
        for branch in scope.branches:
            if branch.value is not None:
                events.setdefault(replace(branch, event=None), set()).add(branch.event)
        ids: list[bytes] = []
        sparse = set()
        low, high = scope.low or bytes(16), scope.high
        for of_value, wanted in events.items():
            for lead in (of_value, *alternatives(of_value)):
                found = connection.execute(*queries.sparse(scope, lead)).fetchall()
                if len(found) <= queries.FEW_ENTRIES:
                    sparse.add(of_value)
                    ids += [each for event, each, fits in found if fits and event in wanted]
                    break
        return (
            [each for each in ids if low <= each and (high is None or each < high)],
            replace(
                scope,
                branches=tuple(each for each in scope.branches if replace(each, event=None) not in sparse),
            ),
        )

    def _first(
        self, connection: sqlite3.Connection, scope: Scope, newest_first: bool, limit: int
    ) -> Iterator[bytes]:
        """The first ids of a scope, merged from all statements that its branches need."""
        cursors = [
            connection.execute(f"{statement}{queries.in_order(newest_first)} LIMIT {limit}", values)
            for statement, values in queries.statements(scope, "id")
        ]
        for (found,) in islice(heapq.merge(*cursors, reverse=newest_first), limit):
            yield found

    def _parts(
        self, connection: sqlite3.Connection, scope: Scope, newest_first: bool, limit: int
    ) -> Iterator[Part]:
        """For each statement, up to `limit` matching ids within its scan budget."""
        budget, order = queries.scan_budget_of_branch(scope), queries.in_order(newest_first)
        scans = queries.statements(scope, "id", fits="fits")
        candidates = queries.statements(scope.indexed, "id")
        for (statement, values), (indexed, bounds) in zip(scans, candidates, strict=True):
            found = connection.execute(
                f"SELECT id FROM ({statement}{order} LIMIT {budget}) WHERE fits LIMIT {limit}", values
            )
            ids = [each for (each,) in found]
            if len(ids) == limit:
                yield Part(ids, ids[-1])
                continue
            last = connection.execute(f"{indexed}{order} LIMIT 1 OFFSET {budget - 1}", bounds).fetchone()
            yield Part(ids, last and last[0])

    def rows(self, scope: Scope, newest_first: bool = True, limit: int | None = None) -> Rows:
        """See `Storage.rows`."""
        with self.connections.reading() as connection:
            selected = f"{self._leading}, {self._metadata(connection)}"
            if len(scope.branches) == 1:
                ((statement, values),) = queries.statements(scope, selected)
                order = queries.in_order(newest_first, column=2)
                row_limit = -1 if limit is None else limit  # in SQLite -1 is no limit
                yield from connection.execute(f"{statement}{order} LIMIT ?", [*values, row_limit])
                return
            cursors = [
                connection.execute(statement + queries.in_order(newest_first), values)
                for statement, values in queries.statements(scope, "id, audit_entry.rowid")
            ]
            # Closed here: its last cursor must not be closed by the garbage collector, after the connection.
            with closing(heapq.merge(*cursors, reverse=newest_first)) as merged:
                found = islice(merged, limit)
                while part := [row_id for _, row_id in islice(found, ROWS_AT_ONCE)]:
                    yield from connection.execute(queries.by_row_ids(selected, "?"), [json.dumps(part)])
            for cursor in cursors:
                cursor.close()

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
        from auditwright.storage.sqlite import export_pool, export_sql

        line_of = partial(export_sql.line_of_csv, self._catalog, full=full)
        exporter = export_pool.LineExporter(self.connections, self._catalog, self._metadata)
        return exporter.pieces(line_of, scope, True, size, limit, processes, interrupt)

    def json_lines(
        self, scope: Scope, size: int, processes: int = 1, interrupt: Interrupt | None = None
    ) -> Pieces:
        """See `Storage.json_lines`."""
        from auditwright.storage.sqlite import export_pool, export_sql

        line_of = partial(export_sql.line_of_json, self._catalog)
        exporter = export_pool.LineExporter(self.connections, self._catalog, self._metadata)
        return exporter.pieces(line_of, scope, False, size, None, processes, interrupt)

    @property
    def activity(self) -> Activity:
        """See `Storage.activity`."""
        return self.connections.activity

    def waiting(self) -> Waiting | None:
        """See `Storage.waiting`."""
        return None

    def ping(self) -> None:
        """See `Storage.ping`."""
        with self.connections.reading() as connection:
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")

    def close(self) -> None:
        """See `Storage.close`."""
        self.connections.close()
