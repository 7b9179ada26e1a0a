"""Recording in the caller's transaction: a commit keeps the entry, a rollback removes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlmodel
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, KEY_CREATED, form, record

from audit_events import AuditEvents
from auditwright import AccountLog, AuditLog, IdConflict, StorageError

DRIVERS = {"sqlite": "sqlite3", "postgresql": "psycopg"}


@pytest.fixture
def engine(log: AuditLog, database: Database) -> Iterator[Engine]:
    """The service's engine on the database of the log, which has a table of the service."""
    database.change("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    engine = create_engine(database.sqlalchemy_url)
    yield engine
    engine.dispose()


def test_an_entry_is_kept_with_the_commit_of_a_sqlmodel_session(
    audit: AuditEvents, acme: AccountLog, engine: Engine
) -> None:
    with sqlmodel.Session(engine) as session:
        session.connection().execute(text("INSERT INTO orders VALUES (1)"))
        entry = audit.account.app_api_key.app_api_key_created(actor=ADA, session=session)
        assert acme.count() == 0
        session.commit()
    assert acme.get(entry.id) == entry


@pytest.mark.parametrize("make", [sqlmodel.Session, Session])
def test_an_entry_is_gone_with_the_rollback_of_a_session(
    log: AuditLog, database: Database, engine: Engine, make: type[Session]
) -> None:
    with make(engine) as session:
        session.execute(text("INSERT INTO orders VALUES (1)"))
        record(log, KEY_CREATED, session=session)
        session.rollback()
    assert database.rows() == []
    assert database.rows("SELECT * FROM orders") == []
    record(log, KEY_CREATED)
    assert len(database.rows()) == 1


def test_an_entry_joins_a_sqlalchemy_connection(log: AuditLog, database: Database, engine: Engine) -> None:
    with engine.begin() as connection:
        kept = record(log, KEY_CREATED, session=connection)
    with engine.connect() as connection, connection.begin() as transaction:
        record(log, KEY_CREATED, session=connection)
        transaction.rollback()
    assert database.rows("SELECT id FROM audit_entry") == [(kept.id.bytes,)]


def test_an_entry_joins_a_sqlite3_connection(log: AuditLog, database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        record(log, KEY_CREATED, session=connection)
        assert database.rows() == []
        connection.rollback()
        kept = record(log, KEY_CREATED, session=connection)
        connection.commit()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        record(log, KEY_CREATED, session=connection)
        connection.rollback()
    assert database.rows("SELECT id FROM audit_entry") == [(kept.id.bytes,)]


@pytest.fixture
def begins(engine: Engine) -> Engine:
    """The engine; on SQLite set up for savepoints as in SQLAlchemy's documentation."""

    def leave_it_to_us(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", leave_it_to_us)
        event.listen(engine, "begin", begin)
    return engine


@pytest.mark.sqlite_only
def test_savepoint_that_may_outlive_its_transaction_is_refused(
    log: AuditLog, acme: AccountLog, engine: Engine
) -> None:
    with Session(engine) as session, session.begin_nested(), pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED, session=session)
    assert "in this savepoint the entry could stay although you roll back" in str(caught.value)
    assert acme.count() == 0


def test_rollback_removes_an_entry_in_a_savepoint(log: AuditLog, acme: AccountLog, begins: Engine) -> None:
    with Session(begins) as session:
        with session.begin_nested():
            record(log, KEY_CREATED, session=session)
        session.rollback()
    assert acme.count() == 0


def test_an_entry_is_gone_with_the_savepoint_it_is_in(
    log: AuditLog, database: Database, begins: Engine
) -> None:
    with Session(begins) as session:
        session.execute(text("INSERT INTO orders VALUES (1)"))
        kept = record(log, KEY_CREATED, session=session)
        nested = session.begin_nested()
        record(log, KEY_CREATED, session=session)
        nested.rollback()
        session.commit()
    assert database.rows("SELECT id FROM audit_entry") == [(kept.id.bytes,)]
    assert database.rows("SELECT * FROM orders") == [(1,)]


def test_json_forms_and_models_join_a_session_too(log: AuditLog, acme: AccountLog, engine: Engine) -> None:
    with Session(engine) as session:
        log.record_form(form(KEY_CREATED, {}), session=session)
        session.rollback()
        log.record_form(form(KEY_CREATED, {}), session=session)
        session.commit()
    assert acme.count() == 1


def test_the_same_entry_twice_in_a_session_is_one_entry(
    log: AuditLog, acme: AccountLog, engine: Engine
) -> None:
    with Session(engine) as session:
        first = record(log, KEY_CREATED, session=session)
        record(log, KEY_CREATED, session=session, id=first.id)
        session.commit()
    assert [entry.id for entry in acme.all()] == [first.id]


def test_a_conflict_in_a_session_leaves_the_transaction_usable(
    log: AuditLog, acme: AccountLog, engine: Engine
) -> None:
    first = record(log, KEY_CREATED)
    with Session(engine) as session:
        session.execute(text("INSERT INTO orders VALUES (1)"))
        with pytest.raises(IdConflict) as caught:
            record(log, "account.roles.role_changed", session=session, id=first.id)
        assert caught.value.entry is not None
        session.commit()
        assert session.execute(text("SELECT count(*) FROM orders")).scalar() == 1
    assert list(acme.all()) == [first]


@pytest.mark.parametrize("wrong", ["session", 5, object()])
def test_invalid_session_is_refused(log: AuditLog, database: Database, wrong: Any) -> None:
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED, session=wrong)
    assert str(caught.value) == (
        "session= takes a SQLModel or SQLAlchemy session or connection, or a "
        f"{DRIVERS[database.engine]} connection, not {type(wrong).__name__}"
    )
    assert caught.value.entry is not None
    assert database.rows() == []


def test_an_engine_is_no_session(log: AuditLog, engine: Engine) -> None:
    with pytest.raises(StorageError, match="not Engine"):
        record(log, KEY_CREATED, session=engine)


@pytest.mark.parametrize("has_tables", [True, False])
def test_a_transaction_on_another_file_is_refused(
    log: AuditLog, path: Path, tmp_path: Path, has_tables: bool
) -> None:
    other = tmp_path / "other.db"
    if has_tables:
        AuditLog.open(f"sqlite:///{other}").close()
    with closing(sqlite3.connect(other)) as connection, pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED, session=connection)
    said = (
        f"session= is a transaction on {other}, and this log is {path}: "
        "an entry joins only a transaction of its own database"
    )
    assert str(caught.value) == said
    engine = create_engine(f"sqlite:///{other}")
    with Session(engine) as session, pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED, session=session)
    engine.dispose()
    assert str(caught.value) == said


def test_connection_of_another_log_is_refused(
    log: AuditLog, acme: AccountLog, engine: Engine, other_database: Database
) -> None:
    with (
        open_log(other_database) as second,
        Session(engine) as session,
    ):
        record(log, KEY_CREATED, session=session)
        with pytest.raises(StorageError, match="an entry joins only a transaction of its own database"):
            record(second, KEY_CREATED, session=session)
        session.commit()
        assert (acme.count(), second.account("acme").count()) == (1, 0)


def test_a_closed_session_is_refused(log: AuditLog, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.close()
    with pytest.raises(StorageError, match="Cannot operate on a closed database"):
        record(log, KEY_CREATED, session=connection)


def test_session_none_commits_at_once(log: AuditLog, acme: AccountLog) -> None:
    assert record(log, KEY_CREATED, session=None) == next(acme.all())


@pytest.mark.sqlite_only
def test_open_transaction_error_says_to_pass_the_session(
    log: AuditLog, database: Database, engine: Engine
) -> None:
    with Session(engine) as session:
        session.execute(text("INSERT INTO orders VALUES (1)"))
        with pytest.raises(StorageError, match="pass session= so that the entry joins it"):
            record(log, KEY_CREATED)
        record(log, KEY_CREATED, session=session)
        session.commit()
    assert len(database.rows()) == 1


def test_generated_tables_read_what_was_recorded(log: AuditLog, engine: Engine) -> None:
    from audit_events.tables import AuditEntry

    entry = record(log, "tool.guardrails.input_scanner_added", {"tool_id": "t-4"})
    with sqlmodel.Session(engine) as session:
        if engine.dialect.name == "postgresql":  # psycopg reads times in no other style
            session.connection().exec_driver_sql("SET LOCAL DateStyle = 'ISO'")
        (row,) = session.exec(sqlmodel.select(AuditEntry)).all()
    assert (row.id, row.occurred_at, row.tool_id, row.data) == (entry.id, entry.occurred_at, "t-4", {})
