"""Pages, and cursors that are bound to their selection."""

import base64
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, KEY_CREATED, LONG_AGO, any_text, form, record

from auditwright import AccountLog, Actor, AuditLog, Condition, Entry, Filter, FilterError
from auditwright.storage import scan
from auditwright.storage.postgresql import queries
from auditwright.storage.postgresql import scan as postgresql_scan
from auditwright.storage.sqlite import queries as sqlite_queries

NO_CURSOR = "the cursor is invalid; start again from the first page"
OTHER = "the cursor belongs to another account, filter, time range or search; start again from the first page"


def record_some(log: AuditLog, count: int) -> list[Entry]:
    """A number of entries, newest first."""
    return [record(log, KEY_CREATED) for _ in range(count)][::-1]


def test_a_page_is_newest_first_and_the_last_one_has_no_next(log: AuditLog, acme: AccountLog) -> None:
    entries = record_some(log, 5)
    first = acme.entries(limit=3)
    assert list(first.entries) == entries[:3]
    assert first.next is not None
    second = acme.entries(limit=3, after=first.next)
    assert list(second.entries) == entries[3:]
    assert second.next is None


def test_exactly_full_last_page_has_no_next(log: AuditLog, acme: AccountLog) -> None:
    record_some(log, 3)
    assert acme.entries(limit=3).next is None


def test_an_empty_account_has_an_empty_page(acme: AccountLog) -> None:
    page = acme.entries()
    assert (page.entries, page.next) == ((), None)


def test_a_page_may_hold_1000_entries(log: AuditLog, acme: AccountLog) -> None:
    with log.acting(ADA):
        log.record_many(form(KEY_CREATED, {}) for _ in range(1001))
    page = acme.entries(limit=1000)
    assert len(page.entries) == 1000
    assert len(acme.entries(limit=1000, after=page.next).entries) == 1


def test_entries_added_meanwhile_are_not_on_later_pages(log: AuditLog, acme: AccountLog) -> None:
    entries = record_some(log, 4)
    page = acme.entries(limit=2)
    record_some(log, 3)
    assert list(acme.entries(limit=2, after=page.next).entries) == entries[2:]


def test_entry_of_an_earlier_time_added_meanwhile_is_found(log: AuditLog, acme: AccountLog) -> None:
    entries = record_some(log, 4)
    page = acme.entries(limit=2)
    late = record(log, KEY_CREATED, occurred_at=LONG_AGO)
    assert list(acme.entries(limit=9, after=page.next).entries) == [*entries[2:], late]


def test_a_cursor_is_good_after_the_log_was_opened_again(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    entries = record_some(log, 4)
    after = acme.entries(limit=2).next
    log.close()
    with open_log(database) as again:
        assert list(again.account("acme").entries(limit=2, after=after).entries) == entries[2:]


def test_a_cursor_is_opaque_and_fits_a_url(log: AuditLog, acme: AccountLog) -> None:
    record_some(log, 3)
    after = acme.entries(limit=1).next
    assert after is not None
    assert set(after) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_cursor_of_another_filter_or_range_is_refused(log: AuditLog, acme: AccountLog) -> None:
    record_some(log, 3)
    where = Filter.parse(["user:is:u-17"])
    after = acme.entries(where, limit=1).next
    assert after is not None
    assert acme.entries(where, limit=1, after=after).entries
    others: list[dict[str, Any]] = [
        {},
        {"where": Filter.parse(["user:is:u-18"])},
        {"where": Filter.parse(["user:is_not:u-17"])},
        {"where": Filter.parse(["user:is:u-17"], match="any")},
        {"where": where, "since": LONG_AGO},
        {"where": where, "until": LONG_AGO + timedelta(days=9000)},
        {"where": where, "search": "key"},
    ]
    for other in others:
        with pytest.raises(FilterError) as caught:
            acme.entries(limit=1, after=after, **other)
        assert str(caught.value) == OTHER


def test_a_cursor_of_a_search_is_for_that_search_only(log: AuditLog, acme: AccountLog) -> None:
    entries = record_some(log, 3)
    after = acme.entries(limit=1, search="created an").next
    assert list(acme.entries(limit=2, search="created an", after=after).entries) == entries[1:]
    for other in (None, "created a", "CREATED AN"):
        with pytest.raises(FilterError) as caught:
            acme.entries(limit=1, search=other, after=after)
        assert str(caught.value) == OTHER


def test_a_cursor_tells_since_from_until(log: AuditLog, acme: AccountLog) -> None:
    record_some(log, 3)
    after = acme.entries(limit=1, since=LONG_AGO).next
    with pytest.raises(FilterError, match="another account, filter, time range or search"):
        acme.entries(limit=1, until=LONG_AGO, after=after)


def test_a_cursor_is_bound_to_the_range_whatever_the_zone(log: AuditLog, acme: AccountLog) -> None:
    record_some(log, 3)
    after = acme.entries(limit=1, since=LONG_AGO).next
    assert acme.entries(limit=1, since=LONG_AGO.astimezone(), after=after).entries


def test_an_export_goes_on_after_a_cursor(log: AuditLog, acme: AccountLog, tmp_path: Path) -> None:
    record_some(log, 5)
    after = acme.entries(limit=2).next
    assert acme.export_csv(tmp_path / "rest.csv", after=after) == 3
    assert acme.export_csv(tmp_path / "two.csv", after=after, limit=2) == 2


@pytest.mark.parametrize("cursor", ["", "x", "!", "é", "AAAA", 5, b"AAAA", "A" * 33])
def test_invalid_cursor_is_refused(acme: AccountLog, cursor: Any) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(after=cursor)
    assert str(caught.value) == NO_CURSOR


@given(any_text(40) | st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode()))
@example("A" * 32)
@settings(max_examples=examples(100))
def test_any_text_but_a_cursor_is_refused(acme: AccountLog, cursor: str) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(after=cursor)
    assert str(caught.value) in (NO_CURSOR, OTHER)


@pytest.mark.sqlite_only
def test_misspelt_selection_is_refused_with_the_nearest_name(acme: AccountLog) -> None:
    calls: list[Any] = [acme.entries, acme.all, acme.count, partial(acme.count_up_to, 10)]
    for call in calls:
        with pytest.raises(TypeError) as caught:
            list(call(untill=None))
        assert str(caught.value) == "unexpected keyword argument 'untill'; did you mean \"until\"?"


@pytest.mark.postgresql_only
def test_entries_that_are_looked_up_take_more_of_the_budget(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SCAN_BUDGET", "SCATTERED_SCAN_BUDGET"):
        monkeypatch.setattr(scan, name, 30)
    monkeypatch.setattr(postgresql_scan, "ROUND_COST", 0)
    monkeypatch.setattr(queries, "FEW_ENTRIES", 1)
    event = log.catalog.event("account.models.model_deployed")
    assert event is not None
    with log.acting(ADA):
        log.record_many(form(event.key, event.example) for _ in range(20))
    about = Condition("target", "is", f"model:{event.example['model_id']}")
    # The objects of entries and their users are in one table, their outcomes in another.
    by_user = acme.entries(Filter("all", (about, Condition("user", "is_not", "somebody"))))
    assert by_user.scanned_to is None
    by_outcome = acme.entries(Filter("all", (about, Condition("outcome", "is", "failure"))))
    assert by_outcome.scanned_to is not None


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["target:is:model:m-17", "user:is:u-few"], 2),
        (["target:is:model:m-17", "on_behalf_of:is:u-once"], 1),
        (["on_behalf_of:is:u-often", "user:is:u-few"], 1),
        (["target:is:model:m-17", "on_behalf_of:is:u-often", "user:is:u-few"], 1),
        (["target:is:model:m-17", "user:is:u-none"], 0),
    ],
)
def test_the_value_with_few_entries_leads_to_the_page(
    log: AuditLog, acme: AccountLog, monkeypatch: pytest.MonkeyPatch, texts: list[str], found: int
) -> None:
    event = log.catalog.events["account.models.model_deployed"]
    values = {**event.example, "model_id": "m-17"}

    def add(count: int, actor: str, on_behalf_of: str) -> list[Entry]:
        persons = {"actor": Actor.user(actor), "on_behalf_of": Actor.user(on_behalf_of)}
        return [record(log, event.key, values, **persons) for _ in range(count)]

    few = [*add(1, "u-few", "u-once"), *add(1, "u-few", "u-often")]
    add(20, "u-many", "u-often")
    for module in (queries, sqlite_queries):
        monkeypatch.setattr(module, "FEW_ENTRIES", 3)
    for name in ("SCAN_BUDGET", "SCATTERED_SCAN_BUDGET"):
        monkeypatch.setattr(scan, name, 5)
    page = acme.entries(Filter.parse(texts))
    assert page.scanned_to is None
    assert len(page.entries) == found
    assert set(page.entries) <= set(few)
