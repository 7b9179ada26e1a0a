"""`layout.tsv`, by which drift is found, is what the migrations make.

After a new revision, `AUDITWRIGHT_UPDATE_CASES=1 pytest tests/runtime/storage/postgresql/test_drift.py`
writes it anew.
"""

import os
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from tests.support.databases import PostgreSQLServer

from audit_events import CATALOG
from auditwright.storage import create_database, open_inspection
from auditwright.storage.base import Difference
from auditwright.storage.postgresql.drift import BY_HAND, UPGRADE, read_layout
from auditwright.storage.postgresql.owner_connection import begin, connect

LAYOUT = resources.files("auditwright.storage.postgresql") / "layout.tsv"


def test_the_expected_layout_is_what_migrations_make(postgresql: PostgreSQLServer) -> None:
    made = postgresql.bare()
    create_database(made.url, CATALOG)
    with closing(connect(made.url)) as connection:
        begin(connection)
        parts = read_layout(connection)
    postgresql.drop(made)
    lines = {
        f"{part.kind}\t{part.stands_for}\t{part.name}\t{part.definition}\n": None
        for part in parts
        if part.is_on and part.name not in CATALOG.columns
    }
    text = "".join(lines)
    if os.environ.get("AUDITWRIGHT_UPDATE_CASES"):
        Path(str(LAYOUT)).write_text(text, "utf-8")
    assert LAYOUT.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("change", "what", "hint"),
    [
        (
            "ALTER TABLE audit_hold ADD UNIQUE (reason); DROP INDEX audit_user_actor; "
            "CREATE INDEX audit_user_actor ON audit_user (account_id) WHERE actor_id > 'm'",
            "the index audit_user_actor is (account_id) WHERE (actor_id > 'm'::text), and should be "
            "(account_id, actor_id)",
            BY_HAND,
        ),
        (
            "CREATE OR REPLACE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry_first "
            "FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "the trigger audit_entry_no_truncate on audit_entry_first is BEFORE TRUNCATE FOR EACH STATEMENT "
            "EXECUTE FUNCTION suppress_redundant_updates_trigger(), and should be BEFORE TRUNCATE FOR EACH "
            "STATEMENT EXECUTE FUNCTION audit_refuse()",
            BY_HAND,
        ),
        (
            "ALTER POLICY audit_entry_of_account ON audit_entry TO pg_monitor USING (true)",
            "the policy audit_entry_of_account is FOR SELECT TO {pg_monitor} USING true, and should be FOR "
            "SELECT USING (account_id = NULLIF(current_setting('auditwright.account_id'::text, true), "
            "''::text))",
            BY_HAND,
        ),
        ("DROP TABLE audit_hold", "the table audit_hold is missing", UPGRADE),
    ],
)
def test_a_changed_part_is_named_with_both_definitions(
    postgresql: PostgreSQLServer, change: str, what: str, hint: str
) -> None:
    made = postgresql.another()
    made.change(*change.split("; "))
    with closing(open_inspection(made.url, CATALOG)) as inspection:
        assert inspection.differences()[0] == Difference(what, hint)
    postgresql.drop(made)


def test_constraints_made_by_a_restore_are_no_drift(postgresql: PostgreSQLServer) -> None:
    made = postgresql.another()
    for name, definition in made.rows(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = 'audit_entry'::regclass AND contype = 'c'"
    ):
        made.change(
            f"ALTER TABLE audit_entry DROP CONSTRAINT {name}",
            f"ALTER TABLE audit_entry ADD CONSTRAINT {name} {definition}",
        )
    with closing(open_inspection(made.url, CATALOG)) as inspection:
        assert inspection.differences() == ()
    postgresql.drop(made)


def test_functions_of_an_older_revision_are_not_changes_by_hand(postgresql: PostgreSQLServer) -> None:
    made = postgresql.another()
    made.change(
        "UPDATE audit_alembic_version SET version_num = '007'",
        "CREATE OR REPLACE FUNCTION audit_last_month() RETURNS timestamp "
        "LANGUAGE sql AS 'SELECT localtimestamp'",
    )
    with closing(open_inspection(made.url, CATALOG)) as inspection:
        found = inspection.differences()
    assert Difference("the function audit_last_month was changed", UPGRADE) in found
    postgresql.drop(made)


def test_a_table_of_the_service_may_have_policies(postgresql: PostgreSQLServer) -> None:
    made = postgresql.another()
    made.change("CREATE TABLE audit_of_ours (id int)", "CREATE POLICY mine ON audit_of_ours USING (true)")
    with closing(open_inspection(made.url, CATALOG)) as inspection:
        assert inspection.differences() == ()
    postgresql.drop(made)
