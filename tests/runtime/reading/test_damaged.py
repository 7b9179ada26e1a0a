"""Damaged entries: refused where they are inserted, and shown as damaged where they are stored."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.command_line import Auditwright
from tests.support.databases import LONG_AGO, Database, foreign_row, insert_row, open_log

from audit_events import CATALOG
from auditwright import AuditLog, Entry, Filter
from auditwright.ids import make_id, to_microseconds

AT = to_microseconds(LONG_AGO)
NESTED = f'{{"model_id":{"[" * 300}{"]" * 300}}}'

# The parts that are damaged and the changes of a sound row; on PostgreSQL, times are given as its text.
DAMAGED: dict[str, tuple[list[str], dict[str, Any]]] = {
    "time of infinity": (["occurred_at"], {"occurred_at": "infinity"}),
    "time before 1970": (["occurred_at"], {"occurred_at": "1969-12-31 23:59:59+00"}),
    "time after 9999": (["recorded_at"], {"recorded_at": "12000-01-01 00:00:00+00"}),
    "metadata is a list": (["metadata"], {"metadata": "[]"}),
    "metadata is a text": (["metadata"], {"metadata": '"x,y"'}),
    "number of 1e400": (["metadata"], {"metadata": '{"model_id":1e400}'}),
    "nested 300 deep": (["metadata"], {"metadata": NESTED}),
    "metadata of 9 MB": (["metadata"], {"metadata": json.dumps({"model_id": "x" * 9_000_000})}),
    "alterations is a list": (["alterations"], {"alterations": "[]"}),
    "unknown actor type": (["actor"], {"actor_type": "robot"}),
    "user without id": (["actor"], {"actor_id": None}),
    "description of 1 MB": (["texts"], {"description": "x" * 1_000_000}),
    "success with a reason": (["outcome"], {"failure_reason": "no"}),
    "unknown outcome": (["outcome"], {"outcome": "=maybe"}),
    "reason of 301 letters": (["outcome"], {"outcome": "failure", "failure_reason": "x" * 301}),
    "empty reason": (["outcome"], {"outcome": "failure", "failure_reason": ""}),
    "on behalf of a name": (["on_behalf_of"], {"on_behalf_of_name": "Grace"}),
    "on behalf of a type": (["on_behalf_of"], {"on_behalf_of_type": "user"}),
    "on behalf of the system": (["on_behalf_of"], {"on_behalf_of_type": "system", "on_behalf_of_id": "x"}),
    "on behalf of a long name": (
        ["on_behalf_of"],
        {"on_behalf_of_type": "app", "on_behalf_of_id": "a", "on_behalf_of_name": "é" * 2049},
    ),
    "context is a list": (["context"], {"context": "[]"}),
    "context of numbers": (["context"], {"context": '{"request_id":"x","a":{"b":[1]}}'}),
    "context of 17 KB": (["context"], {"context": json.dumps({"user_agent": "x" * 17_000})}),
    "digest of 3 bytes": (["digest"], {"digest": b"abc"}),
    "id of another time": (["id"], {"id": b""}),
}
UNREADABLE_ONLY = {"number of 1e400", "nested 300 deep", "context of numbers"}
"""What no constraint refuses, because finding it costs too much: readers show it as damaged."""
LONG = {"metadata of 9 MB", "description of 1 MB", "context of 17 KB", "on behalf of a long name"}
"""What readers show truncated, and exports whole."""
SQLITE_TAKES = {*UNREADABLE_ONLY, "id of another time"}
SQLITE_TIMES = {
    "infinity": 2**63 - 1,
    "1969-12-31 23:59:59+00": -1_000_000,
    "12000-01-01 00:00:00+00": 316_516_204_800_000_000,
}


def damaged_row(database: Database, name: str) -> dict[str, Any]:
    """One of the damaged rows, between two sound ones."""
    changes = dict(DAMAGED[name][1])
    if name == "id of another time":
        changes["id"] = make_id(AT + 9_000_000)
    if database.engine == "sqlite":
        changes = {column: SQLITE_TIMES.get(value, value) for column, value in changes.items()}
    return foreign_row(CATALOG, occurred_at=LONG_AGO) | changes


def is_stored(database: Database, name: str) -> bool:
    """Whether no constraint refuses it."""
    return name in (SQLITE_TAKES if database.engine == "sqlite" else UNREADABLE_ONLY)


def is_found(database: Database, name: str) -> bool:
    """Whether SQL finds it: PostgreSQL compresses a long text that is stored, and counts what is left."""
    return not is_stored(database, name) and (database.engine, name) != ("postgresql", "metadata of 9 MB")


@pytest.fixture
def log(database: Database) -> Iterator[AuditLog]:
    with open_log(database) as log:
        for minutes in (-1, 1):
            insert_row(database, CATALOG, occurred_at=LONG_AGO + timedelta(minutes=minutes))
        yield log


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_entries_are_refused(database: Database, log: AuditLog, name: str) -> None:
    row = damaged_row(database, name)
    if is_stored(database, name):
        database.insert(row, checked=True)
        return
    with pytest.raises(Exception, match=r"no log writes such an entry|violates check constraint"):
        database.insert(row, checked=True)
    assert log.account("acme").count() == 2


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_entries_are_shown_as_damaged(
    database: Database, log: AuditLog, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    row = damaged_row(database, name)
    database.insert_damaged(row)
    parts = DAMAGED[name][0]
    account = log.account("acme")
    with caplog.at_level(logging.WARNING, "auditwright"):
        page = account.entries()
        assert [entry.damaged for entry in page.entries].count(tuple(parts)) == 1
        assert len([entry for entry in account.all() if not entry.damaged]) == 2
    logged = [each.getMessage() for each in caplog.records if "is damaged" in each.getMessage()]
    assert logged == [
        f"the entry {uuid.UUID(bytes=row['id'])} of the account 'acme' is damaged: {', '.join(parts)}; "
        "`auditwright database check` counts such entries"
    ]
    entry = account.get(uuid.UUID(bytes=row["id"]))
    assert entry is not None
    form = json.loads(json.dumps(entry.to_json()))
    assert form["damaged"] == parts
    assert form["description"].startswith(f"[damaged: {', '.join(parts)}] ")
    assert 1970 <= entry.occurred_at.year <= 9999
    assert isinstance(entry.metadata, dict)
    assert entry.typed is not None
    assert len(json.dumps(form)) < 20_000
    assert entry.actor.type == row["actor_type"]
    # The same entry, found in other ways.
    assert len(account.entries(Filter.parse(["event:is:account.models.model_deployed"])).entries) == 3
    assert len(account.entries(search="one.").entries) == 3 - (name == "description of 1 MB")
    assert account.count(progress=lambda *_: None) == account.count_up_to(10).entries == 3
    assert {actor.id for actor in account.users()} == {"u-17"}


@pytest.mark.parametrize("name", DAMAGED)
def test_exports_have_damaged_entries(database: Database, log: AuditLog, name: str) -> None:
    database.insert_damaged(damaged_row(database, name))
    account = log.account("acme")
    lines = [json.loads(line) for line in b"".join(account.stream("jsonl")).splitlines()]
    mark = f"[damaged: {', '.join(DAMAGED[name][0])}] "
    text = b"".join(account.stream("csv", full=True)).decode()
    assert (len(lines), text.count("\r\n")) == (3, 4)
    marked = int(is_found(database, name))  # a number of 1e400 is JSON all the same
    assert [line.get("damaged") for line in lines].count(DAMAGED[name][0]) == marked
    assert text.count(mark) == marked
    if marked and name not in LONG:
        assert lines == [json.loads(json.dumps(entry.to_json())) for entry in reversed(list(account.all()))]
    parquet = io.BytesIO()
    assert account.export_parquet(parquet) == 3


@pytest.mark.parametrize("name", DAMAGED)
def test_check_counts_damaged_entries(
    database: Database, log: AuditLog, auditwright: Auditwright, name: str
) -> None:
    row = damaged_row(database, name)
    database.insert_damaged(row)
    done = auditwright("database", "check", "--database", database.url, "--format", "json")
    report = json.loads(done.out)
    assert done.code == 1
    found = {each["part"]: (each["entries"], each["example"]["id"]) for each in report["damaged"]}
    example = (1, str(uuid.UUID(bytes=row["id"])))
    assert found == (dict.fromkeys(DAMAGED[name][0], example) if is_found(database, name) else {})
    if name in UNREADABLE_ONLY:
        assert "unreadable" in {each["fault"] for each in report["mismatches"]}


def test_pages_go_on_beyond_ids_of_any_length(database: Database, log: AuditLog) -> None:
    if database.engine == "postgresql":
        return  # its type uuid takes no others
    database.insert_damaged(*(foreign_row(CATALOG) | {"id": each} for each in (b"", b"abc", b"a" * 20)))
    account, after = log.account("acme"), None
    found: list[Entry] = []
    while True:
        page = account.entries(limit=1, after=after)
        found += page.entries
        if page.next is None:
            break
        after = page.next
        assert len(found) <= 5
    assert [entry.damaged for entry in found] == [("id",), ("id",), (), (), ("id",)]
