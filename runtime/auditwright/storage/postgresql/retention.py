"""Retention and holds on PostgreSQL: drops whole partitions, and deletes rows of those that stay."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from auditwright.ids import from_microseconds, id_time, to_microseconds
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.distribution import is_distributed, transaction_id
from auditwright.storage.postgresql.owner_connection import (
    become_owner,
    begin,
    connect,
    database_name,
    errors,
    insert_rows,
)
from auditwright.storage.postgresql.schema import columns_of, quoted
from auditwright.storage.retention import ExpiredEntries, Hold, PruneResult, sum_by_account

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Progress, Row
    from auditwright.storage.retention import RecordPrune, RecordRun

LOCK_SECONDS = 5
"""The lock timeout: readers and writers wait behind a DROP that waits."""

_User = tuple[str, str]
"""Account and id."""


@dataclass(frozen=True, slots=True)
class _Partition:
    """A partition with its bounds; the first partition has no lower bound."""

    name: str
    low: uuid.UUID | None
    high: uuid.UUID
    expired: tuple[ExpiredEntries, ...] = ()
    """Its expired entries."""

    @property
    def targets(self) -> str:
        """The name of the partition of audit_target with its ids."""
        return self.name.replace("audit_entry", "audit_target", 1)

    def ends_by(self, bound: uuid.UUID) -> bool:
        """Whether all of its ids are below a bound."""
        return self.high <= bound


@dataclass(frozen=True, slots=True)
class _Plan:
    """What happens to each partition below a bound."""

    merged: tuple[_Partition, ...]
    """The oldest partitions: dropped, and replaced by one new first partition."""
    emptied: tuple[_Partition, ...]
    """Dropped and made again, because an older partition stays."""
    thinned: tuple[tuple[_Partition, tuple[ExpiredEntries, ...]], ...]
    """Partitions of which the rows of these accounts are deleted."""
    held: tuple[ExpiredEntries, ...]

    @property
    def deleted(self) -> tuple[ExpiredEntries, ...]:
        dropped = (item for each in (*self.merged, *self.emptied) for item in each.expired)
        return sum_by_account([*dropped, *(item for _, expired in self.thinned for item in expired)])


class PostgreSQLRetentionStore:
    """See `RetentionStore`; acts as the owner of the tables."""

    def __init__(self, url: str, catalog: Catalog) -> None:
        self.name = database_name(url)
        self._catalog = catalog
        self._connection = connect(url)
        try:
            with self._transaction():
                self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        for table in ("audit_retention", "audit_user", "audit_target"):
            if not columns_of(self._connection, table):
                raise StorageError(
                    f"{self.name}: there is no table {table}; run `auditwright database upgrade`, or "
                    "`auditwright database create` for a new database"
                )

    def close(self) -> None:
        """See `RetentionStore.close`."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors(self.name, "apply retention"), self._connection.transaction():
            begin(self._connection)
            become_owner(self._connection, self.name)
            self._execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            yield

    def prune(
        self,
        before: datetime,
        account_id: str | None,
        dry_run: bool,
        record: RecordPrune,
        record_run: RecordRun,
        progress: Progress,
    ) -> PruneResult:
        """See `RetentionStore.prune`; all of it is one transaction."""
        limit = before.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        bound = _bound(limit)
        with self._transaction():
            if not dry_run:
                self._execute("LOCK TABLE audit_retention IN SHARE ROW EXCLUSIVE MODE")
            partitions = [each for each in self._partitions() if each.low is None or each.low < bound]
            counted = list(self._counted(partitions, bound, not dry_run, progress))
            plan = _plan(counted, bound, self._held(), account_id)
            if not dry_run:
                users = self._users(plan, bound)
                self._thin(plan, bound, account_id)
                self._store(record(limit, item) for item in plan.deleted)
                if plan.deleted:
                    self._store([record_run(limit, plan.deleted)])
                self._drop(plan)
                self._forget(users, bound)
        dropped = tuple(each.name for each in (*plan.merged, *plan.emptied))
        return PruneResult(self.name, limit, plan.deleted, plan.held, dropped)

    def _partitions(self) -> list[_Partition]:
        found = self._execute("""
            SELECT relname, substring(bounds FROM $$FROM \\('([0-9a-f-]{36})$$)::uuid,
                substring(bounds FROM $$TO \\('([0-9a-f-]{36})$$)::uuid AS high
            FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid,
                pg_get_expr(relpartbound, inhrelid) AS bounds
            WHERE inhparent = 'audit_entry'::regclass ORDER BY high""")
        return [_Partition(*row) for row in found]

    def _counted(
        self, partitions: Iterable[_Partition], bound: uuid.UUID, lock: bool, progress: Progress
    ) -> Iterator[_Partition]:
        """The partitions with their expired entries, locked against changes until the transaction ends."""
        counted = 0
        for each in partitions:
            if lock:
                self._execute(f"LOCK TABLE ONLY {quoted(each.name)} IN SHARE ROW EXCLUSIVE MODE")
            rows = self._execute(
                'SELECT account_id, count(*), min(id::text COLLATE "C"), max(id::text COLLATE "C") '
                f"FROM {quoted(each.name)} WHERE id < %s GROUP BY account_id",
                (bound,),
            )
            expired = tuple(
                ExpiredEntries(account, count, _time(low), _time(high)) for account, count, low, high in rows
            )
            counted += sum(each.entries for each in expired)
            progress(counted)
            yield _Partition(each.name, each.low, each.high, expired)

    def _held(self) -> set[str]:
        found = self._execute("SELECT account_id FROM audit_hold WHERE until IS NULL OR until > now()")
        return {account_id for (account_id,) in found}

    def _thin(self, plan: _Plan, bound: uuid.UUID, account_id: str | None) -> None:
        """Delete rows; the row in audit_retention makes the trigger allow it in this transaction."""
        if not plan.thinned:
            return
        transaction = transaction_id(self._connection)
        self._execute("INSERT INTO audit_retention VALUES (%s, %s, %s)", (transaction, bound, account_id))
        for partition, expired in plan.thinned:
            statement = f"DELETE FROM {quoted(partition.name)} WHERE account_id = ANY (%s) AND id < %s"
            values = [item.account_id for item in expired], bound
            self._execute(
                f"DELETE FROM {quoted(partition.targets)} WHERE account_id = ANY (%s) AND id < %s", values
            )
            found = self._connection.execute(statement.encode(), values)
            if found.rowcount != sum(item.entries for item in expired):
                raise StorageError(
                    f"{self.name}: other rows matched than were counted; nothing was deleted: try again"
                )
        self._execute("DELETE FROM audit_retention WHERE transaction_id = %s", (transaction,))

    def _users(self, plan: _Plan, bound: uuid.UUID) -> list[_User]:
        """The users whose entries are all deleted."""
        accounts = [item.account_id for item in plan.deleted]
        none_left = _NONE_LEFT_ON_NODE if is_distributed(self._connection) else _NONE_LEFT
        return self._execute(f"SELECT * FROM ({_USERS}) AS gone WHERE {none_left}", (accounts, bound, bound))

    def _forget(self, users: list[_User], bound: uuid.UUID) -> None:
        """Delete users with all their names from audit_user, unless they have new entries by now.

        To see these it waits until nobody is recording, and blocks recording until the transaction ends.
        """
        if not users:
            return
        self._execute("LOCK TABLE ONLY audit_entry IN SHARE ROW EXCLUSIVE MODE")
        accounts, ids = [account for account, _ in users], [user for _, user in users]
        if is_distributed(self._connection):  # users of other accounts with such an id have entries, and stay
            self._execute(
                "DELETE FROM audit_user AS gone WHERE account_id = ANY (%s) AND actor_id = ANY (%s) "
                f"AND {_NONE_LEFT_ON_NODE}",
                (accounts, ids, bound),
            )
            return
        self._execute(
            "DELETE FROM audit_user USING unnest(%s::text[], %s::text[]) AS gone(account_id, actor_id) "
            "WHERE audit_user.account_id = gone.account_id AND audit_user.actor_id = gone.actor_id "
            f"AND {_NONE_LEFT}",
            (accounts, ids, bound),
        )

    def _drop(self, plan: _Plan) -> None:
        """Drop partitions; last, because it blocks readers and writers until the transaction ends."""
        if not plan.merged and not plan.emptied:
            return
        for each in (*plan.merged, *plan.emptied):
            self._execute(f"DROP TABLE {quoted(each.name)}, {quoted(each.targets)}")
        if plan.merged:
            self._add(_Partition("audit_entry_first", None, plan.merged[-1].high))
        for each in plan.emptied:
            self._add(each)

    def _add(self, partition: _Partition) -> None:
        self._execute(
            "SELECT audit_add_partition(%s, %s, %s)", (partition.name, partition.low, partition.high)
        )

    def holds(self) -> list[Hold]:
        """See `RetentionStore.holds`."""
        with self._transaction():
            return [Hold(*row) for row in self._execute(f"{_HOLDS} ORDER BY account_id")]

    def hold(self, hold: Hold, row: Row) -> bool:
        """See `RetentionStore.hold`."""
        with self._transaction():
            current = self._hold_of(hold.account_id)
            if current is not None and (current.reason, current.until) == (hold.reason, hold.until):
                return False
            self._execute(
                "INSERT INTO audit_hold (account_id, reason, until, created_at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (account_id) DO UPDATE SET reason = excluded.reason, until = excluded.until, "
                "created_at = excluded.created_at",
                (hold.account_id, hold.reason, hold.until, hold.created_at),
            )
            self._store([row])
        return True

    def release(self, account_id: str, record: Callable[[Hold], Row]) -> Hold | None:
        """See `RetentionStore.release`."""
        with self._transaction():
            current = self._hold_of(account_id)
            if current is not None:
                self._execute("DELETE FROM audit_hold WHERE account_id = %s", (account_id,))
                self._store([record(current)])
        return current

    def _hold_of(self, account_id: str) -> Hold | None:
        # The lock that retention takes too: either it sees the hold, or the hold waits for it.
        self._execute("LOCK TABLE audit_retention IN SHARE ROW EXCLUSIVE MODE")
        found = self._execute(f"{_HOLDS} WHERE account_id = %s", (account_id,))
        return next((Hold(*row) for row in found), None)

    def _store(self, rows: Iterable[Row]) -> None:
        insert_rows(self._connection, self._catalog, rows)

    def _execute(self, statement: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def _plan(partitions: list[_Partition], bound: uuid.UUID, held: set[str], account_id: str | None) -> _Plan:
    def stays(each: _Partition) -> bool:
        some_stay = account_id is not None or any(item.account_id in held for item in each.expired)
        return some_stay or not each.ends_by(bound)

    merged = tuple(takewhile(lambda each: not stays(each), partitions))
    rest = partitions[len(merged) :]
    if len(merged) == 1 and not merged[0].expired:
        merged = ()  # the same partition would be made again
    wanted = (
        held
        if account_id is None
        else held
        | {item.account_id for each in partitions for item in each.expired if item.account_id != account_id}
    )
    thinned = tuple(
        (each, tuple(item for item in each.expired if item.account_id not in wanted))
        for each in rest
        if stays(each)
    )
    kept = (
        item
        for each in partitions
        for item in each.expired
        if item.account_id in held and account_id in (None, item.account_id)
    )
    return _Plan(
        merged,
        tuple(each for each in rest if not stays(each) and each.expired),
        tuple((each, expired) for each, expired in thinned if expired),
        sum_by_account(kept),
    )


def _bound(moment: datetime) -> uuid.UUID:
    """The least id of a time, as `audit_first_id` makes it."""
    return uuid.UUID(bytes=(to_microseconds(moment) // 1000).to_bytes(6, "big") + bytes(10))


def _time(entry_id: str) -> datetime:
    data = uuid.UUID(entry_id).bytes
    moment = id_time(data)
    return from_microseconds(int.from_bytes(data[:6], "big") * 1000 if moment is None else moment)


_USERS = """
    SELECT DISTINCT account_id, actor_id FROM audit_entry
    WHERE actor_id IS NOT NULL AND account_id = ANY (%s) AND id < %s"""
# LIMIT makes it a probe of each partition's index, up to the first that has an entry.
_NONE_LEFT = """(
    SELECT true FROM audit_entry AS entry
    WHERE entry.account_id = gone.account_id AND entry.actor_id = gone.actor_id AND entry.id >= %s
    LIMIT 1) IS NULL"""
# The same as a join, which each node of a Citus cluster makes of what it has.
_NONE_LEFT_ON_NODE = """NOT EXISTS (
    SELECT FROM audit_entry AS entry
    WHERE entry.account_id = gone.account_id AND entry.actor_id = gone.actor_id AND entry.id >= %s)"""
_HOLDS = "SELECT account_id, reason, until, created_at FROM audit_hold"
