"""The recorded events of an account, which are the choices of a filter."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database, insert_row, open_log
from tests.support.sample_events import ADDED, ASYNC, DEPLOYED, event_of, make_catalog, record

from audit_events import CATALOG
from auditwright import AuditLog

OF_YESTERDAY = "account.models.model_archived"


def record_example(log: AuditLog, key: str, **options: Any) -> None:
    record(log, key, log.catalog.events[key].example, **options)


def test_an_empty_account_has_no_events(log: AuditLog) -> None:
    assert log.account("acme").events() == []


def test_events_are_those_that_the_account_has_entries_of(log: AuditLog) -> None:
    for key, account_id in ((ADDED, "acme"), (ASYNC, "acme"), (ASYNC, "acme"), (DEPLOYED, "globex")):
        record_example(log, key, account_id=account_id)
    assert log.account("acme").events() == [ADDED, ASYNC]
    assert log.account("globex").events() == [DEPLOYED]
    assert log.account("initech").events() == []


def test_event_is_listed_after_its_first_entry(log: AuditLog) -> None:
    account = log.account("acme")
    assert account.events() == []
    record_example(log, ASYNC)
    assert account.events() == [ASYNC]


def test_events_include_those_removed_from_the_catalog(database: Database, log: AuditLog) -> None:
    record_example(log, ASYNC)
    insert_row(database, CATALOG, event=OF_YESTERDAY)
    assert log.account("acme").events() == [OF_YESTERDAY, ASYNC]


def test_former_key_is_shown_as_stored(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    catalog = make_catalog(
        tmp_path, lambda content: event_of(content, ADDED).update(aliases=["account.models.added"])
    )
    with open_log(database, catalog) as log:
        insert_row(database, catalog, event="account.models.added")
        assert log.account("acme").events() == ["account.models.added"]
