"""`record_forms`: many JSON forms in one transaction, each stored or refused on its own."""

import itertools
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, ASYNC, DEPLOYED, KEY_CREATED, LONG_AGO, MODEL, form, record

from auditwright import (
    AccountLog,
    AuditLog,
    AuditwrightError,
    Entry,
    IdConflict,
    SecretKeyMissing,
    StorageError,
    ValidationError,
)
from auditwright.ids import format_time, make_id, to_microseconds

CONFLICT = "an entry with this id and other content is stored already; it is unchanged"
WHEN = format_time(to_microseconds(LONG_AGO))


def an_id() -> str:
    return str(uuid.UUID(bytes=make_id(to_microseconds(LONG_AGO))))


def test_empty_batch_returns_an_empty_list(log: AuditLog) -> None:
    assert log.record_forms([]) == []


def test_each_is_stored_in_order(log: AuditLog, acme: AccountLog) -> None:
    given = [form(DEPLOYED, MODEL | {"model_name": f"m {number}"}) for number in range(5)]
    done = log.record_forms(given)
    assert [entry.metadata["model_name"] for entry in done if isinstance(entry, Entry)] == [
        "m 0", "m 1", "m 2", "m 3", "m 4"
    ]  # fmt: skip
    assert list(acme.all()) == done[::-1]


def test_invalid_form_affects_no_other(log: AuditLog, acme: AccountLog) -> None:
    done = log.record_forms(
        [
            form(KEY_CREATED, {}),
            form(DEPLOYED, {"model_id": "m-17"}),
            "no object",
            None,
            {"event": KEY_CREATED, "metadata": {}},
            form("account.models.model_aded", {}),
            form(KEY_CREATED, {}),
        ]
    )
    assert [type(each) for each in done] == [Entry, *[ValidationError] * 5, Entry]
    assert [
        (each.event, [problem.path for problem in each.problems])
        for each in done
        if isinstance(each, ValidationError)
    ] == [
        (DEPLOYED, ["metadata.model_name", "metadata.model_type"]),
        ("entry", ["entry"]),
        ("entry", ["entry"]),
        (KEY_CREATED, ["actor"]),
        ("account.models.model_aded", ["event"]),
    ]
    assert [each.entry for each in done if isinstance(each, AuditwrightError)] == [None] * 5
    assert list(acme.all()) == [done[6], done[0]]


def test_only_invalid_forms_store_nothing(log: AuditLog, acme: AccountLog) -> None:
    assert [type(each) for each in log.record_forms([5, {}])] == [ValidationError] * 2
    assert not acme.has_entries()


def test_missing_secret_key_affects_its_entry_only(database: Database) -> None:
    with open_log(database) as log:
        example = log.catalog.events[ASYNC].example
        done = log.record_forms([form(ASYNC, example), form(KEY_CREATED, {})])
        assert [type(each) for each in done] == [SecretKeyMissing, Entry]
        assert log.account("acme").count() == 1


def test_missing_options_come_from_the_context(log: AuditLog) -> None:
    with log.acting(ADA, account_id="other", ip_address="203.0.113.7"):
        (entry,) = log.record_forms([{"event": KEY_CREATED, "metadata": {}}])
    assert isinstance(entry, Entry)
    assert (entry.account_id, entry.actor, entry.ip_address) == ("other", ADA, "203.0.113.7")


def test_entries_of_several_accounts_are_each_in_theirs(log: AuditLog) -> None:
    done = log.record_forms([form(KEY_CREATED, {}, account_id=name) for name in ("b", "a", "b")])
    assert list(log.account("a").all()) == [done[1]]
    assert list(log.account("b").all()) == [done[2], done[0]]


def test_stored_id_returns_the_stored_entry(log: AuditLog, acme: AccountLog) -> None:
    first = record(log, KEY_CREATED, occurred_at=LONG_AGO)
    again = {
        "id": str(first.id), "occurred_at": WHEN, "event": KEY_CREATED, "metadata": {},
        "actor": {"type": "user", "id": "u-17", "name": "Ada Lovelace"},
    }  # fmt: skip
    assert log.record_forms([form(KEY_CREATED, {}), again])[1] == first
    assert acme.count() == 2


def test_duplicate_in_a_batch_is_stored_once(log: AuditLog, acme: AccountLog) -> None:
    one = form(KEY_CREATED, {}, id=an_id(), occurred_at=WHEN)
    first, second = log.record_forms([one, one])
    assert isinstance(first, Entry)
    assert first == second
    assert list(acme.all()) == [first]


def test_a_conflict_is_the_error_of_its_entry_only(log: AuditLog, acme: AccountLog) -> None:
    taken = an_id()
    before = record(log, KEY_CREATED, id=taken, occurred_at=LONG_AGO)
    both = an_id()
    done = log.record_forms(
        [
            form(DEPLOYED, MODEL, id=both, occurred_at=WHEN),
            form(DEPLOYED, MODEL, id=taken, occurred_at=WHEN),
            form(KEY_CREATED, {}, id=both, occurred_at=WHEN),
            form(KEY_CREATED, {}),
        ]
    )
    assert [type(each) for each in done] == [Entry, IdConflict, IdConflict, Entry]
    for conflict, key in ((done[1], DEPLOYED), (done[2], KEY_CREATED)):
        assert isinstance(conflict, IdConflict)
        assert str(conflict) == CONFLICT
        assert conflict.entry is not None
        assert conflict.entry.event == key
    assert sorted(acme.all(), key=lambda entry: entry.id) == sorted(
        [before, *(each for each in done if isinstance(each, Entry))], key=lambda entry: entry.id
    )


def test_all_are_durable_in_one_transaction(log: AuditLog, database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:

        def commits() -> int:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

        before = commits()
        log.record_forms([form(KEY_CREATED, {}) for _ in range(20)])
        assert commits() == before + 1
    assert len(database.rows()) == 20


def test_storage_failure_is_raised_and_stores_nothing(log: AuditLog, database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another transaction is writing") as caught:
            log.record_forms([5, form(KEY_CREATED, {}), form(DEPLOYED, MODEL)])
        other.execute("ROLLBACK")
    assert caught.value.entry is not None
    assert caught.value.entry.event == KEY_CREATED
    assert caught.value.__notes__ == ["none of the 2 entries from this one on is stored"]
    assert database.rows() == []
    assert len(log.record_forms([form(KEY_CREATED, {})])) == 1


def test_failure_during_a_batch_rolls_back_all_of_it(log: AuditLog, database: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER full AFTER INSERT ON audit_entry WHEN NEW.event = "
            f"'{DEPLOYED}' BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    with pytest.raises(StorageError, match="disk is full"):
        log.record_forms([form(KEY_CREATED, {}), form(DEPLOYED, MODEL), form(KEY_CREATED, {})])
    assert database.rows() == []


# As if each had been recorded separately.

IDS = [an_id() for _ in range(3)]
POOL: list[Any] = [
    form(KEY_CREATED, {}),
    form(DEPLOYED, MODEL),
    form(DEPLOYED, MODEL | {"temperature": 9e9}),
    form(DEPLOYED, {}),
    {"event": 5},
    *(form(key, values, id=each, occurred_at=WHEN)
      for each in IDS for key, values in ((KEY_CREATED, {}), (DEPLOYED, MODEL))),
]  # fmt: skip
accounts = itertools.count()


def outcome(done: Entry | AuditwrightError, named: set[str]) -> object:
    entry = done if isinstance(done, Entry) else done.entry
    about = (entry.event, entry.metadata, str(entry.id) if str(entry.id) in named else "") if entry else None
    return type(done), str(done) if isinstance(done, AuditwrightError) else "", about


@given(st.lists(st.sampled_from(POOL), max_size=12), st.lists(st.sampled_from(POOL), max_size=3))
@settings(max_examples=examples(60))
def test_batch_equals_its_entries_recorded_one_by_one(
    log: AuditLog, batch: list[Any], before: list[Any]
) -> None:
    one, many = (f"{kind}-{next(accounts)}" for kind in ("one", "many"))

    def alone(each: Any) -> Entry | AuditwrightError:
        try:
            return log.record_form(each)
        except AuditwrightError as error:
            return error

    for account in (one, many):
        with log.acting(account_id=account):
            for each in before:
                alone(each)
    with log.acting(account_id=one):
        wanted = [outcome(alone(each), set(IDS)) for each in batch]
    with log.acting(account_id=many):
        assert [outcome(each, set(IDS)) for each in log.record_forms(batch)] == wanted
    assert log.account(many).count() == log.account(one).count()


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        anything
        | st.dictionaries(
            st.sampled_from(["id", "event", "metadata", "actor", "occurred_at", "account_id", "ip_address"]),
            anything | st.just(KEY_CREATED),
            max_size=5,
        ),
        max_size=4,
    )
)
@settings(max_examples=examples(80))
def test_every_payload_gets_an_entry_or_an_error(log: AuditLog, given: list[Any]) -> None:
    good = form(KEY_CREATED, {})
    done = log.record_forms([good, *given, good])
    assert len(done) == len(given) + 2
    assert isinstance(done[0], Entry)
    assert isinstance(done[-1], Entry)
    assert all(isinstance(each, (Entry, AuditwrightError)) for each in done)
