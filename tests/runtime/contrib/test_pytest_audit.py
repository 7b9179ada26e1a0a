"""What a test has recorded: which entries count, what assertions take, and what they report."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from unittest.mock import ANY
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, ADDED, ASYNC, GRACE, KEY_CREATED, MODEL, TUNED, record

from audit_events import CATALOG, AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, SecretKey, StorageError, ValidationError
from auditwright.contrib import pytest_texts
from auditwright.contrib.pytest_audit import Audit, OwnLog
from auditwright.contrib.pytest_watching import watching
from auditwright.ids import make_id

REST = {"model_name": "Llama", "model_type": "open_source", "deployment_name": "prod-eu"}

ENABLED = {"tool_id": "t-1", "version_id": "v-1", "url": "https://x.example/", "timeout": False}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnLog]:
    empty = tmp_path / "empty.db"
    AuditLog.open(f"sqlite:///{empty}", catalog=CATALOG).close()
    own = OwnLog(lambda: CATALOG, "acme", lambda _: empty, lambda: tmp_path / "own")
    (tmp_path / "own").mkdir()
    yield own
    own.remove()


@pytest.fixture
def seen(own: OwnLog) -> Iterator[Audit]:
    with watching() as watch:
        yield Audit(watch, own)


@pytest.fixture
def uncommitted(own: OwnLog) -> Iterator[Audit]:
    with watching() as watch:
        yield Audit(watch, own, uncommitted=True)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    engine = create_engine(database.sqlalchemy_url)
    if database.engine == "sqlite":  # as SQLAlchemy's page on savepoints in SQLite says
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    yield engine
    engine.dispose()


def add(log: AuditLog, model_id: str = "m-17", actor: Actor = ADA, **options: object) -> None:
    values = {"model_id": model_id, **REST}
    record(log, ADDED, values, actor=actor, **options)


def text_of(error: pytest.ExceptionInfo[AssertionError]) -> str:
    return str(error.value)


# --- which entries count ---------------------------------------------------------------------------


def test_own_log_takes_emitters_and_secrets(seen: Audit) -> None:
    audit = AuditEvents(seen.log)
    with seen.acting(ADA):
        entry = audit.account.models.model_added(model_id="m-17", **REST)  # type: ignore[arg-type]
        audit.tool.tool_management.api_async_enabled(
            access_token="open sesame",
            **ENABLED,  # type: ignore[arg-type]
        )
    assert seen.recorded(ADDED, model_id="m-17", actor=ADA, account_id="acme") == entry
    found = seen.recorded(ASYNC, access_token="open sesame")
    assert found.metadata["access_token"].startswith("hkdf-sha256:test:")
    assert [each.event for each in seen.entries] == [ADDED, ASYNC]


def test_a_log_that_was_open_before_is_seen(log: AuditLog, own: OwnLog) -> None:
    add(log, "before")
    with watching() as watch:
        audit = Audit(watch, own)
        add(log, "meanwhile")
    add(log, "after")
    assert [entry.metadata["model_id"] for entry in audit.entries] == ["meanwhile"]


def test_a_log_that_is_opened_and_closed_is_seen(seen: Audit, database: Database) -> None:
    with open_log(database) as log:
        add(log)
    assert seen.recorded(ADDED, model_id="m-17").account_id == "acme"


def test_logs_have_their_own_storage_again_afterwards(log: AuditLog) -> None:
    storage = log._storage
    with watching():
        with watching():
            assert log._storage is not storage
        assert log._storage is not storage
        new = AuditLog(storage, CATALOG, None, None)
    assert log._storage is storage
    assert new._storage is storage
    assert log._group_commit.insert_each == storage.insert_each


def test_every_way_of_recording_is_seen(seen: Audit, log: AuditLog) -> None:
    form = {"event": KEY_CREATED, "actor": {"type": "user", "id": "u-1"}, "metadata": {}}
    asyncio.run(log.record_event_async(KEY_CREATED, {}, {"actor": ADA}))
    log.record_form(form)
    log.record_forms([form, {}])
    log.record_many([form, form])
    line = {
        **form,
        "account_id": "acme",
        "id": str(UUID(bytes=make_id(0))),
        "occurred_at": "1970-01-01T00:00:00Z",
    }
    errors: list[Exception] = []
    log.import_jsonl([json.dumps(line).encode()], lambda _, error: errors.append(error))
    assert errors == []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: record(log, KEY_CREATED), range(10)))
    assert len(seen.entries) == log.account("acme").count() == 17
    assert seen.recorded(KEY_CREATED, actor="u-1", count=5)
    assert seen.recorded("audit.log.imported", entries=1)


def test_refused_and_failed_entries_do_not_count(seen: Audit, log: AuditLog) -> None:
    with pytest.raises(ValidationError):
        record(log, ADDED, {"model_id": "m-17"})
    log.close()
    with pytest.raises(StorageError):
        add(log)
    seen.nothing_recorded()


def test_an_entry_recorded_again_counts_once(seen: Audit, log: AuditLog) -> None:
    first = record(log, KEY_CREATED)
    record(log, KEY_CREATED, id=first.id, occurred_at=first.occurred_at)
    assert seen.recorded(KEY_CREATED, count=1) == first


def test_commit_makes_an_entry_count(seen: Audit, log: AuditLog, engine: Engine) -> None:
    with Session(engine) as session:
        add(log, session=session)
        with pytest.raises(AssertionError, match="in a transaction that is still open"):
            seen.recorded(ADDED)
        with pytest.raises(AssertionError, match="in a transaction that is still open"):
            seen.nothing_recorded()
        seen.nothing_recorded(KEY_CREATED)
        session.commit()
        seen.recorded(ADDED, count=1)
    seen.recorded(ADDED, count=1)


def test_rollback_removes_the_entry(seen: Audit, log: AuditLog, engine: Engine) -> None:
    with Session(engine) as session:
        add(log, session=session)
        session.rollback()
        seen.nothing_recorded()
        add(log, "m-18", session=session)
    seen.nothing_recorded()  # the session was closed without a commit
    with pytest.raises(AssertionError, match=r"not counted, rolled back:\n.*m-17.*\n.*m-18"):
        seen.recorded(ADDED)


def test_rolled_back_savepoint_removes_the_entry(uncommitted: Audit, log: AuditLog, engine: Engine) -> None:
    with Session(engine) as session:
        add(log, "m-17", session=session)
        savepoint = session.begin_nested()
        add(log, "m-18", session=session)
        savepoint.rollback()
        uncommitted.recorded(ADDED, model_id="m-17")
        uncommitted.nothing_recorded(ADDED, model_id="m-18")
        assert session.in_transaction()
        session.rollback()
        uncommitted.nothing_recorded()


def test_a_transaction_around_the_test_can_count(uncommitted: Audit, log: AuditLog, engine: Engine) -> None:
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            add(log, session=session)
            session.commit()
        uncommitted.recorded(ADDED, count=1)
        outer.rollback()
    uncommitted.nothing_recorded()


def test_connections_of_drivers_are_looked_into(seen: Audit, log: AuditLog, database: Database) -> None:
    connection: sqlite3.Connection | psycopg.Connection
    if database.engine == "sqlite":
        connection = sqlite3.connect(database.url.removeprefix("sqlite:///"))
    else:
        connection = psycopg.connect(database.url)
    with closing(connection):
        add(log, session=connection)
        with pytest.raises(AssertionError, match="in a transaction that is still open"):
            seen.nothing_recorded()
        connection.rollback()
        seen.nothing_recorded()
        add(log, session=connection)
        connection.commit()
        add(log, "m-18", session=connection)
    seen.nothing_recorded(ADDED, model_id="m-18")  # closing has rolled back
    seen.recorded(ADDED, count=1)


def test_a_log_closed_before_the_commit_is_unclear(seen: Audit, database: Database, engine: Engine) -> None:
    with Session(engine) as session:
        with open_log(database) as log:
            add(log, session=session)
        session.commit()
    with pytest.raises(AssertionError, match=r"perhaps rolled back .*closed"):
        seen.nothing_recorded()
    with pytest.raises(AssertionError, match=r"perhaps rolled back .*closed"):
        seen.recorded(ADDED)


def test_a_log_closed_after_the_commit_is_clear(seen: Audit, database: Database, engine: Engine) -> None:
    with open_log(database) as log:
        for commits in (True, False):
            with Session(engine) as session:
                add(log, "m-17" if commits else "m-18", session=session)
                if commits:
                    session.commit()
    assert [entry.metadata["model_id"] for entry in seen.entries] == ["m-17"]


def test_async_sessions_count_when_committed(
    seen: Audit, uncommitted: Audit, log: AuditLog, database: Database
) -> None:
    async def record_both() -> None:
        engine = create_async_engine(database.sqlalchemy_url.replace("sqlite:", "sqlite+aiosqlite:", 1))
        audit = AsyncAuditEvents(log)
        async with AsyncSession(engine) as session:
            await audit.account.app_api_key.app_api_key_created(actor=ADA, session=session)
            with pytest.raises(AssertionError, match=r"perhaps rolled back .*inside `session.run_sync`"):
                seen.recorded(KEY_CREATED)
            await session.run_sync(lambda _: uncommitted.recorded(KEY_CREATED))
            await session.rollback()
            seen.nothing_recorded()
            await audit.account.app_api_key.app_api_key_created(actor=GRACE, session=session)
            await session.commit()
        seen.recorded(KEY_CREATED, actor=GRACE, count=1)
        await engine.dispose()

    asyncio.run(record_both())


def test_another_threads_session_is_left_alone(seen: Audit, log: AuditLog, engine: Engine) -> None:
    with Session(engine) as session:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(add, log, session=session).result()
        with pytest.raises(AssertionError, match="belongs to another thread"):
            seen.nothing_recorded()
        session.commit()
    seen.recorded(ADDED)


# --- what assertions take --------------------------------------------------------------------------


def test_actors_are_compared_by_what_is_given(seen: Audit) -> None:
    add(seen.log)
    record(seen.log, KEY_CREATED, actor=Actor.system())
    for actor in ("u-17", ADA, Actor.user("u-17")):
        seen.recorded(ADDED, actor=actor)
    seen.recorded(KEY_CREATED, actor=Actor.system())
    for actor in ("u-18", Actor.app("u-17"), Actor.user("u-17", "Grace"), Actor.system()):
        seen.nothing_recorded(ADDED, actor=actor)


def test_values_are_compared_as_entries_have_them(seen: Audit) -> None:
    record(seen.log, TUNED, {**MODEL, "epochs": 3, "learning_rate": 0.5}, ip_address="203.0.113.7")
    seen.recorded(TUNED, epochs=3, learning_rate=pytest.approx(0.5), training_method=None)
    seen.recorded(TUNED, model_name=ANY, ip_address="203.0.113.7", metadata={"batch_size": None})
    seen.nothing_recorded(TUNED, epochs=4)
    seen.nothing_recorded(TUNED, training_method="LoRA")
    seen.nothing_recorded(TUNED, ip_address="203.0.113.8")


def test_addresses_are_compared_in_normal_form(seen: Audit) -> None:
    record(seen.log, KEY_CREATED, ip_address="2001:DB8::58")
    seen.recorded(KEY_CREATED, ip_address="2001:DB8:0::58")
    with pytest.raises(AssertionError, match="expected no entry"):
        seen.nothing_recorded(ip_address="2001:DB8::58")


def test_a_value_is_checked_without_its_condition(seen: Audit) -> None:
    seen.nothing_recorded(ADDED, deployment_name="d-1")
    seen.nothing_recorded(ADDED, deployment_name=None, model_name=ANY)


def test_the_newest_of_several_is_returned(seen: Audit) -> None:
    add(seen.log, "m-17")
    add(seen.log, "m-18")
    assert seen.recorded(ADDED).metadata["model_id"] == "m-18"
    assert seen.recorded(ADDED, count=2).metadata["model_id"] == "m-18"
    seen.forget()
    seen.nothing_recorded()
    assert seen.entries == []


@pytest.mark.parametrize("method", ["recorded", "nothing_recorded"])
@pytest.mark.parametrize(
    ("event", "fields", "message"),
    [
        (
            "account.models.model_aded",
            {},
            f"account.models.model_aded: event: expected an event of audit_events {CATALOG.version}, got an "
            'unknown one; did you mean "account.models.model_added"?',
        ),
        (
            ADDED,
            {"model": "m-17"},
            "account.models.model_added: metadata.model: expected one of model_id, model_name, model_type, "
            'deployment_name, connection_name, got an unknown field; did you mean "model_id"?',
        ),
        (
            ADDED,
            {"model_type": "open_sourced"},
            "account.models.model_added: metadata.model_type: expected one of open_source, fine_tuned, "
            "commercial, got 'open_sourced'; did you mean \"open_source\"?",
        ),
        (
            ADDED,
            {"model_id": 17},
            "account.models.model_added: metadata.model_id: expected a string of 1 to 200 characters, got 17",
        ),
        (
            ADDED,
            {"model_id": ""},
            "account.models.model_added: metadata.model_id: expected a string of 1 to 200 characters, got ''",
        ),
        (
            ADDED,
            {"model_id": date(2026, 1, 2)},
            "account.models.model_added: metadata.model_id: expected a string of 1 to 200 characters, "
            "got date",
        ),
        (
            ADDED,
            {"ip_address": "203.0.113"},
            "ip_address: expected an IPv4 or IPv6 address, got other text",
        ),
        (
            ADDED,
            {"actor": 17},
            "account.models.model_added: actor: expected an Actor or the id of one, got int",
        ),
    ],
)
def test_typo_is_an_error(
    seen: Audit, method: str, event: str, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError) as error:
        getattr(seen, method)(event, **fields)
    assert str(error.value) == message


def test_wrong_calls_are_errors(seen: Audit) -> None:
    with pytest.raises(ValidationError, match="count: expected an integer of at least 1; see nothing_rec"):
        seen.recorded(ADDED, count=0)
    with pytest.raises(TypeError, match="name the event that has the field 'model_id'"):
        seen.nothing_recorded(model_id="m-17")


# --- what assertions report ------------------------------------------------------------------------


def test_nothing_recorded_is_said(seen: Audit) -> None:
    with pytest.raises(AssertionError) as error:
        seen.recorded(ADDED, model_id="m-17", actor="u-17")
    assert text_of(error) == (
        "account.models.model_added with model_id='m-17', actor='u-17' was not recorded\nnothing was recorded"
    )


def test_nearest_entries_show_what_differs(seen: Audit) -> None:
    record(seen.log, KEY_CREATED)
    add(seen.log, "m-18", GRACE)
    add(seen.log, "m-17", GRACE)
    with pytest.raises(AssertionError) as error:
        seen.recorded(ADDED, model_id="m-17", actor=ADA, account_id="acme", connection_name="c-1")
    values = "model_name='Llama', model_type='open_source', deployment_name='prod-eu'"
    assert text_of(error) == (
        "account.models.model_added with model_id='m-17', connection_name='c-1', "
        "actor=user u-17 (Ada Lovelace), account_id='acme' was not recorded\n"
        "3 entries were recorded, the nearest first:\n"
        f"  account.models.model_added by user u-18 (Grace Hopper) in 'acme': model_id='m-17', {values}\n"
        "    actor: expected user u-17 (Ada Lovelace), got user u-18 (Grace Hopper)\n"
        "    connection_name: expected 'c-1', got nothing\n"
        f"  account.models.model_added by user u-18 (Grace Hopper) in 'acme': model_id='m-18', {values}\n"
        "    actor: expected user u-17 (Ada Lovelace), got user u-18 (Grace Hopper)\n"
        "    model_id: expected 'm-17', got 'm-18'\n"
        "    connection_name: expected 'c-1', got nothing\n"
        "  account.app_api_key.app_api_key_created by user u-17 (Ada Lovelace) in 'acme'"
    )


def test_wrong_count_lists_the_entries(seen: Audit) -> None:
    record(seen.log, KEY_CREATED)
    record(seen.log, KEY_CREATED, actor=Actor.system())
    with pytest.raises(AssertionError) as error:
        seen.recorded(KEY_CREATED, count=1)
    assert text_of(error) == (
        "account.app_api_key.app_api_key_created: expected 1, recorded 2:\n"
        "  account.app_api_key.app_api_key_created by system in 'acme'\n"
        "  account.app_api_key.app_api_key_created by user u-17 (Ada Lovelace) in 'acme'"
    )


def test_unexpected_entries_are_listed(seen: Audit) -> None:
    for _ in range(7):
        record(seen.log, KEY_CREATED, actor=Actor.system())
    with pytest.raises(AssertionError) as error:
        seen.nothing_recorded()
    line = "  account.app_api_key.app_api_key_created by system in 'acme'\n"
    assert text_of(error) == f"expected no entry\n7 entries were recorded:\n{5 * line}  and 2 more"
    record(seen.log, KEY_CREATED, actor=Actor.user("u-1"))
    with pytest.raises(AssertionError, match=r"^expected no entry of account.*created with actor='u-1'\n"):
        seen.nothing_recorded(KEY_CREATED, actor="u-1")


def test_reports_are_bounded(seen: Audit) -> None:
    for number in range(30):
        record(seen.log, ADDED, {**MODEL, "model_id": "m" * 190 + str(number), "deployment_name": "d" * 300})
    with pytest.raises(AssertionError) as error:
        seen.recorded(ADDED, model_id="x" * 200, model_name="y" * 300, deployment_name="z" * 300)
    assert len(text_of(error)) < 5_000
    assert text_of(error).count("\n") < 30
    with pytest.raises(ValidationError) as wrong:
        seen.recorded(ADDED, model_id="x" * 100_000)
    assert len(str(wrong.value)) < 300


def test_secrets_are_not_shown(seen: Audit) -> None:
    entry = record(seen.log, ASYNC, {**ENABLED, "access_token": "open sesame"})
    for call in (
        lambda: seen.recorded(ASYNC, access_token="close sesame"),
        lambda: seen.nothing_recorded(ASYNC, access_token="open sesame"),
    ):
        with pytest.raises(AssertionError) as error:
            call()
        assert "sesame" not in text_of(error)
        assert entry.metadata["access_token"] not in text_of(error)
        assert "access_token=" in text_of(error)
    with pytest.raises(ValidationError) as wrong:
        seen.recorded(ASYNC, access_token=["open sesame"])
    assert "sesame" not in str(wrong.value)


def test_secrets_of_other_keys_are_compared(seen: Audit, database: Database) -> None:
    with open_log(database, secret_key=SecretKey("k9", bytes(range(32)))) as log:
        record(log, ASYNC, {**ENABLED, "access_token": "open sesame"})
        seen.recorded(ASYNC, access_token="open sesame")
        seen.nothing_recorded(ASYNC, access_token="close sesame")


def test_texts_show_changes_and_json_as_json() -> None:
    assert pytest_texts.value({"from": None, "to": "editor"}) == "{'from': null, 'to': 'editor'}"
    assert pytest_texts.value({"a": [1, {"b": True}]}) == "{'a': [1, {'b': True}]}"
    deep: dict[str, object] = {}
    deep["self"] = deep
    assert pytest_texts.value(deep).endswith("…")


# --- outcome, context, on whose behalf --------------------------------------------------------------

LOGIN = "account.login_logout.login"
EMAIL = {"email_id": "ada@example.com"}


def test_outcome_context_and_whom_are_compared(seen: Audit) -> None:
    with seen.acting(ADA, on_behalf_of=GRACE, context={"session_id": "s-1", "user_agent": "Firefox/99"}):
        record(seen.log, LOGIN, EMAIL, actor=ADA, outcome="failure", failure_reason="Wrong password")
    failed = {"outcome": "failure", "failure_reason": "Wrong password"}
    entry = seen.recorded(LOGIN, on_behalf_of=GRACE, context={"session_id": "s-1"}, **failed)  # type: ignore[arg-type]
    assert entry == seen.recorded(LOGIN, on_behalf_of="u-18", outcome="failure")
    seen.nothing_recorded(LOGIN, outcome="success")
    seen.nothing_recorded(on_behalf_of="u-17")
    with pytest.raises(AssertionError) as caught:
        seen.recorded(LOGIN, outcome="success", on_behalf_of="u-1", context={"session_id": "s-2"})
    assert text_of(caught).splitlines()[-3:] == [
        "    outcome: expected 'success', got 'failure'",
        "    on_behalf_of: expected 'u-1', got user u-18 (Grace Hopper)",
        "    context.session_id: expected 's-2', got 's-1'",
    ]
    seen.forget()
    record(seen.log, LOGIN, EMAIL, actor=ADA)
    with pytest.raises(AssertionError, match="on_behalf_of: expected 'u-18', got nothing"):
        seen.recorded(LOGIN, on_behalf_of="u-18")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"outcome": "failed"}, 'outcome: expected "success" or "failure", got \'failed\''),
        ({"outcome": "failure"}, "outcome: expected nothing: this event cannot fail"),
        ({"failure_reason": "No."}, "outcome: expected nothing: this event cannot fail"),
        ({"on_behalf_of": 7}, "on_behalf_of: expected an Actor or the id of one, got int"),
        ({"context": {"request": "r-1"}}, "context: expected no keys except request_id"),
    ],
)
def test_impossible_outcome_is_no_assertion(seen: Audit, wanted: dict[str, object], message: str) -> None:
    for check in (seen.recorded, seen.nothing_recorded):
        with pytest.raises(ValidationError) as caught:
            check(KEY_CREATED, **wanted)  # type: ignore[arg-type]
        assert message in str(caught.value)
