"""Reading pages from PostgreSQL: the page itself, its count up to a limit, and the choices of its filters.

Every method answers in milliseconds, however large the log is. Exports and exact counts are in `engine.py`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg

from auditwright.storage.base import SMALL_CATALOG, Count
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql import queries
from auditwright.storage.postgresql.dsn import Connection, sql
from auditwright.storage.postgresql.scan import scan
from auditwright.storage.query import Branch, Found, Scope
from auditwright.storage.scan import Part, alternatives, merge_parts

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Row
    from auditwright.storage.postgresql.connections import Connections
    from auditwright.storage.postgresql.entry_table import EntryTable

UNREGISTERED_EVENTS_SECONDS = 60
"""How long the unregistered events of an account are cached."""
MAX_ACCOUNTS = 10_000
"""Accounts in that cache."""


class Pages:
    """Reads pages of one log; the methods are those of `Storage`."""

    def __init__(self, connections: Connections, table: EntryTable, catalog: Catalog) -> None:
        self._connections = connections
        self._table = table
        self._catalog = catalog
        self._unregistered: dict[str, tuple[float, frozenset[str]]] = {}
        """By account: when they were looked up, and the events."""

    # --- the page ------------------------------------------------------------------------------

    def page(self, scope: Scope, newest_first: bool, limit: int) -> Found:
        """See `Storage.page`."""
        if not scope.branches:
            return Found([])
        with self._connections.reading(scope.account_id, for_pages=True) as connection:
            layout = self._table.layout(connection)
            if not scope.needs_scan and len(scope.branches) <= queries.FEW_BRANCHES:
                query = queries.select_rows(self._table.name, layout.select, scope, newest_first, limit)
                scanned_to = None
            else:
                ids, scanned_to = self._ids(connection, scope, newest_first, limit)
                if not ids:
                    return Found([], scanned_to)
                query = queries.select_ids(
                    self._table.name, layout.select, scope.account_id, ids, newest_first
                )
            return Found([layout.row(found) for found in _run(connection, *query)], scanned_to)

    def _ids(
        self, connection: Connection, scope: Scope, newest_first: bool, limit: int
    ) -> tuple[list[bytes], bytes | None]:
        """The ids of a page, and the last id scanned where the scan budget ended it before it was full."""
        sparse, scope = self._sparse(connection, scope)
        if scope.needs_scan:
            scanned = scan(partial(_run, connection), self._table.name, scope, newest_first, limit)
            found = merge_parts([Part(sorted(sparse), None), scanned], newest_first)
            return found.ids[:limit], found.scanned_to if len(found.ids) < limit else None
        ids: list[bytes] = []
        for part in queries.recent_first(scope, newest_first, datetime.now(UTC)) if scope.branches else ():
            ids += self._first(connection, part, newest_first, limit)
            if len(ids) >= limit:
                break
        return sorted([*sparse, *ids], reverse=newest_first)[:limit], None

    def _first(self, connection: Connection, scope: Scope, newest_first: bool, limit: int) -> list[bytes]:
        """The first ids of a scope of many branches.

        Few ids of each branch are read at first. Only branches that have all of theirs on the page are read
        again, up to the limit.
        """
        of_each = min(queries.OF_EACH, limit)
        found = _run(connection, *queries.first_ids(self._table.name, scope, newest_first, limit, of_each))
        counts = Counter(tuple(branch) for _, *branch in found)
        more = {branch for branch, count in counts.items() if count == of_each < limit}
        ids = [each for each, *branch in found if tuple(branch) not in more]
        if more:
            every = list(queries.groups(scope.branches))
            branches = (Branch(event, every[group].by, value) for group, event, value in more)
            scope = replace(scope, branches=tuple(branches))
            query = queries.first_ids(self._table.name, scope, newest_first, limit, limit)
            ids += [each for each, *_ in _run(connection, *query)]
        return sorted((each.bytes for each in ids), reverse=newest_first)[:limit]

    def _sparse(self, connection: Connection, scope: Scope) -> tuple[list[bytes], Scope]:
        """The ids of entries with a sparse value, such as a user, unordered, and the scope without these.

        Most users and nearly all targets have few entries. Reading all of them takes one index probe in each
        partition, instead of one for each event, or a scan where entries must have several values.
        """
        ids: list[bytes] = []
        rest = {branch: (branch, *alternatives(branch)) for branch in scope.branches}
        for number in count():
            leads = {branch: every[number] for branch, every in rest.items() if number < len(every)}
            if not leads:
                break
            sparse, found = self._read_sparse(connection, scope, list(leads.values()))
            ids += found
            rest = {branch: every for branch, every in rest.items() if leads.get(branch) not in sparse}
        low, high = scope.low or bytes(16), scope.high
        return (
            [each for each in ids if low <= each and (high is None or each < high)],
            replace(scope, branches=tuple(rest)),
        )

    def _read_sparse(
        self, connection: Connection, scope: Scope, branches: Sequence[Branch]
    ) -> tuple[set[Branch], list[bytes]]:
        """Those of the branches whose value is sparse, and the ids of their entries that pass the tests."""
        sparse: set[Branch] = set()
        ids: list[bytes] = []
        for group in queries.groups(branches):
            if group.values is None:
                continue
            query = queries.sparse(
                self._table.name, scope, group, sorted(set(group.values)), queries.FEW_ENTRIES + 1
            )
            found = _run(connection, *query)
            counts = Counter(value for value, *_ in found)
            all_read = {
                (event, value)
                for event, value in zip(group.events or (), group.values, strict=True)
                if counts[value] <= queries.FEW_ENTRIES
            }
            ids += [each.bytes for value, event, each, fits in found if fits and (event, value) in all_read]
            sparse |= {Branch(event, group.by, value, group.tests) for event, value in all_read}
        return sparse, ids

    def count_up_to(self, limit: int, scope: Scope) -> Count:
        """See `Storage.count_up_to`."""
        if not scope.branches:
            return Count(0, True)
        budget = queries.scan_budget(scope) if scope.needs_scan else limit + 1
        with self._connections.reading(scope.account_id, for_pages=True) as connection:
            ((found, scanned),) = _run(connection, *queries.count_up_to(self._table.name, scope, budget))
        return Count(min(found, limit), scanned < budget and found <= limit)

    # --- the choices of its filters ------------------------------------------------------------

    def possible_events(self, account_id: str, quick: bool) -> list[str]:
        """See `Storage.possible_events`.

        Unregistered events, which no catalog of this database has, are looked up in all partitions; with
        `quick` they may come from the cache.
        """
        known = list(self._catalog.current)
        with self._connections.reading(account_id, for_pages=True) as connection:
            if len(known) > SMALL_CATALOG:
                keys = queries.loose_index_scan(self._table.name, "event", "account_id = %s")
                return [key for (key,) in _run(connection, keys, [account_id, account_id])]
            registered = f"SELECT key FROM {self._table.sibling('audit_event')}"
            others = {key for (key,) in _run(connection, registered, [])}.difference(known)
            known += self._recorded(connection, account_id, sorted(others))
            never = -UNREGISTERED_EVENTS_SECONDS, frozenset[str]()
            cached_at, unregistered = self._unregistered.get(account_id, never)
            if not quick or time.monotonic() - cached_at >= UNREGISTERED_EVENTS_SECONDS:
                cached_at = time.monotonic()
                unregistered = self._find_unregistered(connection, account_id, known)
                if len(self._unregistered) >= MAX_ACCOUNTS:
                    self._unregistered.clear()
                self._unregistered[account_id] = cached_at, unregistered
        return [*known, *unregistered.difference(known)]

    def _find_unregistered(
        self, connection: Connection, account_id: str, known: Sequence[str]
    ) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        while more := _run(
            connection, *queries.events_between(self._table.name, account_id, [*known, *found])
        ):
            found |= {key for (key,) in more}
        return found

    def recorded_events(self, account_id: str) -> list[str]:
        """See `Storage.recorded_events`."""
        possible = self.possible_events(account_id, quick=True)
        with self._connections.reading(account_id, for_pages=True) as connection:
            return self._recorded(connection, account_id, possible)

    def _recorded(self, connection: Connection, account_id: str, events: list[str]) -> list[str]:
        """Those of the events that have entries."""
        if not events:
            return []
        statement = queries.RECORDED_EVENTS.format(table=self._table.name)
        return [key for (key,) in _run(connection, statement, [events, account_id])]

    def targets(self, account_id: str, targets: Sequence[str]) -> list[str]:
        """See `Storage.targets`."""
        statement = queries.EXISTING_TARGETS.format(table=self._table.sibling("audit_target"))
        with self._connections.reading(account_id, for_pages=True) as connection:
            return [target for (target,) in _run(connection, statement, [list(targets), account_id])]

    def users(self, account_id: str, text: str, limit: int) -> list[Row]:
        """See `Storage.users`."""
        statement, values = queries.users(self._table.sibling("audit_user"), account_id, text, limit)
        with self._connections.reading(account_id) as connection:
            try:
                return connection.execute(sql(statement), values, prepare=True).fetchall()
            except psycopg.errors.UndefinedTable as error:
                hint = "run `auditwright database upgrade`"
                raise StorageError(
                    f"{self._connections.name}: there is no table audit_user; {hint}"
                ) from error


def _run(connection: Connection, statement: str, values: Sequence[Any]) -> list[Row]:
    """The rows of a prepared statement; the connection keeps its plan."""
    return connection.execute(sql(statement), values, prepare=True, binary=True).fetchall()
