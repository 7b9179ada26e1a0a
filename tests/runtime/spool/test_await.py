"""Awaited emitters of a log with a spool: many at once, cancelled ones, those of a loop that is closed."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import PostgreSQLDatabase
from tests.support.sample_events import ADA, KEY_CREATED, record
from tests.support.spools import AWAY, Opens, open_with_spool, stored
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

from audit_events import AsyncAuditEvents
from auditwright import AuditLog, Entry, StorageError

pytestmark = pytest.mark.postgresql_only


def emitter(log: AuditLog) -> Callable[..., Coroutine[Any, Any, Entry]]:
    return AsyncAuditEvents(log).account.app_api_key.app_api_key_created


def test_thousands_of_awaits_are_spooled_in_few_commits(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opens(timeout=30)
    proxy.be_away()
    commits: list[int] = []
    insert_each = log._storage.spool.insert_each  # type: ignore[attr-defined]

    def counted(rows: list[object]) -> object:
        commits.append(len(rows))
        return insert_each(rows)

    monkeypatch.setattr(log._storage.spool, "insert_each", counted)  # type: ignore[attr-defined]

    async def calls() -> list[Entry]:
        create = emitter(log)
        return await asyncio.gather(*(create(actor=ADA) for _ in range(3_000)))

    entries = asyncio.run(calls())
    assert all(each.spooled for each in entries)
    assert len(commits) < 30
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert sorted(stored(database)) == sorted(each.id.hex for each in entries)


def test_awaits_go_on_while_the_database_goes_and_comes(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens(timeout=30)

    async def calls() -> list[Entry]:
        create, is_over = emitter(log), asyncio.Event()

        async def caller() -> list[Entry]:
            entries = []
            while not is_over.is_set():
                entries.append(await create(actor=ADA))
            return entries

        async def reaches(is_spooled: bool) -> None:
            while (await create(actor=ADA, details="looks")).spooled != is_spooled:
                pass

        tasks = [asyncio.create_task(caller()) for _ in range(20)]
        for _ in range(3):
            await asyncio.to_thread(proxy.be_away)
            await reaches(True)
            await asyncio.to_thread(proxy.pass_again)
            await reaches(False)
        is_over.set()
        return [entry for each in await asyncio.gather(*tasks) for entry in each]

    entries = asyncio.run(calls())
    assert Counter(each.spooled for each in entries)[True] > 0
    wait_until(lambda: log.health().spooled == 0)
    found = stored(database)
    assert len(found) == len(set(found))
    assert {each.id.hex for each in entries} <= set(found)


def test_the_loop_goes_on_while_a_database_is_silent(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()

    async def calls() -> tuple[Entry, int]:
        proxy.be_silent()
        task = asyncio.ensure_future(emitter(log)(actor=ADA))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.01)
            turns += 1
        return task.result(), turns

    entry, turns = asyncio.run(calls())
    assert entry.spooled
    assert turns > 10
    proxy.pass_again()
    wait_until(lambda: stored(database) == [entry.id.hex])


def test_cancelled_awaits_are_spooled_once_or_not_at_all(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens(timeout=30)
    proxy.be_away()
    unknown: list[Entry] = []

    async def caller() -> Entry:
        try:
            return await emitter(log)(actor=ADA)
        except asyncio.CancelledError as error:
            if "entry" in vars(error):
                unknown.append(vars(error)["entry"])
            raise

    async def calls() -> list[Entry]:
        returned: list[Entry] = []
        for number in range(66):
            tasks = [asyncio.create_task(caller()) for _ in range(10)]
            for _ in range(number % 11):
                await asyncio.sleep(0)
            for task in tasks[number % 3 :: 2]:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    returned.append(await task)
        return returned

    returned = asyncio.run(calls())
    record(log, KEY_CREATED, account_id="zenith")  # after everything that is still being written
    assert log.health().spooled <= len(returned) + len(unknown) + 1
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    found = set(stored(database)[:-1])
    assert {each.id.hex for each in returned} <= found <= {each.id.hex for each in (*returned, *unknown)}
    for entry in unknown:
        record(log, KEY_CREATED, id=entry.id, occurred_at=entry.occurred_at)
    wait_until(lambda: log.health().spooled == 0)
    assert len(stored(database)) == len(returned) + len(unknown) + 1


def test_a_loop_that_is_closed_affects_no_other_caller(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    proxy.be_away()
    assert record(log, KEY_CREATED).spooled
    lock = log._storage.spool.connections.lock  # type: ignore[attr-defined]
    loop = asyncio.new_event_loop()

    async def begin() -> "asyncio.Future[Entry]":
        task = asyncio.ensure_future(emitter(log)(actor=ADA))
        while not log._group_commit._lead:
            await asyncio.sleep(0)
        return task

    with lock.held():  # its commit cannot begin before the loop is closed
        task = loop.run_until_complete(begin())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    others = [record(log, KEY_CREATED) for _ in range(3)]
    assert all(each.spooled for each in others)
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert len(stored(database)) == 5  # the one that nobody waits for was being written
    task._log_destroy_pending = False  # type: ignore[attr-defined] # it is, and that is what is tested


def test_awaits_of_a_full_spool_fail_each_with_its_entry(spool: Path) -> None:
    async def calls(log: AuditLog) -> list[Entry | BaseException]:
        create = emitter(log)
        return await asyncio.gather(
            *(create(actor=ADA, details="x" * 1_000) for _ in range(1_500)), return_exceptions=True
        )

    with open_with_spool(AWAY, spool, spool_bytes=1024**2) as log:
        results = [each for _ in range(3) for each in asyncio.run(calls(log))]
        spooled = [each for each in results if isinstance(each, Entry)]
        errors = [each for each in results if isinstance(each, StorageError)]
        assert len(spooled) + len(errors) == len(results)
        assert log.health().spooled == len(spooled)
    failed = [each.entry.id for each in errors if each.entry is not None]
    assert len(set(failed)) == len(errors) > 0
    assert not [each for each in threading.enumerate() if each.name == "auditwright-spool"]
