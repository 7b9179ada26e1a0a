"""`record_many` into SQLite, compared with the driver's executemany of equal rows and with SQLModel objects.

All three write 10,000 rows a transaction into a database made by `AuditLog.open`, with the same table,
indexes, triggers and pragmas. The driver inserts finished rows; `record_many` validates models.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import print_table, side_by_side

from audit_events import CATALOG
from auditwright import Actor, AuditLog, SecretKey
from auditwright.entry import Row, columns
from auditwright.event_model import EventModel
from auditwright.ids import from_microseconds
from auditwright.log import BATCH
from auditwright.recording.recorder import Recorder
from auditwright.storage.sqlite.connections import WRITER_PRAGMAS

EVENTS = 200_000
ORM_EVENTS = 40_000  # the cost of an event is the same, and the run is shorter
KEY = SecretKey.generate("k1")


def run() -> None:
    """200,000 mixed events, with equal shares of the 78 kinds."""
    events = list(CATALOG.events.values())
    kinds = [(CATALOG.model(event), event.example) for event in events]
    models = [kinds[number % len(kinds)] for number in range(EVENTS)]
    recorder = Recorder(CATALOG, "acme", KEY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.db"

        def fresh() -> None:
            for each in Path(folder).iterdir():
                each.unlink()
            _open(path).close()

        fresh()
        with _open(path) as log, log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
            rows = [
                recorder.row(events[number % len(events)].key, models[number][1], {})
                for number in range(EVENTS)
            ]
            built: list[EventModel] = [model(**example) for model, example in models]

            def record() -> None:
                with _open(path) as fresh_log:
                    assert fresh_log.record_many(built) == EVENTS

            def build_and_record() -> None:
                with _open(path) as fresh_log:
                    assert fresh_log.record_many(model(**example) for model, example in models) == EVENTS

            results = side_by_side(
                {
                    "sqlite3 executemany of finished rows": lambda: _executemany(path, rows),
                    "record_many of models": record,
                    "record_many, building the models too": build_and_record,
                },
                units=EVENTS,
                rounds=5,
                prepare=fresh,
            )
            print_table(f"{EVENTS:,} mixed events into SQLite", results, "us an event", 1e6)

            few = built[:ORM_EVENTS]

            def record_few() -> None:
                with _open(path) as fresh_log:
                    assert fresh_log.record_many(few) == ORM_EVENTS

            results = side_by_side(
                {
                    "record_many of models": record_few,
                    "Session.add_all of SQLModel objects": lambda: _add_all(path, rows),
                },
                units=ORM_EVENTS,
                rounds=3,
                prepare=fresh,
            )
            print_table(f"{ORM_EVENTS:,} mixed events into SQLite", results, "us an event", 1e6)


def _open(path: Path) -> AuditLog:
    return AuditLog.open(f"sqlite:///{path}", account_id="acme", catalog=CATALOG, secret_key=KEY)


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in WRITER_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    yield connection
    connection.close()


def _executemany(path: Path, rows: list[Row]) -> None:
    names = [name for name, _, _ in columns(CATALOG)]
    insert = f"INSERT INTO audit_entry ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    with _connection(path) as connection:
        for start in range(0, len(rows), BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows[start : start + BATCH])
            connection.execute("COMMIT")


def _add_all(path: Path, rows: list[Row]) -> None:
    """Build objects, add them and commit, like a service without Auditwright."""
    import uuid

    import orjson
    from sqlalchemy import event
    from sqlmodel import Session, create_engine

    from audit_events.tables import AuditEntry

    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        for pragma in WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    names = [name for name, _, _ in columns(CATALOG)][:-1]
    for start in range(0, ORM_EVENTS, BATCH):
        with Session(engine) as session:
            objects = []
            for row in rows[start : start + BATCH]:
                values = dict(zip(names, row, strict=False))
                values["id"] = uuid.UUID(bytes=row[1])
                values["occurred_at"] = from_microseconds(row[2])
                values["recorded_at"] = from_microseconds(row[3])
                objects.append(AuditEntry(**values, data=orjson.loads(row[-1])))
            session.add_all(objects)
            session.commit()
    engine.dispose()
