"""Recording from asyncio with awaited emitters."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from tests.support.databases import Database
from tests.support.sample_events import ADA, KEY_CREATED, MODEL, write_lock

from audit_events import AsyncAuditEvents, AuditEvents
from auditwright import AccountLog, Actor, AuditLog, Entry, IdConflict, ValidationError


def test_awaited_emitter_stores_its_arguments(log: AuditLog, acme: AccountLog) -> None:
    entry = asyncio.run(
        AsyncAuditEvents(log).account.models.model_deployed(
            model_id="m-17", model_name="Llama", model_type="open_source", actor=ADA
        )
    )
    assert acme.get(entry.id) == entry
    assert entry.metadata == MODEL


def test_many_at_once_are_all_stored_once(log: AuditLog, database: Database) -> None:
    audit = AsyncAuditEvents(log)

    async def one(number: int) -> Entry:
        with log.acting(Actor.user(f"u-{number}"), ip_address="203.0.113.7"):
            return await audit.account.app_api_key.app_api_key_created()

    async def everything() -> list[Entry]:
        return await asyncio.gather(*(one(number) for number in range(100)))

    entries = asyncio.run(everything())
    assert set(database.rows("SELECT id, actor_id FROM audit_entry")) == {
        (entry.id.bytes, f"u-{number}") for number, entry in enumerate(entries)
    }


def test_refusal_is_raised_at_the_await(log: AuditLog, audit: AuditEvents, database: Database) -> None:
    asynchronous = AsyncAuditEvents(log)
    stored = audit.account.app_api_key.app_api_key_created(actor=ADA)

    async def calls() -> Sequence[Entry | BaseException]:
        found: Sequence[Entry | BaseException] = await asyncio.gather(
            asynchronous.account.app_api_key.app_api_key_created(),
            asynchronous.account.app_api_key.app_api_key_deleted(actor=ADA, id=stored.id),
            asynchronous.account.app_api_key.app_api_key_created(actor=ADA, id=stored.id),
            return_exceptions=True,
        )
        return found

    refused, conflict, again = asyncio.run(calls())
    assert isinstance(refused, ValidationError)
    assert str(refused).startswith(f"{KEY_CREATED}: actor: expected an actor: ")
    assert isinstance(conflict, IdConflict)
    assert conflict.entry is not None
    assert again == stored
    assert len(database.rows()) == 1


def test_the_event_loop_goes_on_while_an_entry_is_stored(log: AuditLog) -> None:
    audit = AsyncAuditEvents(log)
    held, seen = threading.Event(), asyncio.Event()

    async def calls() -> Entry:
        with write_lock(log):
            task = asyncio.create_task(audit.account.app_api_key.app_api_key_created(actor=ADA))
            await asyncio.sleep(0)  # the task runs until it waits for its thread
            asyncio.get_running_loop().call_soon(seen.set)
            await seen.wait()
            assert not task.done()
            held.set()
        return await task

    assert asyncio.run(calls())
    assert held.is_set()


def test_task_inherits_the_context_of_its_creation(log: AuditLog) -> None:
    audit = AsyncAuditEvents(log)

    async def calls() -> Entry:
        with log.acting(ADA):
            task = asyncio.create_task(audit.account.app_api_key.app_api_key_created())
        with log.acting(Actor.system()):
            return await task

    assert asyncio.run(calls()).actor == ADA


def test_unawaited_coroutine_stores_nothing(log: AuditLog, database: Database) -> None:
    coroutine = AsyncAuditEvents(log).account.app_api_key.app_api_key_created(actor=ADA)
    coroutine.close()
    assert database.rows() == []
    with pytest.raises(RuntimeError):
        asyncio.run(_await(coroutine))


async def _await(coroutine: object) -> None:
    await coroutine  # type: ignore[misc]


async def _in_session(log: AuditLog, database: Database, commit: bool) -> Entry:
    url = database.sqlalchemy_url.replace("sqlite:", "sqlite+aiosqlite:", 1)
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        create = AsyncAuditEvents(log).account.app_api_key.app_api_key_created
        entry = await create(actor=ADA, session=session)
        await (session.commit() if commit else session.rollback())
    await engine.dispose()
    return entry


def test_entry_in_an_async_session_follows_commit_and_rollback(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    kept = asyncio.run(_in_session(log, database, commit=True))
    gone = asyncio.run(_in_session(log, database, commit=False))
    assert acme.get(kept.id) == kept
    assert acme.get(gone.id) is None
