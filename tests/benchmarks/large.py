"""The log that pages and exports are measured on: accounts of 1, 3 and 10 million entries, three years each.

python -m tests.benchmarks build

It is built once for each engine, outside the repository: in `$AUDITWRIGHT_BENCHMARKS`, or else in
`~/.cache/auditwright-benchmarks`. The same code fills the small log of `tests/runtime/reading/test_plans.py`.

Users and events follow a Zipf distribution. The worst cases of filters are included: the newest tenth is one
event of one user, the burst; a user, an event, an object and a text occur only in the three oldest entries;
one event was never recorded, and one is no longer in the catalog. The objects of each type follow a Zipf
distribution too. One entry in a hundred failed, and one in a hundred was on somebody's behalf.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson
from tests.support.databases import (
    Database,
    PostgreSQLDatabase,
    PostgreSQLServer,
    SQLiteDatabase,
    make_tables,
)

from audit_events import CATALOG
from auditwright import Actor, AuditLog
from auditwright.entry import CONTEXT, METADATA, OUTCOME, Row, columns
from auditwright.ids import id_head, to_microseconds
from auditwright.recording.recorder import Recorder
from auditwright.storage.layout import INDEXES
from auditwright.storage.postgresql import row_format
from auditwright.storage.sqlite.triggers import triggers

ACCOUNTS = {"1m": 1_000_000, "3m": 3_000_000, "10m": 10_000_000}
END = datetime(2026, 11, 1, tzinfo=UTC)
START = END - timedelta(days=3 * 365)

USERS = 5_000
COMMON_USER, BURST_USER, RARE_USER = "u-0002", "u-burst", "u-rare"
BURST_EVENT = "account.login_logout.login"
RARE_EVENT = "account.models.model_undeployed"
UNUSED_EVENT = "account.models.model_fine_tuning"
GONE_EVENT = "account.gone.thing_done"
OBJECTS = 20_000
"""Objects of each type."""
COMMON_TARGET, RARE_TARGET = "model:o-2", "model:o-rare"
RARE_TEXT = "a needle in the haystack"
RARE = 3
"""The number of oldest entries that have the rare user, event and text."""
WITHOUT_USER, GONE, BURST, FAILED, ON_BEHALF = 0.02, 0.0005, 0.1, 0.01, 0.01
"""Fractions of the entries."""
BATCH = 20_000

_OBJECT = "$object"
"""Where the id of the object is, in the metadata of a template."""
_DETAILS = (
    "Asked for by the owner.", "Part of the nightly run.", "After a review.", "By the console.",
    "By the API.", "For the quarter's report.", "As the ticket says.", "Undone soon after.",
    "In the second try.", "A test.",
)  # fmt: skip


def rows(account: str, entries: int) -> Iterator[list[Row]]:
    """The entries of an account in batches, oldest first; deterministic."""
    rng, more = random.Random(7), random.Random(8)
    templates = _templates()
    keys = [key for key in templates if key not in (RARE_EVENT, UNUSED_EVENT, BURST_EVENT, GONE_EVENT)]
    rng.shuffle(keys)
    keys.insert(0, BURST_EVENT)
    event_weights = [1 / position for position in range(1, len(keys) + 1)]
    users: list[tuple[str, str | None, str | None]] = [
        ("user", f"u-{number:04}", f"User {number:04}") for number in range(1, USERS + 1)
    ]
    user_weights = [1 / position for position in range(1, USERS + 1)]
    objects = [f"o-{number}" for number in range(1, OBJECTS + 1)]
    object_weights = [*accumulate(1 / position for position in range(1, OBJECTS + 1))]
    start, step = to_microseconds(START), (END - START) / timedelta(microseconds=1) / entries
    burst_from = entries - int(entries * BURST)
    for first in range(0, entries, BATCH):
        count = min(BATCH, entries - first)
        chosen = zip(
            range(first, first + count),
            rng.choices(keys, event_weights, k=count),
            rng.choices(users, user_weights, k=count),
            (rng.random() for _ in range(count)),
            more.choices(objects, cum_weights=object_weights, k=count),
            (more.random() for _ in range(count)),
            strict=True,
        )
        noise = rng.randbytes(8 * count)
        batch = []
        for number, key, actor, chance, object_id, other_chance in chosen:
            outcome: tuple[str, str | None] = ("success", None)
            behalf: tuple[str | None, str | None, str | None] = (None, None, None)
            if other_chance < FAILED:
                outcome = ("failure", "It is not allowed.")
            elif other_chance > 1 - ON_BEHALF:
                behalf = actor
            if number < RARE:
                key, actor, object_id = RARE_EVENT, ("user", RARE_USER, "Rare User"), "o-rare"
                outcome, behalf = ("success", None), actor
            elif number >= burst_from:
                key, actor = BURST_EVENT, ("app", BURST_USER, "Burst")
            elif chance < WITHOUT_USER:
                actor = ("system", None, None)
            elif chance > 1 - GONE:
                key = GONE_EVENT
            level, category, address, description, middle, last, metadata = templates[key]
            detail = RARE_TEXT if number < RARE else _DETAILS[number % len(_DETAILS)]
            at = 8 * (number - first)
            micros = start + int(number * step)
            batch.append(
                (
                    account, id_head(micros) + b"\x80" + noise[at + 1 : at + 8], micros, micros + 1_500,
                    level, category, key, *actor, address[number % len(address)], f"{description} {detail}",
                    *middle, *outcome, *behalf, *last, metadata.replace(_OBJECT, object_id),
                )
            )  # fmt: skip
        yield batch


def _templates() -> dict[str, tuple[Any, ...]]:
    """For each event: level, category, addresses, description, the columns up to the outcome, those from the
    context to the metadata, and the metadata with a place for the ids of objects.
    """
    recorder = Recorder(CATALOG, "any", None)
    addresses = [f"203.0.113.{number}" for number in range(200)] + [f"2001:db8::{n}" for n in range(50)]
    found: dict[str, tuple[Any, ...]] = {}
    for event in CATALOG.events.values():
        if not any(field.sensitivity == "secret" for field in event.fields):
            row = recorder.row(event.key, event.example, {"actor": Actor.user("u-1", "Ada")})
            metadata = orjson.loads(row[METADATA])
            metadata |= {field.name: _OBJECT for field in event.fields if field.target and not field.many}
            found[event.key] = (
                row[4], row[5], addresses, row[11], row[12:OUTCOME], row[CONTEXT:METADATA],
                orjson.dumps(metadata).decode(),
            )  # fmt: skip
    level, _, *rest = found[RARE_EVENT]
    found[GONE_EVENT] = (level, "account.gone", *rest)
    return found


def fill(database: Database, accounts: dict[str, int], progress: Callable[[str], None]) -> None:
    """Store the entries of all accounts; the indexes are made afterwards."""
    if isinstance(database, SQLiteDatabase):
        _fill_sqlite(database, accounts, progress)
    else:
        assert isinstance(database, PostgreSQLDatabase)
        _fill_postgresql(database, accounts, progress)


def _fill_sqlite(database: SQLiteDatabase, accounts: dict[str, int], progress: Callable[[str], None]) -> None:
    AuditLog.open(database.url, catalog=CATALOG).close()
    marks = ", ".join("?" * len(columns(CATALOG)))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
            connection.execute(f"PRAGMA {pragma}")
        for trigger in triggers():
            connection.execute(f"DROP TRIGGER {trigger}")
        for index in INDEXES:
            connection.execute(f"DROP INDEX {index}")
        # Opening indexes the targets of the entries, as of those from before.
        connection.execute(f"UPDATE audit_target_field SET unindexed = {sum(accounts.values())}")
        connection.execute("BEGIN")
        for batch in _with_progress(accounts, progress):
            connection.executemany(f"INSERT INTO audit_entry VALUES ({marks})", batch)
        connection.execute("COMMIT")
    progress("making the indexes")
    AuditLog.open(database.url, catalog=CATALOG).close()


def _fill_postgresql(
    database: PostgreSQLDatabase, accounts: dict[str, int], progress: Callable[[str], None]
) -> None:
    with database.connect() as connection:
        # The partitions of a log that has existed since START.
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent IN ('audit_entry'::regclass, 'audit_target'::regclass)"
        )
        for (partition,) in found.fetchall():
            connection.execute(f"DROP TABLE {partition}")
        first = f"{START:%Y-%m-01}"
        connection.execute(
            "SELECT audit_add_partition('audit_entry_first', NULL, audit_first_id(%s::timestamp))", (first,)
        )
        connection.execute(
            "SELECT audit_add_partition('audit_entry_' || to_char(month, 'YYYY_MM'), "
            "audit_first_id(month), audit_first_id(month + interval '1 month')) "
            "FROM generate_series(%s::timestamp, %s::timestamp, interval '1 month') AS month",
            (first, f"{END:%Y-%m-01}"),
        )
        connection.execute("SELECT audit_make_partitions(3)")
        made = connection.execute(
            "SELECT pg_get_indexdef(to_regclass(name)) FROM unnest(%s::text[]) AS name", (list(INDEXES),)
        ).fetchall()
        connection.execute(f"DROP INDEX {', '.join(INDEXES)}")
        connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_targets")
        connection.execute(
            "UPDATE audit_target_field SET indexed_from = 'ffffffff-ffff-ffff-ffff-ffffffffffff'"
        )
        order = columns(CATALOG)
        with connection.cursor() as cursor:
            for batch in _with_progress(accounts, progress):
                with cursor.copy(row_format.copy_statement("audit_entry", order)) as copy:
                    for piece in row_format.copied(order, batch):
                        copy.write(piece)
        progress("making the indexes")
        connection.execute("SET maintenance_work_mem = '512MB'")
        for (statement,) in made:
            connection.execute(statement.replace(" ON ONLY ", " ON "))
        connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_targets")
        while connection.execute("SELECT audit_index_targets()").fetchone() != (None,):
            progress("indexing the targets")
        connection.execute("VACUUM (ANALYZE, FREEZE) audit_entry, audit_target, audit_user")


def _with_progress(accounts: dict[str, int], progress: Callable[[str], None]) -> Iterator[list[Row]]:
    done, total = 0, sum(accounts.values())
    started = time.monotonic()
    for account, entries in accounts.items():
        for batch in rows(account, entries):
            yield batch
            done += len(batch)
            rate = done / (time.monotonic() - started)
            progress(f"{done:,} of {total:,} entries, {rate:,.0f} a second")


# --- databases that are built once -----------------------------------------------------------------


def folder() -> Path:
    """The folder of the databases."""
    named = os.environ.get("AUDITWRIGHT_BENCHMARKS")
    found = Path(named) if named else Path.home() / ".cache" / "auditwright-benchmarks"
    found.mkdir(parents=True, exist_ok=True)
    return found


def run() -> None:
    """Build the missing databases, and print the size of each. Idempotent."""
    if not _sqlite_file().exists():
        partial = _sqlite_file().with_suffix(".partial")
        for left in folder().glob(f"{partial.name}*"):
            left.unlink()
        fill(SQLiteDatabase(partial), ACCOUNTS, _show_progress("SQLite"))
        partial.rename(_sqlite_file())
    print(f"\r\x1b[K{_sqlite_file()}: {_sqlite_file().stat().st_size / 2**30:.1f} GiB")
    with _server() as (server, name_file):
        if not name_file.exists():
            database = server.bare()
            make_tables(database.url, CATALOG)
            fill(database, ACCOUNTS, _show_progress("PostgreSQL"))
            name_file.write_text(database.url.rpartition("?")[0].rpartition("/")[2])
        with _built_database(server, name_file).connect() as connection:
            ((size,),) = connection.execute("SELECT pg_database_size(current_database())").fetchall()
    print(f"\r\x1b[K{name_file.parent}: {size / 2**30:.1f} GiB")


def _show_progress(engine: str) -> Callable[[str], None]:
    def show(text: str) -> None:
        print(f"\r\x1b[K{engine}: {text}", end="", flush=True)

    return show


def sqlite() -> SQLiteDatabase:
    """The built database of SQLite."""
    if not _sqlite_file().exists():
        raise SystemExit("the large log is missing; run `python -m tests.benchmarks build`")
    return SQLiteDatabase(_sqlite_file())


@contextmanager
def postgresql() -> Iterator[PostgreSQLDatabase]:
    """The built database of PostgreSQL, with its server running."""
    with _server() as (server, name_file):
        if not name_file.exists():
            raise SystemExit("the large log is missing; run `python -m tests.benchmarks build`")
        yield _built_database(server, name_file)


def _built_database(server: PostgreSQLServer, name_file: Path) -> PostgreSQLDatabase:
    """The database whose name is in the file `name_file`."""
    return PostgreSQLDatabase(server.bare_url.replace("/postgres?", f"/{name_file.read_text()}?"))


def _sqlite_file() -> Path:
    return folder() / "large-1.db"


@contextmanager
def _server() -> Iterator[tuple[PostgreSQLServer, Path]]:
    server = PostgreSQLServer(folder() / "postgresql-18")
    try:
        yield server, folder() / "postgresql-1.name"
    finally:
        server.stop()
