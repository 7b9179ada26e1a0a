"""`auditwright database check` finds every entry that SQL has changed in any column, on both engines.

Whoever may change the tables can compute the digest of a changed row as well: it is no proof.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.databases import Database, foreign_row, open_log
from tests.support.sample_events import ADA, KEY_CREATED, LONG_AGO, make_catalog, record

from audit_events import CATALOG
from auditwright import AuditLog, Catalog
from auditwright.entry import LEADING, columns, row_digest
from auditwright.ids import make_id, to_microseconds
from auditwright.operations.check import CheckReport, check_database
from auditwright.storage import open_inspection

MOMENT = to_microseconds(LONG_AGO)
OTHER_ID = make_id(MOMENT)
SCANNER_ADDED = "tool.guardrails.input_scanner_added"
CHANGES = {
    "account_id": ("'globex'",) * 2,
    "id": (f"x'{OTHER_ID.hex()}'", f"'{OTHER_ID.hex()}'::uuid"),
    "occurred_at": ("occurred_at + 1", "occurred_at + interval '1 microsecond'"),
    "recorded_at": ("recorded_at - 1", "recorded_at - interval '1 microsecond'"),
    "level": ("'tool'",) * 2,
    "category": ("'account.roles'",) * 2,
    "event": ("'account.app_api_key.app_api_key_deleted'",) * 2,
    "actor_type": ("'app'",) * 2,
    "actor_id": ("'u-18'",) * 2,
    "actor_name": ("NULL",) * 2,
    "ip_address": ("'2001:db8::2'",) * 2,
    "description": ("'Nothing happened.'",) * 2,
    "tool_id": ("'t-5'",) * 2,
    "outcome": ("'failure'",) * 2,
    "failure_reason": ("'Nobody knows', outcome = 'failure'",) * 2,
    "on_behalf_of_type": ("'user', on_behalf_of_id = 'u-19'",) * 2,
    "on_behalf_of_id": ("'u-20', on_behalf_of_type = 'user'",) * 2,
    "on_behalf_of_name": ("'Grace', on_behalf_of_type = 'user', on_behalf_of_id = 'u-19'",) * 2,
    "context": ("""'{"request_id":"r-1"}'""",) * 2,
    "catalog_version": ("'9.0.0'",) * 2,
    "digest": ("zeroblob(32)", "decode(repeat('00', 32), 'hex')"),
    "row_digest": ("zeroblob(32)", "decode(repeat('00', 32), 'hex')"),
    "alterations": ("""'{"description":{"length":1}}'""",) * 2,
    "metadata": ("""'{"tool_name":"Another"}'""",) * 2,
}
"""By column: SQL for another value, with what the constraints want besides, on SQLite and on PostgreSQL."""


@pytest.fixture
def log(database: Database) -> Iterator[AuditLog]:
    with open_log(database) as log:
        yield log


def rewrite(database: Database, column: str, value: str, account_id: str) -> None:
    """Change one column of the entries of an account, as whoever owns the tables can."""
    update = f"UPDATE audit_entry SET {column} = {value} WHERE account_id = '{account_id}'"
    if database.engine == "sqlite":
        ((trigger,),) = database.rows("SELECT sql FROM sqlite_schema WHERE name = 'audit_entry_no_update'")
        database.change("DROP TRIGGER audit_entry_no_update", update, trigger)
        return
    disabled = "ALTER TABLE audit_entry {} TRIGGER audit_entry_no_change"
    database.change(disabled.format("DISABLE"), update, disabled.format("ENABLE"))


def check(database: Database, account_id: str | None = None, catalog: Catalog = CATALOG) -> CheckReport:
    with closing(open_inspection(database.url, catalog)) as inspection:
        return check_database(inspection, catalog, account_id)


def record_one(log: AuditLog, account_id: str) -> Any:
    options: dict[str, Any] = {"occurred_at": LONG_AGO, "ip_address": "2001:db8::1", "actor": ADA}
    return record(log, KEY_CREATED, account_id=account_id, **options)


def test_every_changed_column_is_found(log: AuditLog, database: Database) -> None:
    for column in CHANGES:
        record_one(log, f"of-{column}")
    report = check(database)
    assert (report.entries, report.changed, report.without_row_digest) == (len(CHANGES), None, 0)
    for column, values in CHANGES.items():
        rewrite(database, column, values[database.engine == "postgresql"], f"of-{column}")
    changed = check(database).changed
    assert changed is not None
    assert changed.entries == len(CHANGES)
    assert CHANGES.keys() == {name for name, _, _ in columns(CATALOG)}


def test_a_network_in_place_of_an_address_is_found(log: AuditLog, database: Database) -> None:
    """Only `SELECT ip_address` in PostgreSQL shows it."""
    entry = record_one(log, "acme")
    values = ("ip_address || '/64'", "set_masklen(ip_address, 64)")
    rewrite(database, "ip_address", values[database.engine == "postgresql"], "acme")
    changed = check(database).changed
    assert changed is not None
    assert (changed.entries, changed.example) == (1, entry.id)


def test_entries_without_a_row_digest_are_counted(log: AuditLog, database: Database) -> None:
    record_one(log, "acme")
    record_one(log, "globex")
    rewrite(database, "row_digest", "NULL", "acme")
    report = check(database)
    assert (report.changed, report.without_row_digest) == (None, 1)
    assert check(database, "globex").without_row_digest == 0


def test_numbers_with_many_digits_are_no_finding(log: AuditLog, database: Database) -> None:
    """PostgreSQL writes out each 1e308, so that its text of 28 KiB of metadata has more than a mebibyte."""
    metadata = orjson.dumps({"thresholds": [1e308] * 4000})
    row = foreign_row(CATALOG, metadata=metadata.decode())
    leading = tuple(row[name] for name, _, _ in LEADING)
    row["row_digest"] = row_digest(leading, row["catalog_version"], row["digest"], None, metadata)
    log._storage.insert([tuple(row.values())])
    report = check(database)
    assert (report.entries, report.changed, report.without_row_digest) == (1, None, 0)


def test_column_of_a_replaced_catalog_is_no_finding(
    log: AuditLog, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalog of the same version has taken its place, in which the field has no column."""
    entry = record(log, SCANNER_ADDED, {"tool_id": "t-4"}, actor=ADA)
    monkeypatch.syspath_prepend(tmp_path)
    catalog = make_catalog(tmp_path, without_columns)
    for _ in range(2):
        with open_log(database, catalog) as other:
            assert other.account("acme").entries().entries[-1].metadata == {"tool_id": "t-4"}
            record(other, SCANNER_ADDED, {"tool_id": "t-5"}, actor=ADA)
        for each in (catalog, CATALOG):
            assert check(database, catalog=each).changed is None
        with open_log(database) as log:
            assert log.account("acme").get(entry.id) == entry


def without_columns(content: dict[str, Any]) -> None:
    for level in content["levels"]:
        for category in level["categories"]:
            for event in category["events"]:
                for field in event["fields"]:
                    field.pop("column", None)


def test_an_entry_that_was_put_back_is_no_finding(log: AuditLog, database: Database) -> None:
    entry = record_one(log, "acme")
    rewrite(database, "description", "'Nothing happened.'", "acme")
    changed = check(database).changed
    assert changed is not None
    assert (changed.entries, changed.account_id, changed.example) == (1, "acme", entry.id)
    rewrite(database, "description", f"'{entry.description}'", "acme")
    assert check(database).changed is None
