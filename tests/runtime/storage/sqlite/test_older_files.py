"""A SQLite file of before: opening upgrades it, keeps its data, and leaves no way to delete by plain SQL.

`older_file.sql` is the dump of a file in which deletes were permitted by rows of a table.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Auditwright
from tests.support.sample_events import change, rows
from tests.support.shops import Shops, open_shop, record_each, shops  # noqa: F401 - a fixture

from auditwright.storage import upgrade_database

DUMP = Path(__file__).with_name("older_file.sql").read_text("utf-8")
KEPT = (
    "SELECT account_id, id, occurred_at, recorded_at, event, actor_id, description, till, digest, metadata "
    "FROM audit_entry ORDER BY account_id, id",
    "SELECT * FROM audit_hold",
    "SELECT * FROM audit_user ORDER BY account_id, actor_id",
    "SELECT * FROM audit_catalog",
)


@pytest.fixture
def older(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP)
    return path


def contents(path: Path) -> list[list[Any]]:
    return [rows(path, query) for query in KEPT]


def test_upgrade_keeps_entries_holds_and_users(older: Path, shops: Shops) -> None:  # noqa: F811
    before = contents(older)
    assert [len(each) for each in before] == [7, 1, 3, 1]
    upgrade_database(f"sqlite:///{older}", shops.v1)
    assert contents(older) == before
    with open_shop(older, shops.v1) as log:
        record_each(log)
        entries = list(log.account("acme").all())
    assert rows(older, "SELECT count(*) FROM audit_entry") == [(12,)]
    assert {(each.outcome, each.on_behalf_of, str(each.context), each.damaged) for each in entries} == {
        ("success", None, "{}", ())
    }
    assert set(rows(older, "SELECT outcome, context FROM store_orders_order_placed")) == {("success", None)}


def test_writer_of_before_goes_on_after_the_upgrade(older: Path, shops: Shops) -> None:  # noqa: F811
    ((statement,),) = rows(older, "SELECT sql FROM sqlite_schema WHERE name = 'audit_entry'")
    upgrade_database(f"sqlite:///{older}", shops.v1)
    names = [name for name in re.findall(r'"(\w+)" (?:TEXT|BLOB|INTEGER)', statement) if name != "id"]
    assert "outcome" not in names
    change(
        older,
        f"INSERT INTO audit_entry (id, {', '.join(names)}) SELECT CAST(substr(id, 1, 15) || x'00' AS BLOB), "
        f"{', '.join(names)} FROM audit_entry LIMIT 1",
    )
    with open_shop(older, shops.v1) as log:
        assert {each.outcome for each in log.account("acme").all()} == {"success"}
    assert rows(older, "SELECT count(*) FROM audit_entry") == [(8,)]


def test_permit_of_before_deletes_nothing_after_the_upgrade(older: Path, shops: Shops) -> None:  # noqa: F811
    change(older, "INSERT INTO audit_retention VALUES ('acme', x'ff'), ('globex', x'ff')")
    before = contents(older)
    upgrade_database(f"sqlite:///{older}", shops.v1)
    assert rows(older, "SELECT name FROM sqlite_schema WHERE name = 'audit_retention'") == []
    with pytest.raises(sqlite3.OperationalError, match="no such function: audit_entry_is_append_only"):
        change(older, "DELETE FROM audit_entry")
    assert contents(older) == before


def test_check_names_the_older_trigger(
    older: Path,
    auditwright: Auditwright,
    shops: Shops,  # noqa: F811
) -> None:
    options = ("--database", f"sqlite:///{older}", "--catalog-package", "shop_v1_events")
    done = auditwright("database", "check", *options)
    assert done.code == 1
    assert "the trigger audit_entry_no_delete is another one" in done.out
    assert auditwright("database", "upgrade", *options).code == 0
    assert "trigger" not in auditwright("database", "check", *options).out


def test_table_of_the_service_with_that_name_stays(path: Path, shops: Shops) -> None:  # noqa: F811
    change(path, "CREATE TABLE audit_retention (id INTEGER PRIMARY KEY, days INTEGER)")
    open_shop(path, shops.v1).close()
    open_shop(path, shops.v1).close()
    assert rows(path, "SELECT * FROM audit_retention") == []
