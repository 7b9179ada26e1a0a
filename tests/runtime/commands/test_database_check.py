"""`auditwright database check` on SQLite: the report, hostile content, and that it changes nothing."""

# ruff: noqa: F401, F811 - fixtures of another module are imported, and their names are arguments

import itertools
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Auditwright, CommandResult
from tests.support.sample_events import change, insert_row, rows
from tests.support.shops import (
    ARCHIVED,
    CREATED,
    LOST,
    PAID,
    PLACED,
    RETURNED_1,
    RETURNED_2,
    SHIPPED,
    START,
    Shops,
    open_shop,
    record_each,
    record_example,
    shops,
)

from audit_events import CATALOG
from auditwright import Entry
from auditwright.operations.check import MAX_MISMATCHES

HOUR = timedelta(hours=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def old(path: Path, shops: Shops) -> list[Entry]:
    """Entries of catalog version 1: one of each event, and some more in another account."""
    with open_shop(path, shops.v1) as log:
        made = record_each(log)
        made.append(record_example(log, LOST, START + 2 * HOUR, account_id="globex"))
        made.append(
            record_example(log, PAID, START + 3 * HOUR, account_id="globex", method="cash", card_token=None)
        )
        made.append(record_example(log, PLACED, START + 4 * HOUR, amount=5, coupon=None))
    return made


@pytest.fixture
def both(path: Path, shops: Shops, old: list[Entry]) -> list[Entry]:
    """Entries of both catalog versions."""
    with open_shop(path, shops.v2) as log:
        return old + record_each(log, START + HOUR)


def check(auditwright: Auditwright, *options: str, version: int = 2) -> CommandResult:
    return auditwright("database", "check", "--catalog-package", f"shop_v{version}_events", *options)


def report(auditwright: Auditwright, *options: str, version: int = 2) -> dict[str, Any]:
    done = check(auditwright, "--format", "json", *options, version=version)
    assert done.err == ""
    found: dict[str, Any] = json.loads(done.out)
    assert done.code == (0 if found["covered"] and not found["differences"] and not found["changed"] else 1)
    return found


HINT = (
    "put the event back into the catalog with deprecated:, or its key among the aliases: of the event that "
    "took its place"
)
NEWER = "recorded under a newer catalog than this one: check with that one"


def forge(path: Path, *entries: Entry) -> None:
    """Change the descriptions of entries, as whoever may write to the file can."""
    ((trigger,),) = rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'audit_entry_no_update'")
    ids = ", ".join(f"x'{entry.id.hex}'" for entry in entries)
    forged = f"UPDATE audit_entry SET description = 'forged' WHERE id IN ({ids})"
    change(path, "DROP TRIGGER audit_entry_no_update", forged, trigger)


# --- the report -------------------------------------------------------------------------------------


def test_reports_uncovered_entries_with_hints(
    auditwright: Auditwright, path: Path, both: list[Entry]
) -> None:
    placed, paid = both[0].id, both[1].id
    done = check(auditwright)
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        f"{path}: 14 entries, against shop_v2_events 2.0.0",
        "",
        "Events that are not in the catalog",
        f"  {LOST}: 2 entries of 2 accounts, 2026-01-02 03:04:09 to 2026-01-02 05:04:05 (UTC), "
        "the last under 1.0.0",
        f"    {HINT}",
        "",
        "Metadata that does not match its event",
        f"  {CREATED}: metadata.amount is not an integer of at least 0 and at most 500: 1 entry, {placed} "
        "of the account acme",
        "    allow again the values that the field allowed then",
        f"  {CREATED}: metadata.coupon is not a field of the event: 1 entry, {placed} of the account acme",
        "    put the field back into the event, with deprecated: and required: false",
        f"  {PAID}: metadata.receipt_id is missing, expected a string: 2 entries, such as {paid} "
        "of the account acme",
        "    make the field optional again, by required: false",
        "",
        "Entries under an alias",
        f"  {PLACED}: 2 entries, now {CREATED}",
        f"  {RETURNED_1}: 1 entry, now {RETURNED_2}",
        "",
        "Versions of the catalog",
        "  1.0.0: 8 entries",
        "  2.0.0: 6 entries",
        "",
        "Not covered: 2 entries of 1 event that the catalog lacks "
        "and 3 entries with metadata that does not match.",
    ]


def test_changed_entries_are_reported_with_an_example(
    auditwright: Auditwright, path: Path, old: list[Entry]
) -> None:
    before = check(auditwright, version=1)
    assert before.code == 0
    forge(path, old[0])
    done = check(auditwright, version=1)
    assert (done.code, done.err) == (1, "")
    hint = "Auditwright changes no entry: find out what did, and compare with a backup or an export"
    start, _, last = before.out.partition("\nVersions of the catalog\n")
    assert done.out == (
        f"{start}\nEntries that were changed after they were recorded\n"
        f"  1 entry, {old[0].id} of the account acme\n    {hint}\n"
        f"\nVersions of the catalog\n{last}Changed: 1 entry.\n"
    )
    forge(path, *old[:3])
    assert "  3 entries, such as " in check(auditwright, version=1).out
    found = report(auditwright, version=1)
    assert found["changed"]["entries"] == 3
    assert found["changed"]["hint"] == hint
    example = found["changed"]["example"]
    assert example["account_id"] == "acme"
    assert example["id"] in [str(entry.id) for entry in old[:3]]
    fast = report(auditwright, "--events-only", version=1)
    assert (fast["changed"], fast["without_row_digest"]) == (None, None)


def test_file_from_before_row_digests_is_checked_and_upgraded(
    auditwright: Auditwright, path: Path, shops: Shops, old: list[Entry]
) -> None:
    change(path, "ALTER TABLE audit_entry DROP COLUMN row_digest")
    done = check(auditwright, version=1)
    assert done.code == 1  # a column is missing
    assert (
        "\n  the column audit_entry.row_digest is missing\n    the next AuditLog.open makes it anew\n"
        in done.out
    )
    missing = "\nEntries without a row digest\n  {}, stored before Auditwright had it or by another program\n"
    assert missing.format(f"{len(old)} entries") in done.out
    with open_shop(path, shops.v1) as log:
        earlier = log.account("acme").get(old[0].id)
        assert earlier is not None
        assert earlier.row_digest is None
        added = record_example(log, PAID, START + 5 * HOUR)
        assert log.account("acme").get(added.id) == added
    done = check(auditwright, version=1)
    assert done.code == 0
    assert missing.format(f"{len(old)} entries") in done.out


def test_json_report_has_every_finding(auditwright: Auditwright, path: Path, both: list[Entry]) -> None:
    amount = {"account_id": "acme", "id": str(both[0].id)}
    assert report(auditwright) == {
        "database": str(path),
        "catalog": {"package": "shop_v2_events", "version": "2.0.0"},
        "account_id": None,
        "covered": False,
        "entries": 14,
        "unknown_events": [
            {
                "event": LOST,
                "entries": 2,
                "accounts": 2,
                "first": "2026-01-02T03:04:09.000000Z",
                "last": "2026-01-02T05:04:05.000000Z",
                "catalog_version": "1.0.0",
                "hint": HINT,
            }
        ],
        "mismatches": [
            {
                "event": CREATED,
                "path": "metadata.amount",
                "fault": "value",
                "expected": "an integer of at least 0 and at most 500",
                "entries": 1,
                "example": amount,
                "hint": "allow again the values that the field allowed then",
            },
            {
                "event": CREATED,
                "path": "metadata.coupon",
                "fault": "unknown",
                "expected": "no such field",
                "entries": 1,
                "example": amount,
                "hint": "put the field back into the event, with deprecated: and required: false",
            },
            {
                "event": PAID,
                "path": "metadata.receipt_id",
                "fault": "missing",
                "expected": "a string",
                "entries": 2,
                "example": {"account_id": "acme", "id": str(both[1].id)},
                "hint": "make the field optional again, by required: false",
            },
        ],
        "mismatched_entries": 3,
        "aliases": [
            {"key": PLACED, "event": CREATED, "entries": 2},
            {"key": RETURNED_1, "event": RETURNED_2, "entries": 1},
        ],
        "versions": [
            {"version": "1.0.0", "entries": 8, "newer": False, "differs": False},
            {"version": "2.0.0", "entries": 6, "newer": False, "differs": False},
        ],
        "views": {"missing": [], "different": [], "newer": False},
        "damaged": [],
        "changed": None,
        "without_row_digest": 0,
        "differences": [],
    }


def test_covered_database_has_exit_code_zero(auditwright: Auditwright, path: Path, old: list[Entry]) -> None:
    done = check(auditwright, version=1)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{path}: 8 entries, against shop_v1_events 1.0.0",
        "",
        "Versions of the catalog",
        "  1.0.0: 8 entries",
        "",
        "Covered: all entries.",
    ]


def test_entries_under_an_alias_are_covered(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    with open_shop(path, shops.v1) as log:
        record_example(log, RETURNED_1, START)
    done = check(auditwright)
    assert (done.code, done.err) == (0, "")
    assert f"  {RETURNED_1}: 1 entry, now {RETURNED_2}\n" in done.out
    assert done.out.endswith("\nCovered: all entries.\n")


def test_views_of_an_unopened_catalog_are_missing(auditwright: Auditwright, old: list[Entry]) -> None:
    assert report(auditwright)["views"] == {
        "missing": [
            "store_orders_order_created",
            "store_orders_order_shipped",
            "store_returns_order_returned",
        ],
        "different": ["store_orders_order_paid"],
        "newer": False,
    }
    assert check(auditwright).out.splitlines()[-6:-2] == [
        "",
        "Views",
        "  outdated, updated by opening a log: store_orders_order_paid",
        "  missing, created by opening a log: store_orders_order_created, "
        "store_orders_order_shipped, store_returns_order_returned",
    ]


def test_older_catalog_reports_the_newer_version(
    auditwright: Auditwright, path: Path, both: list[Entry], shops: Shops
) -> None:
    found = report(auditwright, version=1)
    assert [(each["event"], each["hint"]) for each in found["unknown_events"]] == [
        (CREATED, NEWER),
        (SHIPPED, NEWER),
        (RETURNED_2, NEWER),
    ]
    assert [(each["event"], each["path"], each["fault"], each["hint"]) for each in found["mismatches"]] == [
        (PAID, "metadata.loyalty", "unknown", NEWER),
        (PAID, "metadata.method", "value", NEWER),
        (PAID, "metadata.receipt_id", "unknown", NEWER),
    ]
    assert found["versions"][1] == {"version": "2.0.0", "entries": 6, "newer": True, "differs": False}
    assert found["views"] == {"missing": [], "different": ["store_orders_order_paid"], "newer": True}
    lines = check(auditwright, version=1).out.splitlines()
    assert lines[-6:-2] == [
        "  2.0.0: 6 entries (newer than the catalog)",
        "",
        "Views",
        "  those of a newer catalog; they are left alone",
    ]


def test_account_option_limits_the_check(auditwright: Auditwright, path: Path, both: list[Entry]) -> None:
    done = check(auditwright, "--account", "globex")
    assert done.code == 1
    assert done.out.splitlines()[:5] == [
        f"{path}: 2 entries of the account globex, against shop_v2_events 2.0.0",
        "",
        "Events that are not in the catalog",
        f"  {LOST}: 1 entry of 1 account, 2026-01-02 05:04:05 (UTC), the last under 1.0.0",
        f"    {HINT}",
    ]
    found = report(auditwright, "--account", "globex")
    assert (found["account_id"], found["entries"], found["mismatched_entries"]) == ("globex", 2, 1)
    assert found["versions"][0]["entries"] == 2
    assert report(auditwright, "--account", "nobody")["covered"]
    assert report(auditwright, "--account", "no\udcff\0body")["account_id"] == "no\ufffd\ufffdbody"
    assert check(auditwright, "--account", "nobody").out.endswith("\nCovered: there are no entries.\n")


def test_account_of_the_environment_is_ignored(
    auditwright: Auditwright, both: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITWRIGHT_ACCOUNT", "globex")
    assert report(auditwright)["entries"] == 14


def test_events_only_does_not_read_metadata(
    auditwright: Auditwright, path: Path, both: list[Entry], shops: Shops
) -> None:
    found = report(auditwright, "--events-only")
    assert (found["mismatches"], found["mismatched_entries"]) == (None, None)
    assert [each["event"] for each in found["unknown_events"]] == [LOST]
    assert [each["entries"] for each in found["versions"]] == [None, None]
    lines = check(auditwright, "--events-only").out.splitlines()
    assert lines[-5:] == [
        "Versions of the catalog",
        "  1.0.0",
        "  2.0.0",
        "",
        "Not covered: 2 entries of 1 event that the catalog lacks; metadata was not read.",
    ]
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT account_id, event, count(*), min(id), max(id) FROM audit_entry "
            "GROUP BY account_id, event"
        ).fetchall()
    assert [row[3] for row in plan] == ["SCAN audit_entry USING COVERING INDEX audit_entry_event"]


def test_same_version_with_other_content_is_reported(
    auditwright: Auditwright, path: Path, old: list[Entry]
) -> None:
    change(path, "UPDATE audit_catalog SET json = '{}' WHERE version = '1.0.0'")
    assert report(auditwright, version=1)["versions"][0]["differs"]
    assert (
        "  1.0.0: 8 entries (same version, other content: change the version with the catalog)"
        in check(auditwright, version=1).out.splitlines()
    )


# --- each fault ------------------------------------------------------------------------------------------

PAID_2 = {"order_id": "o", "method": "cash", "till": "t", "receipt_id": "r"}
TOKEN = "hmac-sha256:k1:" + 64 * "0"
FAULTS = [
    ({**PAID_2, "paid_at": "soon"}, "value", "is not an RFC 3339 time such as 2026-01-02T03:04:05Z"),
    ({**PAID_2, "loyalty": "many"}, "value", "is not an integer"),
    ({**PAID_2, "card_token": TOKEN}, "condition", "should be nothing unless method is card"),
    ({**PAID_2, "method": "card"}, "condition", "should be a string, because method is card"),
    ({**PAID_2, "method": "card", "card_token": "pa55"}, "in plain", "is stored in plain text, but secret"),
    ({**PAID_2, "surplus": 1}, "unknown", "is not a field of the event"),
    ({**PAID_2, "order_id": None}, "value", "is not a string of 1 to 40 characters"),
]


@pytest.mark.parametrize(
    ("metadata", "fault", "text"), FAULTS, ids=[f"{each[1]} {each[2]}" for each in FAULTS]
)
def test_each_fault_has_its_text(
    auditwright: Auditwright, path: Path, shops: Shops, metadata: dict[str, Any], fault: str, text: str
) -> None:
    open_shop(path, shops.v2).close()
    insert_row(path, shops.v2, event=PAID, metadata=json.dumps(metadata), catalog_version="1.5.0")
    (mismatch,) = report(auditwright)["mismatches"]
    assert mismatch["fault"] == fault
    out = check(auditwright).out
    assert f": {mismatch['path']} {text}: 1 entry, " in out
    assert f"\n    {mismatch['hint']}\n" in out


@pytest.mark.parametrize(
    "text", ["no json", "[]", "5", "null", '"text"', "", "{", '{"a": "\\ud800"}', "[" * 5000]
)
def test_metadata_that_is_not_an_object_is_a_fault(
    auditwright: Auditwright, path: Path, shops: Shops, text: str
) -> None:
    open_shop(path, shops.v2).close()
    row = insert_row(path, shops.v2, event=ARCHIVED, metadata=text)
    (mismatch,) = report(auditwright)["mismatches"]
    assert mismatch == {
        "event": ARCHIVED,
        "path": "metadata",
        "fault": "unreadable",
        "expected": "a JSON object",
        "entries": 1,
        "example": {"account_id": "acme", "id": str(Entry(shops.v2, tuple(row.values())).id)},
        "hint": "Auditwright did not write this: find out what did",
    }


def test_columns_are_checked_as_metadata(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    with open_shop(path, shops.v2) as log:
        record_example(log, PAID, START)
        record_example(log, SHIPPED, START)
    assert report(auditwright)["covered"]
    insert_row(path, shops.v2, event=ARCHIVED, metadata='{"order_id": "o"}', till="t-1")
    assert [each["path"] for each in report(auditwright)["mismatches"]] == ["metadata.till"]
    # Version 1 has no column for the region but still checks it.
    assert "metadata.region" not in [each["path"] for each in report(auditwright, version=1)["mismatches"]]
    insert_row(path, shops.v2, event=ARCHIVED, metadata='{"order_id": "o"}', region="north")
    assert "metadata.region" in [each["path"] for each in report(auditwright, version=1)["mismatches"]]


def test_truncated_and_sanitized_values_match(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    open_shop(path, shops.v2).close()
    row = {"event": ARCHIVED, "metadata": json.dumps({"order_id": "o" * 50})}
    insert_row(path, shops.v2, **row, alterations='{"metadata.order_id": {"length": 9000}}')
    assert report(auditwright)["covered"]
    for other in ('{"metadata.note": {}}', "[]", "5", "no json"):
        insert_row(path, shops.v2, **row, alterations=other)
    assert report(auditwright)["mismatched_entries"] == 4


def test_report_shows_no_value(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    open_shop(path, shops.v2).close()
    values = {"order_id": "ORDER" * 20, "amount": "AMOUNT", "buyer": "BUYER", "surplus": "SURPLUS"}
    insert_row(
        path, shops.v2, event=CREATED, metadata=json.dumps(values), description="SAID", actor_name="NAME"
    )
    values = {**PAID_2, "method": "METHOD", "card_token": "TOKEN"}
    insert_row(path, shops.v2, event=PAID, metadata=json.dumps(values), ip_address="192.0.2.99")
    for options in ((), ("--format", "json")):
        done = check(auditwright, *options)
        assert done.code == 1
        for word in ("ORDER", "AMOUNT", "BUYER", "SURPLUS", "SAID", "NAME", "METHOD", "TOKEN", "192.0.2.99"):
            assert word not in done.out + done.err


# --- hostile contents ------------------------------------------------------------------------------------


def test_hostile_keys_are_escaped(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    open_shop(path, shops.v2).close()
    for number, key in enumerate(("\x1b[2Jstore", "store.\nforged: 0 entries", "", "x" * 5000, "a\0b")):
        insert_row(
            path,
            shops.v2,
            event=key,
            account_id=f"\x1b]0;{number}",
            catalog_version="²\x1b[31m",
            metadata="{}",
        )
    done = check(auditwright)
    assert (done.code, done.err) == (1, "")
    assert not [character for character in done.out if ord(character) < 32 and character != "\n"]
    assert (
        "\n  \\x1b[2Jstore: 1 entry of 1 account, 2024-05-06 07:08:09 (UTC), the last under ²\\x1b[31m\n"
        in done.out
    )
    assert "\n  store.\\nforged: 0 entries: 1 entry of 1 account, " in done.out
    assert f"\n  {'x' * 197}…: 1 entry" in done.out
    assert "Not covered: 5 entries of 5 events that the catalog lacks." in done.out
    keys = [each["event"] for each in report(auditwright)["unknown_events"]]
    assert keys == sorted(["\x1b[2Jstore", "store.\nforged: 0 entries", "", "x" * 5000, "a\0b"])


def test_invalid_utf_8_is_shown_as_replacement_character(
    auditwright: Auditwright, path: Path, shops: Shops
) -> None:
    with open_shop(path, shops.v2) as log:
        record_example(log, ARCHIVED, START)
    change(path, "DROP TRIGGER audit_entry_sound")
    bad = "CAST(x'ff' AS TEXT)"
    for number, changed in enumerate(
        ("account_id", "event", "metadata", "catalog_version", "till", "alterations")
    ):
        names = [row[1] for row in rows(path, "PRAGMA table_info(audit_entry)")]
        values = [bad if each == changed else f"x'{number:032x}'" if each == "id" else each for each in names]
        change(
            path,
            f"INSERT INTO audit_entry SELECT {', '.join(values)} FROM audit_entry LIMIT 1",
        )
    found = report(auditwright)
    assert found["entries"] == 7
    assert [each["event"] for each in found["unknown_events"]] == ["\ufffd"]
    assert {each["fault"] for each in found["mismatches"]} == {"unreadable", "unknown"}
    assert sorted(each["version"] for each in found["versions"]) == ["2.0.0", "\ufffd"]
    assert check(auditwright).code == 1


def test_foreign_ids_and_times_are_reported(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    open_shop(path, shops.v2).close()
    change(path, "DROP TRIGGER audit_entry_no_update")
    for entry_id, moment in ((b"", 0), (b"\xff" * 40, 2**62), (b"\0", -(2**62))):
        insert_row(path, shops.v2, id=entry_id, event=LOST)
        insert_row(path, shops.v2, id=entry_id + b"1", event=ARCHIVED)
        change(path, f"UPDATE audit_entry SET occurred_at = {moment} WHERE id = x'{entry_id.hex()}'")
    found = report(auditwright)
    (lost,) = found["unknown_events"]
    assert (lost["first"], lost["last"]) == ("1970-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z")
    (mismatch,) = found["mismatches"]
    assert mismatch["entries"] == 3
    assert check(auditwright).code == 1


def test_flood_of_field_names_is_counted_by_event(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    open_shop(path, shops.v2).close()
    names = {f"f_{number:05}": 1 for number in range(MAX_MISMATCHES + 500)}
    insert_row(path, shops.v2, event=ARCHIVED, metadata=json.dumps({"order_id": "o", **names}))
    found = report(auditwright)["mismatches"]
    assert len(found) == MAX_MISMATCHES + 1
    assert found[0]["path"] == "metadata"
    assert found[0]["entries"] == 500
    lines = check(auditwright).out.splitlines()
    assert f"  and {MAX_MISMATCHES + 1 - 50} more; --format json lists all" in lines
    assert lines[-1] == "Not covered: 1 entry with metadata that does not match."


# --- databases that cannot be checked, and that nothing changes -----------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_check_changes_no_file(auditwright: Auditwright, tmp_path: Path, old: list[Entry]) -> None:
    before = contents(tmp_path)
    assert list(before) == ["audit.db"]
    for version in (1, 2):
        check(auditwright, version=version)
    assert contents(tmp_path) == before


def test_check_runs_while_a_service_writes(
    auditwright: Auditwright, path: Path, old: list[Entry], shops: Shops
) -> None:
    with open_shop(path, shops.v1) as log, closing(sqlite3.connect(path, isolation_level=None)) as other:
        record_example(log, ARCHIVED, START + 9 * HOUR)
        other.execute("BEGIN IMMEDIATE")
        assert report(auditwright, version=1)["entries"] == 9
        other.execute("ROLLBACK")
        record_example(log, ARCHIVED, START + 9 * HOUR)
        assert report(auditwright, version=1)["entries"] == 10
    assert rows(path, "SELECT count(*) FROM audit_entry") == [(10,)]


def test_entries_of_a_killed_service_are_read(
    auditwright: Auditwright, tmp_path: Path, path: Path, old: list[Entry], shops: Shops
) -> None:
    with open_shop(path, shops.v1) as log:
        record_example(log, ARCHIVED, START + 9 * HOUR)
        left = contents(tmp_path)
    for name in ("audit.db", "audit.db-wal"):
        (tmp_path / name).write_bytes(left[name])
    assert report(auditwright, version=1)["entries"] == 9
    assert contents(tmp_path)["audit.db-wal"] == left["audit.db-wal"]
    assert contents(tmp_path)["audit.db"] == left["audit.db"]


def test_missing_database_is_not_created(
    auditwright: Auditwright, tmp_path: Path, path: Path, shops: Shops
) -> None:
    done = check(auditwright)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"auditwright: {path}: there is no such database\n"
    assert list(tmp_path.iterdir()) == []


def test_file_without_audit_log_is_an_error(
    auditwright: Auditwright, tmp_path: Path, path: Path, shops: Shops
) -> None:
    path.touch()
    done = check(auditwright)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"auditwright: {path}: there is no audit log in this database\n"
    assert contents(tmp_path) == {"audit.db": b""}
    change(path, "CREATE TABLE orders (id)")
    assert check(auditwright).err == f"auditwright: {path}: there is no audit log in this database\n"
    path.write_bytes(b"no database at all, and longer than a hundred bytes " * 4)
    done = check(auditwright)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"auditwright: {path}: cannot read: file is not a database (SQLITE_NOTADB)\n"
    path.unlink()
    path.mkdir()
    done = check(auditwright)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"auditwright: {path}: cannot read: unable to open database file (SQLITE_CANTOPEN)\n"


def test_foreign_tables_are_refused(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    change(path, "CREATE TABLE audit_entry (id INTEGER)")
    done = check(auditwright)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"auditwright: {path}: the table audit_entry does not fit: column account_id should be TEXT NOT NULL "
        "at place 1 of the primary key, and is missing; use another file, or rename it\n"
    )


def test_database_without_reference_tables_is_read(
    auditwright: Auditwright, path: Path, old: list[Entry]
) -> None:
    change(path, "DROP TABLE audit_catalog", "DROP TABLE audit_event", "DROP VIEW store_orders_order_lost")
    found = report(auditwright, version=1)
    assert found["versions"] == [{"version": "1.0.0", "entries": 8, "newer": False, "differs": False}]
    assert found["views"]["missing"] == ["store_orders_order_lost"]


def test_locked_database_is_an_error(auditwright: Auditwright, path: Path, old: list[Entry]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        done = check(auditwright)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"auditwright: {path}: another program has locked the whole file; try again when it is done\n"
    )


def test_long_list_of_missing_views_is_truncated(
    auditwright: Auditwright, path: Path, old: list[Entry]
) -> None:
    done = auditwright("database", "check", "--catalog-package", "audit_events", "--events-only")
    assert done.code == 1
    (line,) = (each for each in done.out.splitlines() if each.startswith("  missing, created by"))
    assert line.partition(": ")[2].count(", ") == 49
    assert line.endswith(f" and {len(CATALOG.events) - 50} more")


def test_unsupported_database_is_refused(auditwright: Auditwright, shops: Shops) -> None:
    done = check(auditwright, "--database", "mysql://user:secret@host/audit")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("auditwright: host/audit: unknown kind of database; ")
    done = check(auditwright, "--database", "sqlite:///:memory:")
    assert (done.code, done.out) == (2, "")


# --- the command line --------------------------------------------------------------------------------------


def test_progress_is_shown_on_terminals_only(
    auditwright: Auditwright, path: Path, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(path, shops.v1) as log:
        event = log.catalog.events[ARCHIVED]
        log.record_many(
            {"event": event.key, "metadata": event.example, "actor": {"type": "system"}} for _ in range(2500)
        )
    seconds = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    assert check(auditwright).err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = check(auditwright)
    assert done.err == (
        "\r\x1b[Kchecked 1,000 entries, 1,000 a second\r\x1b[Kchecked 2,000 entries, 1,000 a second\r\x1b[K"
    )
    assert done.out.endswith("\nCovered: all entries.\n")


def test_help_lists_every_action(auditwright: Auditwright) -> None:
    done = auditwright("database", "--help")
    assert (done.code, done.err) == (0, "")
    for line in (
        "    create    create an audit log in a database",
        "    upgrade   bring a database up to date with this Auditwright and the catalog",
        "    roles     create roles that can record and read, but not rewrite (PostgreSQL)",
        "    check     compare the stored entries with the catalog, and the tables with their definition",
        "    retain    delete entries older than a number of days",
        "    hold      exempt the entries of an account from retention",
    ):
        assert f"{line}\n" in done.out
    done = auditwright("database", "check", "--help")
    assert (done.code, done.err) == (0, "")
    for option in ("--events-only", "--account", "--format", "--database", "--catalog-package", "exit code:"):
        assert option in done.out
    assert auditwright("database").usage_error == (
        "auditwright database: error: the following arguments are required: ACTION"
    )
    assert auditwright("database", "chek").usage_error.startswith(
        "auditwright database: error: argument ACTION: invalid choice: 'chek'"
    )
    assert auditwright("database", "check", "--event").usage_error.endswith(
        "unrecognized arguments: --event; --help lists all"
    )
