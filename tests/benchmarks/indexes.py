"""The write cost of each index, and the shapes that need it, on both engines.

The databases are temporary and durable. They store the entries of `large.py`, 1,000 a transaction. Triggers
that store additional rows count as indexes.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import large
from tests.benchmarks.shapes import representatives, shapes
from tests.support.databases import Database, PostgreSQLDatabase, SQLiteDatabase, temporary_server

from audit_events import CATALOG
from auditwright import AccountLog, Actor, AuditLog, SecretKey
from auditwright.context import acting
from auditwright.entry import Row, columns
from auditwright.storage.layout import INDEXES
from auditwright.storage.postgresql import row_format
from auditwright.storage.sqlite.connections import WRITER_PRAGMAS

ENTRIES = 300_000
"""Entries stored with each choice of indexes."""
TRANSACTION = 1_000
RECORDED, TURNS = 8_000, 25
"""Entries of one turn of `record_many`, and turns with the constraints and without them."""
READ_ENTRIES = 100_000
"""Entries of the log that is read without an index; a page may scan all of them once for each event."""
CALLS = 7
SLOW_SECONDS = 0.1
"""A slower page is read once."""
NEEDS = 3
"""A page needs an index if it takes at least this many times as long without it."""

Insert = Callable[[Sequence[Row]], None]
Read = Callable[[], object]


def run() -> None:
    """Print the tables of each engine."""
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # hides a warning about the role
    with tempfile.TemporaryDirectory(prefix="auditwright-") as folder:
        numbers = iter(range(100))

        def sqlite() -> Database:
            return SQLiteDatabase(Path(folder) / f"{next(numbers)}.db")

        _print_costs("SQLite", sqlite, _sqlite)
        print_checks("SQLite", sqlite)
        _print_needs("SQLite", sqlite())
    with temporary_server(durable=True) as server:
        _print_costs("PostgreSQL", server.another, _postgresql)
        print_checks("PostgreSQL", server.another)
        _print_needs("PostgreSQL", server.another())


# --- the cost of indexes ----------------------------------------------------------------------------


def _print_costs(
    engine: str, make: Callable[[], Database], inserting: Callable[[Database], AbstractContextManager[Insert]]
) -> None:
    choices: dict[str, list[str]] = {"the primary key alone": []}
    choices |= {f"and {name}": [name] for name in INDEXES}
    choices["and both"] = list(INDEXES)
    databases: dict[str, Database] = {}
    others: list[str] = []
    for name, kept in choices.items():
        databases[name] = make()
        others = _drop_all_but(databases[name], kept)
    if others:
        choices[f"and both and {', '.join(others)}"] = [*INDEXES, *others]
        databases[list(choices)[-1]] = make()
        _drop_all_but(databases[list(choices)[-1]], [*INDEXES, *others])
    seconds: dict[str, list[float]] = {name: [] for name in choices}
    with ExitStack() as stack:
        inserts = {name: stack.enter_context(inserting(database)) for name, database in databases.items()}
        for batch in large.rows("acme", ENTRIES):
            for name, insert in inserts.items():
                started = time.perf_counter()
                for first in range(0, len(batch), TRANSACTION):
                    insert(batch[first : first + TRANSACTION])
                seconds[name].append((time.perf_counter() - started) / len(batch))
    print(f"\n### {engine}: storing {ENTRIES:,} entries, {TRANSACTION:,} a transaction\n")
    print("| indexes | us a row | ratio | median, us a row | bytes a row |")
    print("|---|---:|---:|---:|---:|")
    both = sum(seconds["and both"])
    for name, turns in seconds.items():
        mean, median = statistics.mean(turns) * 1e6, statistics.median(turns) * 1e6
        size = _size(databases[name]) / ENTRIES
        print(f"| {name} | {mean:.2f} | {sum(turns) / both:.2f} | {median:.2f} | {size:.0f} |")


def print_checks(engine: str, make: Callable[[], Database]) -> None:
    """Print the time of `record_many` with the constraints that refuse damaged entries, and without them."""
    events = list(CATALOG.events.values())
    models = [CATALOG.model(event)(**event.example) for event in events] * (RECORDED // len(events))
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    with ExitStack() as stack:
        logs: dict[str, AuditLog] = {}
        for name in seconds:
            database = make()
            logs[name] = AuditLog.open(
                database.url, catalog=CATALOG, account_id="acme", secret_key=SecretKey.generate("k1")
            )
            stack.enter_context(logs[name])
            if name == "without":
                _drop_checks(database)
        stack.enter_context(acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"))
        for turn in range(TURNS):
            for name in list(seconds)[:: 1 if turn % 2 else -1]:
                started = time.perf_counter()
                logs[name].record_many(models)
                seconds[name].append((time.perf_counter() - started) / len(models))
    ratios = [with_ / without for without, with_ in zip(*seconds.values(), strict=True)]
    print(f"\n### {engine}: record_many with the constraints and without, {len(models):,} entries a turn\n")
    print("| constraints | median, us an entry | best | median ratio of turns |")
    print("|---|---:|---:|---:|")
    for name, turns in seconds.items():
        ratio = statistics.median(ratios) if name == "with" else 1
        print(f"| {name} | {statistics.median(turns) * 1e6:.2f} | {min(turns) * 1e6:.2f} | {ratio:.3f} |")


def _drop_checks(database: Database) -> None:
    if database.engine == "sqlite":
        database.change("DROP TRIGGER audit_entry_sound")
        return
    found = database.rows(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'audit_entry'::regclass AND contype = 'c'"
    )
    database.change(f"ALTER TABLE audit_entry {', '.join(f'DROP CONSTRAINT {name}' for (name,) in found)}")


def _drop_all_but(database: Database, kept: Sequence[str]) -> list[str]:
    """Drop all other indexes and writing triggers; returns the names of all writing triggers."""
    AuditLog.open(database.url, catalog=CATALOG).close()
    triggers = _writing_triggers(database)
    on_table = "" if database.engine == "sqlite" else " ON audit_entry"
    database.change(
        *(f"DROP INDEX {name}" for name in INDEXES if name not in kept),
        *(f"DROP TRIGGER {name}{on_table}" for name in triggers if name not in kept),
    )
    return triggers


def _writing_triggers(database: Database) -> list[str]:
    """The triggers that store something after an entry is inserted."""
    if database.engine == "sqlite":
        found = database.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        writing = r"\bAFTER\s+INSERT\b.*\bBEGIN\b.*\b(INSERT|UPDATE)\b"
        return [name for name, statement in found if re.search(writing, statement, re.DOTALL)]
    # In tgtype, 4 means INSERT and 2 means BEFORE.
    found = database.rows(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit_entry'::regclass AND NOT tgisinternal "
        "AND tgtype & 4 = 4 AND tgtype & 2 = 0"
    )
    return [name for (name,) in found]


@contextmanager
def _sqlite(database: Database) -> Iterator[Insert]:
    assert isinstance(database, SQLiteDatabase)
    names = [name for name, _, _ in columns(CATALOG)]
    statement = f"INSERT INTO audit_entry ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        for pragma in WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

        def insert(rows: Sequence[Row]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows)
            connection.execute("COMMIT")

        yield insert
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _postgresql(database: Database) -> Iterator[Insert]:
    assert isinstance(database, PostgreSQLDatabase)
    order = columns(CATALOG)
    statement = row_format.copy_statement("audit_entry", order)
    with database.connect() as connection:

        def insert(rows: Sequence[Row]) -> None:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                for piece in row_format.copied(order, rows):
                    copy.write(piece)

        yield insert


def _size(database: Database) -> int:
    """The size of the entries and their indexes, in bytes."""
    if isinstance(database, SQLiteDatabase):
        return database.path.stat().st_size
    ((size,),) = database.rows(
        "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('audit_entry')"
    )
    return int(size)


# --- the use of indexes -----------------------------------------------------------------------------


def _print_needs(engine: str, database: Database) -> None:
    """Print the times of reads with all indexes, and without each of them."""
    large.fill(database, {"acme": READ_ENTRIES}, lambda _: None)
    with AuditLog.open(database.url, catalog=CATALOG) as log:
        reads = _reads(log.account("acme"))
        with_all = {name: _seconds(read) for name, read in reads.items()}
        without: dict[str, dict[str, float]] = {}
        for index in INDEXES:
            with _without_index(database, index):
                without[index] = {name: _seconds(read) for name, read in reads.items()}
    print(f"\n### {engine}: the newest page of {READ_ENTRIES:,} entries without an index, ms\n")
    print(f"| read | with all | {' | '.join(f'without {index}' for index in INDEXES)} |")
    print(f"|---|---:|{'---:|' * len(INDEXES)}")
    unaffected = []
    for name, base in with_all.items():
        times = [without[index][name] for index in INDEXES]
        if max(times) < base * NEEDS:
            unaffected.append(name)
            continue
        cells = (f"{each * 1e3:.2f} ({each / base:,.1f} times)" for each in times)
        print(f"| {name} | {base * 1e3:.2f} | {' | '.join(cells)} |")
    print(
        f"\nReads that take less than {NEEDS} times as long without either index: "
        f"{', '.join(unaffected) or 'none'}.\n"
    )


def _reads(account: AccountLog) -> dict[str, Read]:
    """Pages, and separately the list of the account's events, which every filter reads first."""
    storage = account._storage
    some = [*representatives(), *(each for each in shapes() if each.kind == "sets of five")]
    reads: dict[str, Read] = {
        each.name: partial(storage.page, account._scope(each.where), True, 51) for each in some
    }
    reads["the account's events"] = partial(storage.possible_events, account.account_id, quick=True)
    reads['users with "zzz"'] = partial(account.users, "zzz")
    return reads


def _seconds(read: Read) -> float:
    """The median of several calls; the time of the first call if it is slow."""
    seconds: list[float] = []
    while len(seconds) <= CALLS and max(seconds, default=0) < SLOW_SECONDS:
        started = time.perf_counter()
        read()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:] or seconds)


@contextmanager
def _without_index(database: Database, index: str) -> Iterator[None]:
    """Remove an index; in SQLite, whose statements name it, a useless index takes its name."""
    made: list[tuple[Any, ...]]
    if database.engine == "sqlite":
        made = database.rows(f"SELECT sql FROM sqlite_schema WHERE name = '{index}'")
        database.change(f"DROP INDEX {index}", f"CREATE INDEX {index} ON audit_entry (account_id, id)")
    else:
        made = database.rows(f"SELECT pg_get_indexdef('{index}'::regclass)")
        database.change(f"DROP INDEX {index}")
    yield
    if database.engine == "sqlite":
        database.change(f"DROP INDEX {index}")
    database.change(*(statement.replace(" ON ONLY ", " ON ") for (statement,) in made))
