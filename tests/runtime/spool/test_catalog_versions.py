"""A catalog that changes while entries wait in a spool: another version moves them than has spooled them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Auditwright
from tests.support.databases import PostgreSQLDatabase
from tests.support.sample_events import ASYNC, KEY_CREATED, event_of, make_catalog, record
from tests.support.spools import AWAY, open_with_spool
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AuditLog, Catalog, Entry, SecretKey

pytestmark = pytest.mark.postgresql_only

VALUES = CATALOG.every_event[ASYNC].example


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The next version: tool_id has no column any more, version_id has one, and an event is gone."""

    def edit(content: dict[str, Any]) -> None:
        content["version"] = "1.2.0"
        for level in content["levels"]:
            for category in level["categories"]:
                category["events"] = [each for each in category["events"] if each["key"] != KEY_CREATED]
                for field in (field for event in category["events"] for field in event["fields"]):
                    field.pop("column", None)
                    if field["name"] == "version_id":
                        field["column"] = True
        assert event_of(content, ASYNC)

    monkeypatch.syspath_prepend(str(tmp_path))
    return make_catalog(tmp_path, edit)


@pytest.fixture
def opened(spool: Path, key: SecretKey) -> Callable[[str, Catalog], AuditLog]:
    """Opens a log with the spool and a catalog."""

    def open_one(url: str, catalog: Catalog) -> AuditLog:
        return open_with_spool(url, spool, catalog=catalog, secret_key=key)

    return open_one


def recorded(log: AuditLog) -> list[Entry]:
    """Entries of both kinds of fields, and one of the event that only one version has, if this is it."""
    entries = [record(log, ASYNC, VALUES) for _ in range(3)]
    if log.catalog.event(KEY_CREATED) is not None:
        entries.append(record(log, KEY_CREATED))
    assert all(each.spooled for each in entries)
    return entries


def assert_moved(log: AuditLog, entries: list[Entry], check: Callable[[], None]) -> None:
    """The database has the entries as they were recorded, with digests that are right."""
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().refused == 0
    found = {each.id: each.to_json() for each in log.account("acme").all()}
    assert found == {each.id: each.to_json() for each in entries}
    page = log.account("acme").entries(limit=100)
    assert [each.id for each in page.entries] == [each.id for each in reversed(entries)]
    check()


@pytest.fixture
def check(auditwright: Auditwright, database: PostgreSQLDatabase) -> Callable[[], None]:
    def run() -> None:
        done = auditwright("database", "check", "--database", database.url)
        assert done.code == 0, done.out

    return run


def test_a_newer_version_moves_what_an_older_one_spooled(
    database: PostgreSQLDatabase,
    opened: Callable[[str, Catalog], AuditLog],
    newer: Catalog,
    check: Callable[[], None],
) -> None:
    with opened(AWAY, CATALOG) as log:
        entries = recorded(log)
    database.prepare(newer)
    with opened(database.url, newer) as log:
        assert_moved(log, entries, check)


@pytest.mark.parametrize("is_upgraded", [False, True])
def test_an_older_version_moves_what_a_newer_one_spooled(
    database: PostgreSQLDatabase,
    opened: Callable[[str, Catalog], AuditLog],
    newer: Catalog,
    check: Callable[[], None],
    is_upgraded: bool,
) -> None:
    """The deployment of the newer version is taken back, before or after it has upgraded the database."""
    with opened(AWAY, newer) as log:
        entries = recorded(log)
    if is_upgraded:
        database.prepare(newer)
    with opened(database.url, CATALOG) as log:
        assert_moved(log, entries, check)


def test_two_versions_share_a_spool(
    database: PostgreSQLDatabase,
    opened: Callable[[str, Catalog], AuditLog],
    newer: Catalog,
    check: Callable[[], None],
) -> None:
    """As in a deployment that replaces one process after the other while the database is away."""
    with opened(AWAY, CATALOG) as old:
        entries = recorded(old)
        with opened(AWAY, newer) as new:
            entries += recorded(new) + recorded(old) + recorded(new)
    database.prepare(newer)
    with opened(database.url, newer) as log:
        assert_moved(log, entries, check)
