"""Inserts into PostgreSQL by batch size: one statement with JSON, the COPY of the engine, and psycopg's COPY.

All variants write equal rows into equal tables, durably, one transaction for each batch. Times are wall
times, because the server does half of the work. Ratios are to psycopg's `write_row`.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from tests.support.databases import PostgreSQLServer, temporary_server

from audit_events import CATALOG
from auditwright import Actor, AuditLog, SecretKey
from auditwright.entry import Row, columns
from auditwright.ids import format_time, make_id
from auditwright.recording.recorder import Recorder
from auditwright.storage.postgresql.transactions import runs

SIZES = (1, 10, 20, 50, 100, 1_000, 10_000)
ROUNDS = 7
KEY = SecretKey.generate("k1")


def run() -> None:
    """Compare both statements of the engine, psycopg's COPY, and `record_many` with validation."""
    with temporary_server(durable=True) as server:
        _compare(server)


def _compare(server: PostgreSQLServer) -> None:
    plain = server.another()  # one database for each variant, so that all indexes have the same size
    with ExitStack() as stack:
        raw = stack.enter_context(plain.connect())
        logs = [
            stack.enter_context(AuditLog.open(server.another().url, account_id="acme", secret_key=KEY))
            for _ in range(3)
        ]
        print("\n### Rows into PostgreSQL, us a row (ratio to psycopg's COPY)\n")
        print("| rows a batch | psycopg's COPY | statement | COPY of the engine | record_many |")
        print("|---:|---:|---:|---:|---:|")
        for size in SIZES:
            times = _times_of_size(size, raw, *logs)
            base = times["copy"]
            cells = [
                f"{statistics.median(taken) * 1e6:.1f} "
                f"({statistics.median(a / b for a, b in zip(taken, base, strict=True)):.2f})"
                for taken in times.values()
            ]
            print(f"| {size:,} | {' | '.join(cells)} |", flush=True)


def _times_of_size(
    size: int, raw: Any, one: AuditLog, two: AuditLog, three: AuditLog
) -> dict[str, list[float]]:
    events = [list(CATALOG.events.values())[number % 78] for number in range(size)]
    recorder, actor = Recorder(CATALOG, "acme", KEY), Actor.user("u-17", "Ada Lovelace")
    made = [recorder.row(event.key, event.example, {"actor": actor}) for event in events]
    given = [CATALOG.model(event)(**event.example) for event in events]
    names = ", ".join(f'"{name}"' for name, _, _ in columns(CATALOG))

    def copy(rows: Sequence[Row]) -> None:
        with raw.cursor().copy(f"COPY audit_entry ({names}) FROM STDIN") as stream:
            for row in rows:
                stream.write_row(row)

    def statement(rows: Sequence[Row]) -> None:
        storage: Any = one._storage
        with storage.connections.writing() as connection:
            if size == 1:
                storage._insert_rows(runs(connection), rows)
            else:
                with connection.transaction():
                    storage._insert_rows(runs(connection), rows)

    def engine_copy(rows: Sequence[Row]) -> None:
        storage: Any = two._storage
        with storage.connections.writing() as connection:
            assert storage._copy(connection, rows)

    def record(_: Sequence[Row]) -> None:
        with three.acting(actor):
            three.record_many(given)

    variants = {"copy": copy, "statement": statement, "engine copy": engine_copy, "record_many": record}
    return _alternate(variants, made, max(1, min(200, 20_000 // size)))


def _alternate(
    variants: dict[str, Callable[[Sequence[Row]], None]], made: list[Row], repeats: int
) -> dict[str, list[float]]:
    """The seconds a row of each variant, by round."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, variant in variants.items():
            batches = [_with_new_ids(made) for _ in range(repeats)]
            if name == "copy":
                batches = [[_psycopg_row(row) for row in batch] for batch in batches]
            started = time.perf_counter()
            for batch in batches:
                variant(batch)
            times[name].append((time.perf_counter() - started) / repeats / len(made))
    return times


def _with_new_ids(rows: list[Row]) -> list[Row]:
    """The rows with new ids."""
    return [(row[0], make_id(row[2]), *row[2:]) for row in rows]


def _psycopg_row(row: Row) -> Row:
    """A row with the value types of psycopg's COPY."""
    account_id, entry_id, occurred_at, recorded_at, *rest = row
    times = (format_time(occurred_at), format_time(recorded_at))
    return account_id, uuid.UUID(bytes=entry_id), *times, *rest
