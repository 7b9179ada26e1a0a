"""The system's clock is set back: recording goes on, and a retry by id stores an entry once."""

import asyncio
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, KEY_CREATED, change, form, minutes, record, rows, without_imports

from audit_events import AsyncAuditEvents, AuditEvents
from audit_events.models.account.app_api_key import AppApiKeyCreated
from auditwright import AccountLog, AuditLog, Entry, StorageError, ValidationError
from auditwright.ids import clock, make_id, to_microseconds

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class WallClock:
    """The system's clock, which rises by a millisecond whenever somebody reads it."""

    def __init__(self) -> None:
        self.now = START

    def read(self) -> int:
        self.now += timedelta(milliseconds=1)
        return to_microseconds(self.now) * 1000


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    wall = WallClock()
    monkeypatch.setattr(clock, "_last", 0)
    monkeypatch.setattr(time, "time_ns", wall.read)
    return wall


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """What was logged about the clock."""
    with caplog.at_level(logging.WARNING, logger="auditwright"):
        yield lambda: [text for _, _, text in caplog.record_tuples if "clock" in text]


def future_id(wall: WallClock, ahead: float = 10) -> str:
    """An id that nobody has recorded, of a time so many minutes ahead."""
    return str(uuid.UUID(bytes=make_id(to_microseconds(wall.now + minutes(ahead)))))


# --- the clock ---------------------------------------------------------------------------------


def test_clock_does_not_go_back_by_seconds(wall: WallClock, warnings: Callable[[], list[str]]) -> None:
    before = clock.now()
    wall.now -= timedelta(seconds=2)
    times = [clock.now() for _ in range(100)]
    assert times == list(range(before + 1, before + 101))
    wall.now += timedelta(seconds=2)
    assert clock.now() == to_microseconds(wall.now)
    assert warnings() == []


def test_clock_follows_a_larger_step_back(wall: WallClock, warnings: Callable[[], list[str]]) -> None:
    clock.now()
    wall.now -= minutes(10)
    times = [clock.now() for _ in range(100)]
    assert times[0] == to_microseconds(START - minutes(10)) + 2_000
    assert times == sorted(set(times))
    assert warnings() == [
        "the system's clock was set back by 599 seconds, from 2026-01-02T03:04:05.001000Z to "
        "2026-01-02T02:54:05.002000Z: entries recorded from now on sort before those recorded in between"
    ]


def test_each_step_back_is_logged_once(wall: WallClock, warnings: Callable[[], list[str]]) -> None:
    clock.now()
    for _ in range(3):
        wall.now += timedelta(days=400)
        assert clock.now() == to_microseconds(wall.now)
        wall.now -= timedelta(days=400)
        assert clock.now() == to_microseconds(wall.now)
        assert clock.now() == to_microseconds(wall.now)
    assert len(warnings()) == 3


def test_one_of_many_threads_logs_a_step_back(wall: WallClock, warnings: Callable[[], list[str]]) -> None:
    clock.now()
    wall.now -= minutes(10)
    seen: list[list[int]] = [[] for _ in range(8)]
    start = threading.Barrier(8)

    def ask(times: list[int]) -> None:
        start.wait()
        times.extend(clock.now() for _ in range(500))

    threads = [threading.Thread(target=ask, args=(times,)) for times in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({moment for times in seen for moment in times}) == 4_000
    assert max(map(max, seen)) < to_microseconds(START)
    assert len(warnings()) == 1


def test_forked_child_follows_a_step_back(wall: WallClock) -> None:
    before = clock.now()
    child = os.fork()
    if child == 0:
        wall.now -= minutes(10)
        os._exit(0 if clock.now() < clock.now() < before else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert clock.now() > before


def test_clock_can_be_asked_while_its_thread_asks() -> None:
    """As by a signal handler that records."""
    with clock._lock:
        assert clock._lock.acquire(blocking=False)
        clock._lock.release()
        assert clock.now()


# --- recording goes on -----------------------------------------------------------------------------


def by_emitter(log: AuditLog, **options: Any) -> Entry:
    return AuditEvents(log).account.app_api_key.app_api_key_created(actor=ADA, **options)


def by_async_emitter(log: AuditLog, **options: Any) -> Entry:
    return asyncio.run(AsyncAuditEvents(log).account.app_api_key.app_api_key_created(actor=ADA, **options))


def by_model(log: AuditLog, **options: Any) -> Entry:
    return log.record(AppApiKeyCreated(), actor=ADA, **options)


FORM_OF_ADA = {"type": "user", "id": "u-17", "name": "Ada Lovelace"}


def json_form(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: str(value) for name, value in options.items()}
    return {"event": KEY_CREATED, "actor": FORM_OF_ADA, "metadata": {}, **given}


def by_form(log: AuditLog, **options: Any) -> Entry:
    return log.record_form(json_form(options))


def by_json(log: AuditLog, **options: Any) -> Entry:
    return log.record_json(json.dumps(json_form(options)))


def by_forms(log: AuditLog, **options: Any) -> Entry:
    (result,) = log.record_forms([json_form(options)])
    if isinstance(result, Exception):
        raise result
    return result


def by_many(log: AuditLog, **options: Any) -> Entry:
    log.record_many([json_form(options)])
    entries = list(log.account("acme").all())
    if "id" in options:
        (entry,) = (entry for entry in entries if entry.id == options["id"])
        return entry
    return min(entries, key=lambda entry: entry.recorded_at)  # the clock was set back since the others


EVERY_WAY = (by_emitter, by_async_emitter, by_model, by_form, by_json, by_forms, by_many)


def test_recording_goes_on_after_a_step_back(
    log: AuditLog, wall: WallClock, warnings: Callable[[], list[str]]
) -> None:
    record(log, KEY_CREATED)
    for number, way in enumerate(EVERY_WAY, 1):
        wall.now = START - number * minutes(10)
        entry = way(log)
        assert timedelta() < entry.occurred_at - (START - number * minutes(10)) < minutes(0.1), way
        assert entry.occurred_at < entry.recorded_at < START - number * minutes(9.9), way
        assert log.account("acme").get(entry.id) == entry, way
    assert len(warnings()) == len(EVERY_WAY)


def test_retry_of_a_stored_entry_returns_it(log: AuditLog, database: Database, wall: WallClock) -> None:
    entry = record(log, KEY_CREATED)
    wall.now -= minutes(10)
    for way in EVERY_WAY:
        assert way(log, id=entry.id) == entry, way
    assert len(database.rows()) == 1


def test_unknown_id_ahead_is_refused(log: AuditLog, database: Database, wall: WallClock) -> None:
    record(log, KEY_CREATED)
    wall.now -= minutes(10)
    for way in EVERY_WAY:
        with pytest.raises(ValidationError) as refusal:
            way(log, id=future_id(wall))
        assert type(refusal.value) is ValidationError, way
        assert str(refusal.value).startswith(
            f"{KEY_CREATED}: occurred_at: expected a time at most 5 minutes ahead, got one 9 minutes ahead"
        ), way
    assert len(database.rows()) == 1


@pytest.mark.parametrize("way", EVERY_WAY, ids=lambda way: way.__name__)
def test_an_entry_that_failed_can_be_retried(
    log: AuditLog, path: Path, wall: WallClock, way: Callable[..., Entry]
) -> None:
    change(path, "ALTER TABLE audit_entry RENAME TO audit_entry_away")
    with pytest.raises(StorageError) as failure:
        way(log)
    change(path, "ALTER TABLE audit_entry_away RENAME TO audit_entry")
    wall.now -= minutes(10)
    failed = failure.value.entry
    assert failed is not None
    assert way(log, id=failed.id).id == failed.id
    assert way(log, id=failed.id).occurred_at == failed.occurred_at
    assert len(rows(path)) == 1


def test_stored_id_with_other_content_is_a_conflict(log: AuditLog, wall: WallClock) -> None:
    entry = record(log, KEY_CREATED)
    wall.now -= minutes(10)
    (result,) = log.record_forms([form(KEY_CREATED, {}, id=str(entry.id), ip_address="203.0.113.9")])
    assert "an entry with this id and other content" in str(result)


def test_a_session_recognises_a_stored_entry(log: AuditLog, database: Database, wall: WallClock) -> None:
    entry = record(log, KEY_CREATED)
    wall.now -= minutes(10)
    engine = create_engine(database.sqlalchemy_url)
    with Session(engine) as session:
        again = record(log, KEY_CREATED, id=entry.id, session=session)
        assert (again.id, again.digest) == (entry.id, entry.digest)
        assert log.record_form(form(KEY_CREATED, {}), session=session, actor=ADA).occurred_at < START
        with pytest.raises(ValidationError, match="at most 5 minutes ahead"):
            record(log, KEY_CREATED, id=future_id(wall), session=session)
        session.commit()
    engine.dispose()
    assert len(database.rows()) == 2


@pytest.mark.sqlite_only
def test_an_async_session_recognises_a_stored_entry(
    log: AuditLog, database: Database, wall: WallClock
) -> None:
    entry = record(log, KEY_CREATED)
    wall.now -= minutes(10)
    created = AsyncAuditEvents(log).account.app_api_key.app_api_key_created

    async def retry() -> Entry:
        engine = create_async_engine(database.sqlalchemy_url.replace("sqlite:", "sqlite+aiosqlite:"))
        async with AsyncSession(engine) as session:
            again = await created(actor=ADA, id=entry.id, session=session)
            with pytest.raises(ValidationError, match="at most 5 minutes ahead"):
                await created(actor=ADA, id=future_id(wall), session=session)
            await session.commit()
        await engine.dispose()
        return again

    again = asyncio.run(retry())
    assert (again.id, again.digest) == (entry.id, entry.digest)
    assert len(database.rows()) == 1


def test_a_time_ahead_of_the_clock_set_back_is_refused(log: AuditLog, wall: WallClock) -> None:
    record(log, KEY_CREATED)
    wall.now -= minutes(10)
    with pytest.raises(ValidationError, match="at most 5 minutes ahead, got one 9 minutes ahead"):
        record(log, KEY_CREATED, occurred_at=wall.now + minutes(10))
    assert record(log, KEY_CREATED, occurred_at=wall.now + minutes(4))


def test_database_error_of_a_retry_has_the_entry(log: AuditLog, database: Database, wall: WallClock) -> None:
    entry = record(log, KEY_CREATED)
    wall.now -= minutes(10)
    database.change("ALTER TABLE audit_entry RENAME TO audit_entry_away")
    with pytest.raises(StorageError) as failure:
        record(log, KEY_CREATED, id=entry.id)
    assert failure.value.entry is not None
    assert failure.value.entry.id == entry.id


# --- reading -----------------------------------------------------------------------------------


def test_pages_lose_nothing_when_ids_go_back_in_time(
    log: AuditLog, acme: AccountLog, wall: WallClock
) -> None:
    made = [record(log, KEY_CREATED) for _ in range(5)]
    wall.now -= minutes(10)
    first = acme.entries(limit=3)
    made += [record(log, KEY_CREATED) for _ in range(5)]  # they sort behind the first page
    found, page = list(first.entries), first
    while page.next:
        page = acme.entries(limit=3, after=page.next)
        found += page.entries
    assert found == sorted(made, key=lambda entry: entry.id, reverse=True)
    assert page.previous is not None
    back = list(page.entries)
    while page.previous:
        page = acme.entries(limit=3, before=page.previous)
        back = [*page.entries, *back]
    assert back == found


def test_import_keeps_times_that_are_ahead(
    database: Database, other_database: Database, wall: WallClock
) -> None:
    with open_log(database) as log:
        entry = record(log, KEY_CREATED)
        wall.now -= minutes(10)
        line = json.dumps(entry.to_json()).encode()
    with open_log(other_database) as log:
        refused: dict[int, str] = {}
        result = log.import_jsonl([line], lambda number, error: refused.update({number: str(error)}))
        assert (result.stored, refused) == (1, {})
        assert without_imports(log.account("acme").all()) == [entry]
