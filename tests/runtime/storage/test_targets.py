"""The index of the objects that entries identify: the database keeps it, whoever stores an entry."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Database, PostgreSQLServer, insert_damaged, insert_row, open_log
from tests.support.sample_events import ADDED, DEPLOYED, event_of, make_catalog, record

from audit_events import CATALOG
from auditwright import AccountLog, Actor, AuditLog, Filter, FilterError
from auditwright.operations.retention import prune
from auditwright.storage import open_inspection

NOW = datetime.now(UTC)
LEFT_OVER = (
    "SELECT target FROM audit_target WHERE NOT EXISTS (SELECT 1 FROM audit_entry "
    "WHERE audit_entry.account_id = audit_target.account_id AND audit_entry.id = audit_target.id)"
)


def add(log: AuditLog, model: str, days: int = 0, **options: Any) -> None:
    values = CATALOG.events[ADDED].example | {"model_id": model}
    record(log, ADDED, values, occurred_at=NOW - timedelta(days, 1), **options)


def targets(database: Database) -> list[str]:
    return [target for (target,) in database.rows("SELECT target FROM audit_target ORDER BY target")]


@pytest.mark.parametrize(
    "value",
    ["m:17", "a'\"\\ \n;--%s", "m" * 200, "\N{SNOWMAN} \N{GRINNING FACE}", "\\u0041", "$.model_id", " "],
)
def test_any_id_is_found_exactly(log: AuditLog, acme: AccountLog, value: str) -> None:
    add(log, value)
    add(log, value[:-1] + "x")
    (found,) = acme.history("model", value).entries
    assert found.metadata["model_id"] == value
    assert acme.targets(value) == ["model"]


def test_other_writers_are_indexed_by_their_metadata(
    log: AuditLog, acme: AccountLog, database: Database
) -> None:
    for metadata in (
        '{"model_id": "m-1"}',
        '{"model_id": ["m-2", 3, "m-2", true, null, {"a": "b"}, 1.5, ""]}',
    ):
        insert_row(database, CATALOG, event=DEPLOYED, metadata=metadata)
    for metadata in ('{"model_id": {"a": "m-4"}}', f'{{"model_id": "{"m" * 257}"}}', '{"model_ids": "m-5"}'):
        insert_row(database, CATALOG, event=DEPLOYED, metadata=metadata)
    insert_row(database, CATALOG, event="account.gone.thing_done", metadata='{"model_id": "m-6"}')
    insert_damaged(database, CATALOG, event=DEPLOYED, metadata="[]")
    assert targets(database) == ["model:3", "model:m-1", "model:m-2"]
    assert [len(acme.history("model", each).entries) for each in ("m-1", "m-2", "3")] == [1, 1, 1]


def test_a_new_target_field_indexes_stored_entries(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(content: dict[str, Any]) -> None:
        for field in event_of(content, ADDED)["fields"]:
            if field["name"] == "model_id":
                field["target"] = "engine"

    with open_log(database) as log:
        add(log, "m-2", 400)
        add(log, "m-3")
    monkeypatch.syspath_prepend(str(tmp_path))
    with open_log(database, make_catalog(tmp_path, edit)) as log:
        acme = log.account("acme")
        assert len(acme.history("engine", "m-2").entries) == len(acme.history("engine", "m-3").entries) == 1
        add(log, "m-4")
        assert acme.targets("m-4") == ["engine", "model"]  # an object keeps what it was called by before


def test_a_check_says_what_is_not_indexed_yet(log: AuditLog, acme: AccountLog, database: Database) -> None:
    add(log, "m-1")
    if database.engine == "sqlite":
        database.change("UPDATE audit_target_field SET unindexed = 1")
    else:
        database.change("UPDATE audit_target_field SET indexed_from = 'ffffffff-ffff-ffff-ffff-ffffffffffff'")
    with closing(open_inspection(database.url, CATALOG)) as inspection:
        (found,) = (each.what for each in inspection.differences() if "target" in each.what)
    assert found.startswith("targets of stored entries are not indexed yet by ")
    assert len(acme.history("model", "m-1").entries) == 1


def test_a_check_says_which_targets_an_upgrade_adds(postgresql: PostgreSQLServer) -> None:
    database = postgresql.database()
    database.change(
        f"DELETE FROM audit_target_field WHERE field = 'model_id' AND event IN ('{ADDED}', '{DEPLOYED}')"
    )
    with closing(open_inspection(database.url, CATALOG)) as inspection:
        (found,) = inspection.differences()
    assert found.what == (f"targets of stored entries are not indexed yet by model_id of {ADDED} and 1 more")
    assert "database upgrade" in found.hint


@pytest.mark.parametrize("account_id", [None, "acme"])
def test_retention_deletes_targets_with_their_entries(database: Database, account_id: str | None) -> None:
    with open_log(database) as log:
        for number in range(3):
            add(log, f"m-{number}", 800)
        add(log, "m-0")
        add(log, "m-9", 800, account_id="other")
    prune(database.url, CATALOG, NOW - timedelta(days=400), Actor.user("u-1"), account_id=account_id)
    assert database.rows(LEFT_OVER) == []
    assert targets(database) == ["model:m-0", *(["model:m-9"] if account_id else [])]


def test_targets_are_append_only(log: AuditLog, database: Database) -> None:
    add(log, "m-1")
    for statement in ("DELETE FROM audit_target", "UPDATE audit_target SET target = 'model:m-2'"):
        with pytest.raises(Exception, match=r"append-only|no such function"):
            _run_as_anybody(database, statement)
    assert targets(database) == ["model:m-1"]


def _run_as_anybody(database: Database, statement: str) -> None:
    if database.engine == "sqlite":
        with closing(sqlite3.connect(database.name)) as connection:
            connection.execute(statement)
    else:
        database.change(statement)


def test_unknown_types_are_refused_with_the_choices(acme: AccountLog) -> None:
    with pytest.raises(FilterError) as caught:
        acme.entries(Filter.parse(["target:is:modle:m-1"]))
    choices = ", ".join(CATALOG.target_types)
    assert str(caught.value) == (
        f'"modle" is not a type of targets; did you mean "model"? (there are {choices})'
    )
