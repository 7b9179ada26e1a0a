"""Entries: ids that sort by time, the clock, equality and repr."""

import logging
import os
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.databases import Database, insert_damaged, insert_row
from tests.support.sample_events import ADA, DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, record

from audit_events import AuditEvents
from audit_events.models.account.models import ModelDeployed
from auditwright import AccountLog, Actor, AuditLog
from auditwright.ids import clock, format_time, from_microseconds, id_time, make_id, to_microseconds

micros = st.integers(0, (1 << 48) * 1000 - 1)


@given(micros)
def test_an_id_states_its_time(moment: int) -> None:
    assert id_time(make_id(moment)) == moment


@given(micros, micros)
def test_ids_order_like_their_times(one: int, other: int) -> None:
    if one != other:
        assert (make_id(one) < make_id(other)) == (one < other)


@given(micros)
def test_an_id_is_a_uuid_of_version_7(moment: int) -> None:
    made = uuid.UUID(bytes=make_id(moment))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    # RFC 9562, section 5.7: 48 bits of milliseconds; section 6.2, method 3: the fraction in rand_a.
    assert made.int >> 80 == moment // 1000
    assert made.int >> 64 & 0xFFF == moment % 1000 * 4


def test_ids_of_one_moment_differ() -> None:
    assert len({make_id(5) for _ in range(1000)}) == 1000


@given(st.binary(min_size=16, max_size=16))
def test_only_a_uuid_of_version_7_states_a_time(data: bytes) -> None:
    made = uuid.UUID(bytes=data)
    seven = made.variant == uuid.RFC_4122 and made.version == 7
    assert (id_time(data) is not None) == seven


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_is_kept_to_the_microsecond(moment: datetime) -> None:
    if datetime(1970, 1, 1, tzinfo=UTC) <= moment < datetime(9998, 1, 1, tzinfo=UTC):
        assert from_microseconds(to_microseconds(moment)) == moment.astimezone(UTC)
        assert datetime.fromisoformat(format_time(to_microseconds(moment))) == moment.astimezone(UTC)


def test_the_clock_rises_whichever_thread_asks() -> None:
    seen: list[list[int]] = [[] for _ in range(8)]

    def ask(times: list[int]) -> None:
        times.extend(clock.now() for _ in range(2000))

    threads = [threading.Thread(target=ask, args=(times,)) for times in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(times == sorted(set(times)) for times in seen)
    assert len({moment for times in seen for moment in times}) == 16_000


def test_the_order_of_recording_is_the_order_of_ids(log: AuditLog, acme: AccountLog) -> None:
    made = [record(log, KEY_CREATED) for _ in range(300)]
    assert [entry.id for entry in made] == sorted(entry.id for entry in made)
    moments = [entry.occurred_at for entry in made]
    assert moments == sorted(set(moments))
    assert list(acme.all()) == made[::-1]


def test_clock_works_in_a_child_forked_while_it_was_locked() -> None:
    with clock._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if clock.now() else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_an_entry_is_typed_as_its_model(audit: AuditEvents, acme: AccountLog) -> None:
    entry = audit.account.models.model_deployed(
        model_id="m", model_name="M", model_type="open_source", top_k=5, actor=ADA
    )
    (found,) = acme.all()
    assert isinstance(found.typed, ModelDeployed)
    assert found.typed == entry.typed
    assert (found.typed.top_k, found.typed.temperature) == (5, None)


def test_typed_metadata_has_the_fields_with_a_column(log: AuditLog, acme: AccountLog) -> None:
    entry = record(log, "tool.tool_management.tool_deployed", {"tool_id": "t-4", "tool_version": "v1"})
    assert entry.metadata == {"tool_id": "t-4", "tool_version": "v1"}
    assert entry.typed.model_dump(exclude_none=True) == entry.metadata
    assert acme.get(entry.id) == entry


def test_metadata_of_an_older_catalog_is_shown_as_it_was_stored(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    insert_row(
        database, log.catalog, event=DEPLOYED, metadata='{"dropped":1,"model_name":"M","model_id":"m"}'
    )
    (entry,) = acme.all()
    assert list(entry.metadata.items()) == [("model_id", "m"), ("model_name", "M"), ("dropped", 1)]
    assert entry.typed.model_dump(exclude_none=True) == {"model_id": "m", "model_name": "M"}


def test_entries_are_equal_when_every_value_is(log: AuditLog) -> None:
    entry = record(log, DEPLOYED, MODEL)
    found = log.account("acme").get(entry.id)
    assert found == entry
    assert hash(found) == hash(entry)
    assert entry != record(log, DEPLOYED, MODEL)
    assert entry != entry.row


ACTORS = {
    "user u-17 (Ada Lovelace)": Actor.user("u-17", "Ada Lovelace"),
    "app ci": Actor.app("ci"),
    "system": Actor.system(),
    "system (Nightly job)": Actor.system("Nightly job"),
}


@pytest.mark.parametrize("shown", ACTORS)
def test_an_entry_shows_its_event_and_actor(log: AuditLog, shown: str) -> None:
    entry = record(log, KEY_CREATED, occurred_at=LONG_AGO, details="private", actor=ACTORS[shown])
    assert repr(entry) == f"<Entry {entry.id} {KEY_CREATED} 2024-05-06T07:08:09.123456Z by {shown}>"


HOSTILE = "\x1b[31m\u202e\n" * 400


@pytest.mark.parametrize(
    "changes",
    [
        {"actor_name": HOSTILE, "actor_id": HOSTILE[:200], "event": HOSTILE[:200]},
        {"actor_type": HOSTILE, "event": HOSTILE, "digest": b"abc"},
        {"actor_type": "", "actor_id": None, "event": "", "metadata": "[", "digest": b""},
    ],
    ids=["control characters", "damaged", "empty"],
)
def test_any_entry_is_shown_on_one_short_line(
    log: AuditLog, acme: AccountLog, database: Database, changes: dict[str, Any]
) -> None:
    if database.engine == "postgresql" and "metadata" in changes:
        changes = changes | {"metadata": "[]"}
    insert_damaged(database, log.catalog, **changes)
    (entry,) = acme.all()
    shown = repr(entry)
    assert shown.isprintable()
    assert len(shown) < 600
    assert shown.startswith(f"<Entry {entry.id} ")
    assert ("damaged: " in shown) == bool(entry.damaged)
    assert all(value.isprintable() and len(value) <= 256 for value in entry.log_fields.values())


def test_log_fields_are_the_id_and_the_event(log: AuditLog) -> None:
    entry = record(log, KEY_CREATED)
    assert entry.log_fields == {"audit_id": str(entry.id), "audit_event": KEY_CREATED}
    assert vars(logging.makeLogRecord({})).keys() & entry.log_fields.keys() == set()


def test_an_entry_is_read_only(log: AuditLog) -> None:
    entry = record(log, KEY_CREATED)
    with pytest.raises(AttributeError):
        entry.description = "forged"  # type: ignore[misc]


def test_an_entry_is_found_by_its_id_as_uuid_or_text(log: AuditLog, acme: AccountLog) -> None:
    entry = record(log, KEY_CREATED)
    assert acme.get(entry.id) == acme.get(str(entry.id)) == acme.get(entry.id.hex) == entry
    assert acme.get(uuid.uuid4()) is None
    assert log.account("other").get(entry.id) is None
