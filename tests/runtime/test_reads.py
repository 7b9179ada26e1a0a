"""Reads are recorded once for each reader, account and selection in a window, on both engines."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.support.databases import Database, open_log
from tests.support.processes import run_at_once
from tests.support.sample_events import ADA, GRACE, record

from auditwright import Actor, AuditLog, Entry, StorageError, ValidationError, system_events
from auditwright.entry import IP_ADDRESS
from auditwright.system_events import MAX_KNOWN, OPERATOR_ACCOUNT, NotRecorded, ReadRecord

LOGIN, VIEWED = "account.login_logout.login", "audit.log.viewed"
NINE = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
AT_NINE = int(NINE.timestamp())

SetTime = Callable[[float], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SetTime:
    """Sets the clock of reads to so many seconds after nine o'clock."""

    def set_time(seconds: float) -> None:
        monkeypatch.setattr(system_events, "_now", lambda: int(AT_NINE + seconds))

    return set_time


@pytest.fixture
def filled(log: AuditLog) -> AuditLog:
    record(log, LOGIN, {"email_id": "a@example.com"})
    return log


def viewed(log: AuditLog, account_id: str = "acme") -> list[Entry]:
    """The recorded reads, oldest first."""
    found = [entry for entry in log.account(account_id).all() if entry.event == VIEWED]
    return found[::-1]


def test_a_read_is_recorded_once_in_a_window(filled: AuditLog, at: SetTime) -> None:
    at(0)
    ReadRecord(filled).record("acme", ADA, "page", "where=user:is:u-17")
    at(899.999)
    ReadRecord(filled).record("acme", ADA, "api", "where=user:is:u-17")  # another process
    (entry,) = viewed(filled)
    assert (entry.occurred_at, entry.actor, entry.level) == (NINE, ADA, "audit")
    assert entry.description == "Ada Lovelace viewed the audit log; interface: Page, what: Entries."
    assert entry.metadata == {
        "interface": "page",
        "shown": "entries",
        "selection": "where=user:is:u-17",
        "window_end": "2026-01-31T09:15:00.000000Z",
    }


def test_the_next_window_is_recorded_again(filled: AuditLog, at: SetTime) -> None:
    reads = ReadRecord(filled)
    for seconds in (0, 899.999, 900, 1799.999, 1800, 900):  # at last the clock is set back
        at(seconds)
        reads.record("acme", ADA, "page")
    assert [f"{entry.occurred_at:%H:%M}" for entry in viewed(filled)] == ["09:00", "09:15", "09:30"]


def test_each_reader_selection_and_entry_is_recorded(filled: AuditLog, at: SetTime) -> None:
    reads = ReadRecord(filled)
    record(filled, LOGIN, {"email_id": "a@example.com"}, account_id="globex")
    opened = uuid.uuid4()
    for number in range(2):
        at(number)
        for actor in (ADA, GRACE, Actor.app("u-17"), Actor.system()):
            reads.record("acme", actor, "page")
        reads.record("acme", ADA, "page", "where=user:is:u-17")
        reads.record("acme", ADA, "page", entry_id=opened)
        reads.record("acme", ADA, "page", what="users")
        reads.record("globex", ADA, "page")
    parts = [
        (entry.actor.label, *(entry.metadata.get(name) for name in ("selection", "entry_id", "shown")))
        for entry in viewed(filled)
    ]
    assert sorted(parts, key=str) == sorted(
        [
            ("Ada Lovelace", None, None, "entries"),
            ("Ada Lovelace", None, None, "users"),
            ("Ada Lovelace", None, str(opened), "entries"),
            ("Ada Lovelace", "where=user:is:u-17", None, "entries"),
            ("Grace Hopper", None, None, "entries"),
            ("u-17", None, None, "entries"),
            ("System", None, None, "entries"),
        ],
        key=str,
    )
    assert len(viewed(filled, "globex")) == 1


def test_readers_without_an_id_differ_by_their_address(filled: AuditLog, at: SetTime) -> None:
    at(0)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        for actor in (ADA, Actor.anonymous()):
            with filled.acting(ip_address=address):
                ReadRecord(filled).record("acme", actor, "page")
    found = [(entry.actor.type, entry.row[IP_ADDRESS]) for entry in viewed(filled)]
    assert sorted(found) == [("anonymous", "192.0.2.1"), ("anonymous", "192.0.2.2"), ("user", "192.0.2.1")]


def test_a_second_read_costs_no_transaction(
    filled: AuditLog, at: SetTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(0)
    reads = ReadRecord(filled)
    reads.record("acme", ADA, "page")
    with monkeypatch.context() as patched:
        patched.setattr(filled, "account", None)
        patched.setattr(filled, "_record_system_event", None)
        reads.record("acme", ADA, "page")


def test_the_memory_of_reads_is_bounded(
    filled: AuditLog, at: SetTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(0)
    monkeypatch.setattr(system_events, "MAX_KNOWN", 3)
    reads = ReadRecord(filled)
    for number in range(8):
        reads.record("acme", ADA, "page", f"search=text{number}")
        assert len(reads._known[1]) <= 3
    assert len(viewed(filled)) == 8
    assert MAX_KNOWN == 10_000


def test_an_account_without_entries_gets_none(filled: AuditLog) -> None:
    ReadRecord(filled).record("acmee", ADA, "cli")
    assert filled.accounts() == ["acme"]


def test_another_event_with_the_id_does_not_hide_a_read(filled: AuditLog, at: SetTime) -> None:
    at(0)
    ReadRecord(filled).record("acme", ADA, "page")
    (entry,) = viewed(filled)
    # Whoever may record can compute the id, and take it for an entry of another account.
    record(filled, LOGIN, {"email_id": "b@example.com"}, account_id="globex", id=entry.id)
    of_globex = ReadRecord(filled)
    of_globex.record("globex", ADA, "page")
    assert len(viewed(filled, "globex")) == 1
    taken = system_events._id_of(AT_NINE, (900, ("user", "u-18", None), "acme", "", None, "entries"))
    record(filled, LOGIN, {"email_id": "b@example.com"}, id=taken)
    reads = ReadRecord(filled)
    for _ in range(2):
        reads.record("acme", GRACE, "page")
    (forced,) = [each for each in viewed(filled) if each.actor == GRACE]
    assert forced.id != taken


_READER = """
import logging
import sys
from auditwright import Actor, AuditLog, system_events
from audit_events import CATALOG

logging.disable()  # the role of the tests may do too much
with AuditLog.open(sys.argv[1], catalog=CATALOG) as log:
    system_events._now = lambda: 1_769_850_000
    reads = system_events.ReadRecord(log)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        reads.record("acme", Actor.user("u-17", sys.argv[2]), "page", "where=user:is:u-17")
"""


def test_processes_at_once_record_a_read_once(filled: AuditLog, database: Database) -> None:
    run_at_once(_READER, [[database.url, name] for name in ("Ada", "Ada", "Ada Lovelace", "A. Lovelace")])
    assert len(viewed(filled)) == 1


def test_a_read_that_cannot_be_recorded_is_refused(filled: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageError("audit.db: cannot write: disk full")

    reads = ReadRecord(filled)
    with monkeypatch.context() as patched:
        patched.setattr(filled._group_commit, "store", fail)
        for _ in range(2):  # what failed is not remembered
            with pytest.raises(NotRecorded) as caught:
                reads.record("acme", ADA, "page")
            assert str(caught.value) == (
                "nothing is shown, as the read cannot be recorded: audit.db: cannot write: disk full"
            )
    reads.record("acme", ADA, "page")
    assert len(viewed(filled)) == 1


def test_a_long_selection_is_truncated_and_told_apart(filled: AuditLog, at: SetTime) -> None:
    at(0)
    reads = ReadRecord(filled)
    for end in ("a", "b"):
        reads.record("acme", ADA, "page", f"where={'x' * 100_000}{end}")
    assert len(viewed(filled)) == 2
    assert all("metadata.selection" in entry.alterations for entry in viewed(filled))


@pytest.mark.parametrize("window", [59, 86_401, 900.0, True, "900", None])
def test_a_window_that_makes_no_sense_is_refused(log: AuditLog, window: object) -> None:
    with pytest.raises(ValueError, match="read_window is a whole number of seconds from 60 to 86,400, not "):
        ReadRecord(log, window)  # type: ignore[arg-type]


def test_a_window_may_be_a_minute_or_a_day(filled: AuditLog, at: SetTime) -> None:
    at(3600)
    for window in (60, 86_400):
        ReadRecord(filled, window).record("acme", ADA, "page")
    assert [f"{entry.occurred_at:%d %H:%M}" for entry in viewed(filled)] == ["31 00:00", "31 10:00"]


def test_services_record_nothing_in_the_operators_account(filled: AuditLog, database: Database) -> None:
    with pytest.raises(ValueError, match="account_id: expected an account of the service, got the one of"):
        record(filled, LOGIN, {"email_id": "a@example.com"}, account_id=OPERATOR_ACCOUNT)
    form = {"event": LOGIN, "metadata": {"email_id": "a@example.com"}, "account_id": OPERATOR_ACCOUNT}
    with filled.acting(ADA), pytest.raises(ValueError, match="expected an account of the service"):
        filled.record_json(json.dumps(form))
    refused: list[str] = []
    line = json.dumps(form | {"actor": {"type": "system"}}).encode()
    done = filled.import_jsonl([line], lambda _, error: refused.append(str(error)))
    assert (done.stored, done.refused) == (0, 1)
    assert "expected an account of the service" in refused[0]
    with open_log(database, account_id=OPERATOR_ACCOUNT) as log, pytest.raises(ValidationError):
        record(log, LOGIN, {"email_id": "a@example.com"})
    assert filled.accounts() == ["acme"]
