"""The bytes of an entry on the disk, by table and index, and in the write-ahead log of PostgreSQL.

python -m tests.benchmarks sizes

The log that `build` makes is loaded account by account, and its indexes are made afterwards, so that they are
as small as they get. A log that services record into has larger ones: 200,000 entries of many accounts are
recorded in the order of time. REINDEX then makes those indexes small. The write-ahead log depends on how many
entries share a commit, and on how often a page is written in full.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from tests.benchmarks import large
from tests.benchmarks.load import ADA, KEY, MODEL, in_threads
from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer, temporary_server

from audit_events import CATALOG, AuditEvents
from auditwright import Actor, AuditLog
from auditwright.recording.recorder import Recorder
from auditwright.storage.postgresql.roles import Roles, make_roles

SIZES_QUERY = """
    SELECT coalesce(parent.relname, part.relname) AS name, sum(pg_table_size(part.oid))
    FROM pg_class AS part LEFT JOIN pg_inherits ON inhrelid = part.oid
    LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE part.relkind = '{kind}' AND part.relnamespace = 'public'::regnamespace GROUP BY name
"""
"""The bytes of each table or index, with all of its partitions."""
Sizes = dict[str, float]
"""By table or index, the bytes of an entry."""
LEAST = 0.5
"""The fewest bytes an entry of a table or an index that has a row of its own."""
LIVE, BATCH = 200_000, 100
"""The entries that are recorded in the order of time, and those of a transaction."""
ACCOUNTS, USERS = 1_000, 5
"""The accounts, and the users of each."""
CALLERS, CALLS = 32, 300
"""The threads that record at the same time, and the calls of each."""
BULK = 100_000
"""The entries of a call of `record_many`."""


def run() -> None:
    """Print both tables."""
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # hides a warning about the role
    entries = sum(large.ACCOUNTS.values())
    sqlite = large.sqlite().path.stat().st_size
    with large.postgresql() as database:
        built = [_sizes(database, kind, entries) for kind in "ri"]
    with temporary_server(durable=True) as server:
        recorded, reindexed = _recorded_live(server)
    print(f"\n### An entry on the disk: {entries:,} loaded in order, and {LIVE:,} of {ACCOUNTS:,} accounts\n")
    _print_sizes(built, recorded, reindexed)
    print(f"| SQLite, the file | {sqlite / entries:.0f} | | |", flush=True)
    _print_write_ahead_log()


def _print_sizes(*columns: list[Sizes]) -> None:
    """Print the sizes of the tables and of the indexes: built, recorded, and after REINDEX."""
    built = columns[0]
    print("| bytes an entry | loaded in order | recorded | after REINDEX |\n|---|---:|---:|---:|")
    for number, kind in enumerate(("table", "index")):
        for name in sorted(built[number], key=lambda each: -built[number][each]):
            if max(column[number][name] for column in columns) >= LEAST:
                cells = " | ".join(f"{column[number][name]:.0f}" for column in columns)
                print(f"| PostgreSQL, {kind} `{name}` | {cells} |")
    sums = [[sum(sizes.values()) for sizes in column] for column in columns]
    for title, totals in (
        ("tables", [tables for tables, _ in sums]),
        ("indexes", [indexes for _, indexes in sums]),
        ("tables and indexes", [tables + indexes for tables, indexes in sums]),
    ):
        print(f"| PostgreSQL, all {title} | {' | '.join(f'{total:,.0f}' for total in totals)} |")


def _sizes(database: PostgreSQLDatabase, kind: str, entries: int) -> Sizes:
    return {name: float(size) / entries for name, size in database.rows(SIZES_QUERY.format(kind=kind))}


def _recorded_live(server: PostgreSQLServer) -> tuple[list[Sizes], list[Sizes]]:
    """The sizes after recording in the order of time, with the accounts interleaved, and after REINDEX."""
    database = server.another()
    chance = random.Random(7)
    recorder = Recorder(CATALOG, "acme", KEY)
    events = list(CATALOG.events.values())
    weights = [*accumulate(1 / rank for rank in range(1, ACCOUNTS + 1))]
    start = datetime.now(UTC) - timedelta(milliseconds=LIVE)
    with AuditLog.open(database.url) as log:
        for first in range(0, LIVE, BATCH):
            accounts = chance.choices(range(ACCOUNTS), cum_weights=weights, k=BATCH)
            log._storage.insert(
                [
                    recorder.row(
                        (event := chance.choice(events)).key,
                        event.example,
                        {
                            "actor": Actor.user(f"u-{account}-{chance.randrange(USERS)}", "Ada Lovelace"),
                            "account_id": f"account-{account}",
                            "ip_address": "203.0.113.7",
                            "occurred_at": start + timedelta(milliseconds=first + number),
                        },
                    )
                    for number, account in enumerate(accounts)
                ]
            )
    recorded = [_sizes(database, kind, LIVE) for kind in "ri"]
    with database.connect() as connection:
        connection.execute("REINDEX TABLE CONCURRENTLY audit_entry")
        connection.execute("REINDEX TABLE CONCURRENTLY audit_target")
    return recorded, [_sizes(database, kind, LIVE) for kind in "ri"]


def _print_write_ahead_log() -> None:
    print("\n| written by | bytes of write-ahead log an entry | after a checkpoint |\n|---|---:|---:|")
    with temporary_server(durable=True) as server:
        database = server.another()
        make_roles(database.url, Roles())
        server.change("CREATE ROLE sizes_service LOGIN IN ROLE audit_writer")
        url = database.url.replace("postgres:@", "sizes_service@")
        with AuditLog.open(url, account_id="acme", secret_key=KEY) as log:
            for title, record in _ways(log).items():
                record()  # so that the pages are there
                sizes = [f"{_written(database, record, bool(after)):,.0f}" for after in (False, True)]
                print(f"| {title} | {' | '.join(sizes)} |", flush=True)


def _ways(log: AuditLog) -> dict[str, Callable[[], int]]:
    audit = AuditEvents(log)
    models = [CATALOG.model(event)(**event.example) for event in CATALOG.events.values()]

    def one() -> None:
        account = f"account-{random.randrange(ACCOUNTS)}"
        audit.account.models.model_deployed(**MODEL, actor=ADA, account_id=account)

    def in_bulk() -> int:
        with log.acting(ADA):
            return log.record_many(random.choices(models, k=BULK))

    return {
        "one caller alone": lambda: len(in_threads(1, CALLS, one)),
        f"{CALLERS} threads": lambda: len(in_threads(CALLERS, CALLS, one)),
        "`record_many`": in_bulk,
    }


def _written(database: PostgreSQLDatabase, record: Callable[[], int], is_after_checkpoint: bool) -> float:
    """The bytes of write-ahead log for each entry, with the first change of each page after a checkpoint."""
    if is_after_checkpoint:
        with database.connect() as connection:
            connection.execute("CHECKPOINT")
    ((before,),) = database.rows("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    entries = record()
    ((after,),) = database.rows("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    return float(after - before) / entries
