"""A thousand business transactions that are rolled back and as many that are committed, and their entries.

Some share the database with a log that threads record into at the same time, by group commits.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlmodel
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from tests.support.campaigns import examples
from tests.support.databases import Database
from tests.support.sample_events import ADA, KEY_CREATED, record

from audit_events import AsyncAuditEvents
from auditwright import AccountLog, AuditLog

MANY = examples(1_000)
FEWER = 500


def engine_url(database: Database) -> str:
    return database.url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def engine(log: AuditLog, database: Database) -> Iterator[Engine]:
    engine = create_engine(engine_url(database))
    if database.engine == "sqlite":
        leave_begin_to_sqlalchemy(engine)
    yield engine
    engine.dispose()


def leave_begin_to_sqlalchemy(engine: Engine) -> None:
    """As in SQLAlchemy's documentation of SQLite; writing transactions use BEGIN IMMEDIATE."""

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def say(capsys: pytest.CaptureFixture[str], what: str, rolled_back: int, kept: int, found: int) -> None:
    with capsys.disabled():
        print(f"\n{what}: {rolled_back:,} rollbacks and {kept:,} commits left {found:,} entries")


def test_rollbacks_leave_nothing_and_commits_leave_all(
    log: AuditLog, acme: AccountLog, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlmodel.Session(engine) as session:
        for _ in range(MANY):
            record(log, KEY_CREATED, session=session)
            session.rollback()
        assert acme.count() == 0
        ids = set()
        for _ in range(MANY):
            ids.add(record(log, KEY_CREATED, session=session).id)
            session.commit()
    found = [entry.id for entry in acme.all()]
    say(capsys, f"SQLModel session on {engine.dialect.name}", MANY, MANY, len(found))
    assert len(found) == MANY
    assert set(found) == ids


def test_commits_and_rollbacks_in_turns_of_a_connection(
    log: AuditLog, acme: AccountLog, engine: Engine
) -> None:
    ids = set()
    with engine.connect() as connection:
        for number in range(FEWER):
            with connection.begin() as transaction:
                entry = record(log, KEY_CREATED, session=connection)
                if number % 2:
                    transaction.rollback()
                else:
                    ids.add(entry.id)
    assert {entry.id for entry in acme.all()} == ids
    assert acme.count() == FEWER / 2


def test_commits_and_rollbacks_in_turns_of_an_async_session(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    async def calls() -> set[object]:
        ids: set[object] = set()
        url = engine_url(database).replace("sqlite://", "sqlite+aiosqlite://")
        engine = create_async_engine(url)
        create = AsyncAuditEvents(log).account.app_api_key.app_api_key_created
        async with AsyncSession(engine) as session:
            for number in range(FEWER):
                entry = await create(actor=ADA, session=session)
                if number % 2:
                    await session.rollback()
                else:
                    await session.commit()
                    ids.add(entry.id)
        await engine.dispose()
        return ids

    assert asyncio.run(calls()) == {entry.id for entry in acme.all()}
    assert acme.count() == FEWER / 2


@contextmanager
def recording_beside(log: AuditLog) -> Iterator[list[object]]:
    """Three threads that record into the log in shared commits; their ids."""
    stop = threading.Event()
    ids: list[object] = []

    def work() -> None:
        while not stop.wait(0.002):
            ids.append(record(log, KEY_CREATED, account_id="others").id)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield ids
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_transactions_and_group_commits_do_not_mix(
    log: AuditLog, acme: AccountLog, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = set()
    with recording_beside(log) as others, sqlmodel.Session(engine) as session:
        for number in range(2 * FEWER):
            entry = record(log, KEY_CREATED, session=session)
            if number % 2:
                session.rollback()
            else:
                session.commit()
                kept.add(entry.id)
    say(capsys, f"beside {len(others):,} entries in group commits", FEWER, FEWER, acme.count())
    assert {entry.id for entry in acme.all()} == kept
    assert len(kept) == FEWER
    found = [entry.id for entry in log.account("others").all()]
    assert sorted(found) == sorted(others)  # type: ignore[type-var]
    assert others


def test_a_plain_connection_beside_group_commits(log: AuditLog, acme: AccountLog, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, recording_beside(log) as others:
        for _ in range(FEWER):
            record(log, KEY_CREATED, session=connection)
            connection.rollback()
        assert acme.count() == 0
        for _ in range(FEWER):
            record(log, KEY_CREATED, session=connection)
            connection.commit()
    assert acme.count() == FEWER
    assert log.account("others").count() == len(others)
