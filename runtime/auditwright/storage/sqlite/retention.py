"""Retention and holds in a SQLite file: deletes rows in batches; each batch records a system event.

`operations/retention.py` calls it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditwright.ids import from_microseconds, least_id, to_microseconds
from auditwright.storage.errors import StorageError
from auditwright.storage.retention import ExpiredEntries, Hold, PruneResult, sum_by_account
from auditwright.storage.sqlite.connections import TRIGGER_PRAGMAS, WAL_BYTES, path_of, translated_errors
from auditwright.storage.sqlite.engine import SQLiteStorage
from auditwright.storage.sqlite.queries import ACCOUNTS
from auditwright.storage.sqlite.schema import insert_statement
from auditwright.storage.sqlite.triggers import changing, deleting

if TYPE_CHECKING:
    from datetime import datetime

    from auditwright.catalog import Catalog
    from auditwright.entry import Progress, Row
    from auditwright.storage.retention import RecordPrune, RecordRun
    from auditwright.storage.setup_change import RecordSetup

BATCH = 20_000
"""Rows in one transaction: about half a second, during which no other process can write."""
BUSY_SECONDS = 10.0
"""How long a batch waits for another writer."""
SPOOL_TABLE = "audit_spool_refused"
"""The table by which a spool is known: that of the entries that the database has refused."""


class SQLiteRetentionStore:
    """See `RetentionStore`."""

    def __init__(self, location: str, catalog: Catalog, record: RecordSetup | None = None) -> None:
        # Adds tables that an older file lacks.
        SQLiteStorage(location, catalog, create=False, record=record).close()
        path = path_of(location)
        self.name = str(path)
        self._insert = insert_statement(catalog)
        with self._errors():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
            )
            self._refuse_spool()
            for pragma in ("synchronous=FULL", *TRIGGER_PRAGMAS, f"journal_size_limit={WAL_BYTES}"):
                self._connection.execute(f"PRAGMA {pragma}")

    def _refuse_spool(self) -> None:
        sql = "SELECT 1 FROM sqlite_schema WHERE name = ?"
        if self._connection.execute(sql, (SPOOL_TABLE,)).fetchone():
            self.close()
            raise StorageError(
                f"{self.name}: this is a spool, whose entries the database does not have yet; run "
                "`auditwright spool drain`, and then this command with the URL of the database"
            )

    def close(self) -> None:
        """See `RetentionStore.close`."""
        self._connection.close()

    def prune(
        self,
        before: datetime,
        account_id: str | None,
        dry_run: bool,
        record: RecordPrune,
        record_run: RecordRun,
        progress: Progress,
    ) -> PruneResult:
        """See `RetentionStore.prune`."""
        bound = least_id(max(to_microseconds(before), 0))
        deleted: list[ExpiredEntries] = []
        held: list[ExpiredEntries] = []
        with self._errors(), self._recorded(before, deleted, dry_run, record_run):
            for each in self._accounts() if account_id is None else (account_id,):
                old = self._old(each, bound)
                if old is None:
                    continue
                if self._is_held(each):
                    held.append(old)
                elif dry_run:
                    deleted.append(old)
                else:
                    for part in self._delete(each, before, bound, record):
                        deleted.append(part)
                        progress(sum(each.entries for each in deleted))
        return PruneResult(self.name, before, sum_by_account(deleted), tuple(held))

    @contextmanager
    def _recorded(
        self, before: datetime, deleted: list[ExpiredEntries], dry_run: bool, record_run: RecordRun
    ) -> Iterator[None]:
        """Record the run when it ends, by an error too, with what it has deleted by then."""

        def store() -> None:
            if deleted and not dry_run:
                with self._transaction() as connection:
                    connection.execute(self._insert, record_run(before, sum_by_account(deleted)))

        try:
            yield
        except BaseException as error:
            try:
                store()
            except sqlite3.Error as failure:
                error.add_note(f"the run is not recorded, only what each account has lost: {failure}")
            raise
        store()

    def _accounts(self) -> list[str]:
        """All accounts; read at once, because deleting changes the index."""
        return [account for (account,) in self._connection.execute(ACCOUNTS).fetchall()]

    def _old(self, account_id: str, bound: bytes, limit: int = -1) -> ExpiredEntries | None:
        """The number and time span of the oldest entries below an id bound, at most `limit`; None if none."""
        entries, first, last = self._connection.execute(
            "SELECT count(*), min(occurred_at), max(occurred_at) FROM (SELECT occurred_at FROM audit_entry "
            "WHERE account_id = ? AND id < ? ORDER BY id LIMIT ?)",
            (account_id, bound, limit),
        ).fetchone()
        return (
            ExpiredEntries(account_id, entries, from_microseconds(first), from_microseconds(last))
            if entries
            else None
        )

    def _delete(
        self, account_id: str, before: datetime, bound: bytes, record: RecordPrune
    ) -> Iterator[ExpiredEntries]:
        while True:
            with self._transaction() as connection:
                old = self._old(account_id, bound, BATCH)
                if old is None or self._is_held(account_id):
                    return
                with deleting(connection, account_id, bound):
                    users = connection.execute(_DELETE, (account_id, bound, BATCH)).fetchall()
                if len(users) != old.entries:
                    raise StorageError(
                        f"{self.name}: the deletion was rolled back: {len(users)} rows were deleted, "
                        f"expected {old.entries}; run it again"
                    )
                connection.execute(self._insert, record(before, old))
                forget_users(connection, users)
            yield old
            if old.entries < BATCH:
                return

    def _is_held(self, account_id: str) -> bool:
        found = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM audit_hold WHERE account_id = ? "
            "AND (until IS NULL OR until > strftime('%s', 'now') * 1000000))",
            (account_id,),
        ).fetchone()
        return bool(found[0])

    def holds(self) -> list[Hold]:
        """See `RetentionStore.holds`."""
        with self._errors():
            return [_hold(row) for row in self._connection.execute(f"{_HOLDS} ORDER BY account_id")]

    def hold(self, hold: Hold, row: Row) -> bool:
        """See `RetentionStore.hold`."""
        until = None if hold.until is None else to_microseconds(hold.until)
        with self._errors(), self._transaction() as connection:
            there = connection.execute(f"{_HOLDS} WHERE account_id = ?", (hold.account_id,)).fetchone()
            if there is not None and (there[1], there[2]) == (hold.reason, until):
                return False
            with changing(connection, "audit_hold"):
                connection.execute(
                    "INSERT OR REPLACE INTO audit_hold (account_id, reason, until, created_at) "
                    "VALUES (?, ?, ?, ?)",
                    (hold.account_id, hold.reason, until, to_microseconds(hold.created_at)),
                )
            connection.execute(self._insert, row)
        return True

    def release(self, account_id: str, record: Callable[[Hold], Row]) -> Hold | None:
        """See `RetentionStore.release`."""
        with self._errors(), self._transaction() as connection:
            there = connection.execute(f"{_HOLDS} WHERE account_id = ?", (account_id,)).fetchone()
            if there is None:
                return None
            with changing(connection, "audit_hold"):
                connection.execute("DELETE FROM audit_hold WHERE account_id = ?", (account_id,))
            connection.execute(self._insert, record(_hold(there)))
        return _hold(there)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _errors(self) -> AbstractContextManager[None]:
        busy = "another program is writing to the file; run this again, it goes on where it stopped"
        return translated_errors(self.name, "delete", busy)


def forget_users(connection: sqlite3.Connection, users: Iterable[tuple[str, str | None]]) -> None:
    """Delete those of some users, each an account and an actor's id, who have no entry any more."""
    with changing(connection, "audit_user"):
        connection.executemany(
            _FORGET, [{"account": account, "actor": actor} for account, actor in set(users)]
        )


_DELETE = """
    DELETE FROM audit_entry WHERE rowid IN
        (SELECT rowid FROM audit_entry WHERE account_id = ? AND id < ? ORDER BY id LIMIT ?)
    RETURNING account_id, actor_id"""
# A user keeps every name until its last entry is deleted. No row is involved, so SQLite checks that once.
_FORGET = """
    DELETE FROM audit_user WHERE account_id = :account AND actor_id = :actor AND NOT EXISTS
        (SELECT 1 FROM audit_entry INDEXED BY audit_entry_user
         WHERE account_id = :account AND actor_id = :actor)"""
_HOLDS = "SELECT account_id, reason, until, created_at FROM audit_hold"


def _hold(row: tuple[str, str, int | None, int]) -> Hold:
    account_id, reason, until, created_at = row
    end = None if until is None else from_microseconds(until)
    return Hold(account_id, reason, end, from_microseconds(created_at))
