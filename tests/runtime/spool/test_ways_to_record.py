"""Which ways to record go into the spool while the database is away, and which ones fail."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlmodel import Session
from tests.support.databases import PostgreSQLDatabase
from tests.support.processes import run_python
from tests.support.sample_events import ADA, KEY_CREATED, record
from tests.support.spools import AWAY, open_with_spool
from tests.support.waiting import wait_until

from audit_events import CATALOG, AsyncAuditEvents
from auditwright import Actor, AuditLog, Entry, IdConflict, SecretKey, StorageError

FORM = {"event": KEY_CREATED, "metadata": {}, "actor": {"type": "user", "id": "u-17"}}


@pytest.fixture
def away(spool: Path, key: SecretKey) -> Iterator[AuditLog]:
    """A log with a spool whose database is away."""
    with open_with_spool(AWAY, spool, secret_key=key) as log:
        yield log


def test_every_way_that_commits_by_itself_is_spooled(away: AuditLog) -> None:
    entries = [
        record(away, KEY_CREATED),
        away.record_form(FORM),
        away.record_json(json.dumps(FORM)),
    ]
    assert [each.spooled for each in entries] == [True] * 3
    assert away.record_many([FORM, FORM]) == 2
    good, bad = away.record_forms([FORM, {}])
    assert isinstance(good, Entry)
    assert good.spooled
    assert not isinstance(bad, Entry)
    assert away.health().spooled == 6


def test_awaited_emitters_are_spooled(away: AuditLog) -> None:
    create = AsyncAuditEvents(away).account.app_api_key.app_api_key_created

    async def record_all() -> list[Entry]:
        return await asyncio.gather(*(create(actor=ADA) for _ in range(50)))

    assert all(each.spooled for each in asyncio.run(record_all()))
    assert away.health().spooled == 50


def test_a_retry_in_the_spool_is_stored_once(away: AuditLog) -> None:
    first = record(away, KEY_CREATED)
    again = record(away, KEY_CREATED, id=first.id, occurred_at=first.occurred_at)
    assert (again.id, again.spooled) == (first.id, True)
    assert away.health().spooled == 1
    with pytest.raises(IdConflict):
        record(away, KEY_CREATED, id=first.id, occurred_at=first.occurred_at, details="other content")


def test_imports_and_reads_fail(away: AuditLog) -> None:
    line = json.dumps(record(away, KEY_CREATED).to_json()).encode()
    refused: list[int] = []
    with pytest.raises(StorageError, match="cannot connect"):
        away.import_jsonl(iter([line]), lambda number, _: refused.append(number))
    assert refused == []
    for read in (away.account("acme").entries, away.account("acme").count, away.accounts):
        with pytest.raises(StorageError, match="cannot connect"):
            read()
    assert away.health().spooled == 1


def test_entries_of_transactions_of_callers_never_spool(tmp_path: Path, away: AuditLog) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/application.db")
    with Session(engine) as session, pytest.raises(StorageError) as caught:
        record(away, KEY_CREATED, session=session)
    engine.dispose()
    assert caught.value.entry is not None
    assert away.health().spooled == 0


def test_secrets_in_the_spool_are_fingerprints(away: AuditLog, tmp_path: Path) -> None:
    (event, *_) = (
        each
        for each in CATALOG.every_event.values()
        if any(field.sensitivity == "secret" and field.name in each.example for field in each.metadata)
    )
    (secret, *_) = (field.name for field in event.metadata if field.sensitivity == "secret")
    value = "sesame-open-9c1f2"
    entry = record(away, event.key, {**event.example, secret: value})
    assert entry.spooled
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert any(entry.id.bytes in content for content in files)
    assert not any(value.encode() in content for content in files)


@pytest.mark.postgresql_only
def test_parent_and_child_share_a_spool_after_a_fork(database: PostgreSQLDatabase, spool: Path) -> None:
    script = """
import os, sys
from auditwright import Actor, AuditLog
from audit_events import AuditEvents
with AuditLog.open(sys.argv[1], account_id="acme", timeout=3, spool=sys.argv[2]) as log:
    create = AuditEvents(log).account.app_api_key.app_api_key_created
    for number in range(20):  # the mover has just begun to read
        assert create(actor=Actor.user(f"parent-{number}")).spooled
        child = os.fork()
        if child == 0:
            assert create(actor=Actor.user(f"child-{number}")).spooled
            log.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    print(log.health().spooled)
"""
    assert run_python(script, AWAY, f"sqlite:///{spool}") == "40\n"
    with open_with_spool(database.url, spool) as log:
        wait_until(lambda: log.health().spooled == 0)
    found = database.rows("SELECT actor_id FROM audit_entry ORDER BY id")
    assert found == [(f"{who}-{number}",) for number in range(20) for who in ("parent", "child")]


@pytest.mark.postgresql_only
def test_a_moved_entry_is_the_one_that_was_recorded(
    database: PostgreSQLDatabase, spool: Path, key: SecretKey
) -> None:
    with open_with_spool(AWAY, spool, secret_key=key) as log:
        entries = [
            record(
                log,
                event.key,
                event.example,
                actor=Actor.user("u-1", "Grace Hopper"),
                ip_address="2001:db8::7",
                details="More.",
            )
            for event in CATALOG.every_event.values()
            if not event.key.startswith("audit.")
        ]
        assert all(each.spooled for each in entries)
    with open_with_spool(database.url, spool) as log:
        wait_until(lambda: log.health().spooled == 0)
        stored = {each.id: each.to_json() for each in log.account("acme").all()}
    assert stored == {each.id: each.to_json() for each in entries}
