"""`auditwright database create`, `upgrade`, `roles`, `retain`, `hold`, and `check` on PostgreSQL."""

# ruff: noqa: F401, F811 - fixtures of another module are imported, and their names are arguments

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.runtime.storage.postgresql.test_migrations import WITHOUT_TARGETS
from tests.support.command_line import Auditwright
from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer
from tests.support.shops import START, Shops, open_shop, record_each, shops

from auditwright.damage import PARTS
from auditwright.storage.postgresql.drift import BY_HAND
from auditwright.storage.postgresql.owner_connection import FOR_SCRIPTS

V1 = ("--catalog-package", "shop_v1_events")
V2 = ("--catalog-package", "shop_v2_events")
LOGIN = (
    "record",
    "account.login_logout.login",
    "--metadata",
    '{"email_id": "a@example.com"}',
    "--actor",
    "user:u-1",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def server(
    postgresql: PostgreSQLServer, auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgreSQLDatabase]:
    """A database without tables; the commands use it by default."""
    made = postgresql.bare()
    monkeypatch.setenv("AUDITWRIGHT_DATABASE", made.url)
    yield made
    postgresql.drop(made)


# --- SQLite ----------------------------------------------------------------------------------------


def test_sqlite_file_is_created_and_upgraded(auditwright: Auditwright, path: Path, shops: Shops) -> None:
    done = auditwright("database", "create", *V1)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"{path}: created"
    assert "  8 tables" in done.out.splitlines()
    done = auditwright("database", "create", *V1)
    assert done.out == f"{path}: nothing to do: everything that shop_v1_events 1.0.0 needs exists\n"
    done = auditwright("database", "upgrade", *V2)
    assert (done.code, done.err) == (0, "")
    assert "view store_orders_order_created" in done.out
    done = auditwright("database", "upgrade", *V2)
    assert done.out == f"{path}: nothing to do: up to date with shop_v2_events 2.0.0\n"


def test_missing_sqlite_file_is_not_upgraded(auditwright: Auditwright, path: Path) -> None:
    done = auditwright("database", "upgrade")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"auditwright: {path}: there is no such database")
    assert not path.exists()


def test_postgresql_options_are_refused_on_sqlite(auditwright: Auditwright, path: Path) -> None:
    done = auditwright("database", "roles")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "auditwright: roles are for PostgreSQL; anyone who can write to a SQLite file can change its "
        "entries\n"
    )
    done = auditwright("database", "create", "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("auditwright: --dry-run is for PostgreSQL; ")
    assert not path.exists()


@pytest.mark.parametrize("command", ["create", "upgrade", "roles", "check", "retain", "hold"])
def test_every_action_has_a_help_text(auditwright: Auditwright, command: str) -> None:
    done = auditwright("database", command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: auditwright database {command} [-h]")
    paragraphs = done.out.split("\n\n")
    assert paragraphs[1].endswith(".")
    if command != "hold":
        assert "exit code: 0 " in done.out
        return
    for action in ("add", "remove", "list"):
        done = auditwright("database", "hold", action, "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.split("\n\n")[1].endswith(".")


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        ("2999-01-31", "2999-02-01 00:00"),
        ("2999-01-31T09:30", "2999-01-31 09:31"),
        ("2999-01-31T09:30:00Z", "2999-01-31 09:30"),
    ],
)
def test_a_hold_includes_its_last_day_or_minute(auditwright: Auditwright, until: str, shown: str) -> None:
    auditwright(*LOGIN, "--account", "acme")
    hold = ("database", "hold", "add", "--account", "acme", "--reason", "Case 17")
    assert auditwright(*hold, "--until", until).out == f"acme is on hold until {shown} (UTC): Case 17\n"


def test_old_entries_are_deleted(auditwright: Auditwright, path: Path) -> None:
    for account, moment in (
        ("acme", "2024-05-06T07:08:09"),
        ("acme", "2025-01-01"),
        ("globex", "2024-01-01"),
    ):
        assert auditwright(*LOGIN, "--account", account, "--occurred-at", moment).code == 0
    assert auditwright("database", "hold", "list").out == "no account is on hold\n"
    done = auditwright("database", "hold", "add", "--account", "globex", "--reason", "Case 17\x1b[2J")
    assert (done.code, done.out, done.err) == (0, "globex is on hold: Case 17\\x1b[2J\n", "")
    done = auditwright("database", "hold", "list")
    assert [line.split() for line in done.out.splitlines()][1][:1] == ["globex"]
    done = auditwright("database", "retain", "--older-than", "30d", "--dry-run")
    assert (done.code, done.err) == (0, "")
    first, *rest = done.out.splitlines()
    assert first.startswith(f"{path}: would delete 2 entries from before ")
    assert rest == [
        "  account  entries  first             last",
        "  acme     2        2024-05-06 07:08  2025-01-01 00:00",
        "kept because of a hold:",
        "  account  entries  first             last",
        "  globex   1        2024-01-01 00:00  2024-01-01 00:00",
        "next: run the same command without --dry-run to delete them",
    ]
    done = auditwright("database", "retain", "--older-than", "30d", "--actor", "user:u-9:Grace Hopper")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{path}: deleted 2 entries from before ")
    assert "Grace Hopper deleted what was older than" in auditwright("list", "--account", "acme").out
    done = auditwright("database", "hold", "remove", "--account", "globex")
    assert (done.code, done.out) == (0, "globex is no longer on hold: Case 17\\x1b[2J\n")
    done = auditwright("database", "hold", "remove", "--account", "globex")
    assert (done.code, done.out) == (1, "globex is not on hold\n")
    done = auditwright("database", "retain", "--older-than", "36500d")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("(UTC) to delete\n")


@pytest.mark.parametrize("age", ["", "d", "0d", "-1d", "400", "1y", "4e2d", "36501d", "99999999d", "٤d"])
def test_invalid_age_is_a_usage_error(auditwright: Auditwright, path: Path, age: str) -> None:
    done = auditwright("database", "retain", f"--older-than={age}")
    assert done.usage_error == (
        f"auditwright database retain: error: argument --older-than: {age!r} is not an age; write a number "
        "of days, such as 400d, at most 36500d"
    )
    assert not path.exists()


def test_retention_progress_is_shown_on_terminals_only(
    auditwright: Auditwright, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert auditwright(*LOGIN, "--account", "acme", "--occurred-at", "2024-01-01").code == 0
    seconds = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = auditwright("database", "retain", "--older-than", "30d")
    assert done.err == "\r\x1b[Kdeleted 1 entries\r\x1b[K"


# --- PostgreSQL ------------------------------------------------------------------------------------


def test_postgresql_create_upgrade_and_roles(
    auditwright: Auditwright, server: PostgreSQLDatabase, shops: Shops, postgresql: PostgreSQLServer
) -> None:
    done = auditwright("database", "upgrade", *V1)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"auditwright: {server.name}: there is no audit log in this database; run `auditwright database "
        "create`\n"
    )
    done = auditwright("database", "create", *V1)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{server.name}: created",
        "  revision 001: the entries, and the tables that describe a catalog",
        "  revision 002: triggers that refuse to change entries",
        "  revision 003: a partition for each month, made ahead",
        "  revision 004: row-level security by account",
        "  revision 005: retention and holds",
        "  revision 006: the users of each account, kept as entries are stored",
        "  revision 007: the users of earlier entries",
        "  revision 008: functions that work under any settings of the server",
        "  revision 009: constraints that refuse damaged entries",
        "  revision 010: the digest of a whole row",
        "  revision 011: outcome, context, and on whose behalf",
        "  revision 012: the objects that entries identify, and indexes of outcomes and of whose behalf",
        "  column till",
        "  16 views",
        "  3 rows of audit_category",
        "  16 rows of audit_event",
        "  1 row of audit_catalog",
        "  11 valid constraints for entries",
        "next: `auditwright database roles` creates roles for services that cannot rewrite the log",
    ]
    done = auditwright("database", "upgrade", *V2, "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{FOR_SCRIPTS}\nSET search_path = public;\n\n")
    assert 'ALTER TABLE audit_entry ADD COLUMN "region" text COLLATE "C";' in done.out
    assert auditwright("database", "upgrade", *V2).code == 0
    done = auditwright("database", "upgrade", *V2, "--dry-run")
    assert (done.code, done.out, done.err) == (0, "", "nothing to do\n")
    done = auditwright("database", "upgrade", *V1)
    assert done.out == f"{server.name}: nothing to do: up to date with shop_v1_events 1.0.0\n"
    done = auditwright("database", "roles", "--prefix", "seen", *V2)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:4] == [
        f"{server.name}: created",
        "  role seen_owner",
        "  role seen_writer",
        "  role seen_reader",
    ]
    assert "  GRANT seen_writer TO service_login;  -- for AuditLog.open(url)" in done.out.splitlines()
    done = auditwright("database", "roles", "--prefix", "seen", *V2)
    assert done.out.startswith(f"{server.name}: nothing to do: the roles exist, with their rights\n")
    assert auditwright("database", "roles", "--prefix", "seen", "--dry-run", *V2).err == "nothing to do\n"
    done = auditwright("database", "roles", "--prefix", "Seen!")
    assert (done.code, done.out) == (2, "")
    assert auditwright("database", "check", *V2).code == 0
    server.change("DROP OWNED BY seen_owner, seen_writer, seen_reader CASCADE")
    postgresql.change("DROP ROLE seen_owner, seen_writer, seen_reader")


def test_check_reports_differences_of_tables(
    auditwright: Auditwright, server: PostgreSQLDatabase, shops: Shops
) -> None:
    assert auditwright("database", "create", *V1).code == 0
    assert auditwright("database", "check", *V1).out.splitlines() == [
        f"{server.name}: 1 entry, against shop_v1_events 1.0.0",
        "",
        "Versions of the catalog",
        "  1.0.0: 1 entry",
        "",
        "Covered: all entries.",
    ]
    first, *_, last = (
        name
        for (name,) in server.rows(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'audit_entry'::regclass ORDER BY 1"
        )
        if name != "audit_entry_first"
    )
    server.change(
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_truncate",
        f"ALTER TABLE {first} DISABLE TRIGGER ALL",
        f"ALTER TABLE {first} DISABLE ROW LEVEL SECURITY",
        "DROP INDEX audit_entry_user",
        "DROP INDEX audit_user_actor",
        "DROP TRIGGER audit_entry_users ON audit_entry",
        "DROP POLICY audit_user_of_account ON audit_user",
        "CREATE POLICY everybody ON audit_user USING (true)",
        "ALTER TABLE audit_user DISABLE ROW LEVEL SECURITY",
        "GRANT INSERT ON audit_user TO PUBLIC",
        "CREATE OR REPLACE FUNCTION audit_add_users() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NULL; END'",
        "ALTER TABLE audit_hold ALTER COLUMN reason DROP NOT NULL",
        "ALTER TABLE audit_entry DROP COLUMN till CASCADE",
        f"DROP TABLE {last}",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RETURN OLD; END'",
        "DROP FUNCTION audit_add_partition",
        "CREATE POLICY everything ON audit_entry USING (true)",
        "GRANT UPDATE ON audit_entry TO PUBLIC",
        "DROP VIEW store_orders_order_lost",
    )
    done = auditwright("database", "check", *V1)
    assert (done.code, done.err) == (1, "")
    lines = [line.strip() for line in done.out.splitlines()]
    by_hand = BY_HAND
    upgrade = "run `auditwright database upgrade`"
    assert lines[lines.index("Tables that differ from their definition") + 1 : -2] == [
        "audit_entry.till is missing",
        upgrade,
        "audit_hold.reason is text, and should be text NOT NULL",
        by_hand,
        "the index audit_entry_user is missing",
        by_hand,
        "the index audit_user_actor is missing",
        by_hand,
        "the policy audit_user_of_account is missing",
        by_hand,
        f"row-level security of {first} is switched off",
        f"ALTER TABLE {first} ENABLE ROW LEVEL SECURITY",
        "row-level security of audit_user is switched off",
        "ALTER TABLE audit_user ENABLE ROW LEVEL SECURITY",
        *_disabled_triggers(lines),
        "the policy everything on audit_entry is not Auditwright's: it may show entries of every account",
        'DROP POLICY "everything" ON audit_entry',
        "the policy everybody on audit_user is not Auditwright's: it may show entries of every account",
        'DROP POLICY "everybody" ON audit_user',
        "the function audit_add_partition is missing",
        by_hand,
        "the function audit_add_users was changed",
        by_hand,
        "the function audit_refuse was changed",
        by_hand,
        "partitions are missing for the next 3 months",
        upgrade,
        "PUBLIC has the right to UPDATE on audit_entry",
        "`auditwright database roles` revokes it from PUBLIC and its own roles; REVOKE it from other roles",
        "PUBLIC has the right to INSERT on audit_user",
        "`auditwright database roles` revokes it from PUBLIC and its own roles; REVOKE it from other roles",
        "",
    ]
    assert lines[-1].startswith("Tables: ")
    (missing,) = (
        line for line in lines if line.startswith("missing, created by `auditwright database upgrade`: ")
    )
    assert "store_orders_order_lost" in missing
    assert auditwright("database", "check", *V1, "--format", "json").code == 1


def test_check_of_an_older_database_names_the_upgrade(
    auditwright: Auditwright, server: PostgreSQLDatabase, shops: Shops
) -> None:
    assert auditwright("database", "create", *V1).code == 0
    server.change(
        *WITHOUT_TARGETS,
        "DROP TABLE audit_user",
        "DROP FUNCTION audit_add_users CASCADE",
        "ALTER TABLE audit_entry DROP COLUMN row_digest",
        f"ALTER TABLE audit_entry {', '.join(f'DROP CONSTRAINT audit_entry_{part}' for part in PARTS)}",
        "UPDATE audit_alembic_version SET version_num = '005'",
    )
    done = auditwright("database", "check", *V1)
    assert (done.code, done.err) == (1, "")
    lines = [line.strip() for line in done.out.splitlines()]
    found = lines[lines.index("Tables that differ from their definition") + 1 : -3]
    assert [each for each in found[::2] if "target" not in each] == [
        "the tables are at revision 005, and 012 is the last one",
        "the table audit_user is missing",
        "audit_entry.row_digest is missing",
        *(f"the constraint audit_entry_{part} is missing" for part in sorted(PARTS)),
        "the index audit_entry_failure is missing",
        "the index audit_entry_on_behalf_of is missing",
        "the index audit_user_actor is missing",
        "the policy audit_user_of_account is missing",
        "the trigger audit_entry_users on audit_entry is missing",
        "the function audit_add_users is missing",
    ]
    assert "the table audit_target is missing" in found
    assert set(found[1::2]) == {"run `auditwright database upgrade`"}
    assert auditwright("database", "upgrade", *V1).out.splitlines()[1:] == [
        "  revision 006: the users of each account, kept as entries are stored",
        "  revision 007: the users of earlier entries",
        "  revision 008: functions that work under any settings of the server",
        "  revision 009: constraints that refuse damaged entries",
        "  revision 010: the digest of a whole row",
        "  revision 011: outcome, context, and on whose behalf",
        "  revision 012: the objects that entries identify, and indexes of outcomes and of whose behalf",
        "  2 indexes of partitions",
        "  11 valid constraints for entries",
    ]
    assert auditwright("database", "check", *V1).code == 0


def test_upgrade_names_each_constraint_that_is_violated(
    auditwright: Auditwright, server: PostgreSQLDatabase, shops: Shops
) -> None:
    from tests.support.databases import foreign_row

    auditwright("database", "create", *V1)
    server.insert_damaged(
        foreign_row(shops.v1)
        | {
            "occurred_at": "infinity",
            "recorded_at": "infinity",
            "actor_type": "robot",
            "digest": b"short",
            "alterations": "[]",
            "metadata": "[]",
        }
    )
    lines = auditwright("database", "upgrade", *V1).out.splitlines()
    violated = ("occurred_at", "recorded_at", "actor", "digest", "alterations", "metadata")
    assert lines[1:] == [
        "  5 valid constraints for entries",
        *(
            f"  constraint audit_entry_{part}, for new entries: stored ones violate it, see "
            "`auditwright database check`"
            for part in violated
        ),
    ]


def _disabled_triggers(lines: list[str]) -> list[str]:
    """The lines about triggers; at least one trigger is disabled on each partition."""
    found = [line for line in lines if line.startswith("the trigger") or "ENABLE TRIGGER" in line]
    missing = lines.index("the trigger audit_entry_users on audit_entry is missing")
    assert lines[missing + 1] == BY_HAND
    found.insert(found.index(lines[missing]) + 1, BY_HAND)
    assert any("audit_entry_no_truncate on audit_entry is switched off" in line for line in found)
    return found


def test_missing_database_is_an_error(auditwright: Auditwright, server: PostgreSQLDatabase) -> None:
    done = auditwright("database", "check")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"auditwright: {server.name}: there is no audit log in this database\n"
    for action in ("create", "upgrade", "roles", "check", "retain --older-than 9d", "hold list"):
        done = auditwright(
            "database", *action.split(), "--database", "postgresql://ada:s3cret@127.0.0.1:1/audit"
        )
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("auditwright: postgresql://127.0.0.1:1/audit: cannot connect: ")
        assert done.err.count("\n") == 1
        assert "s3cret" not in done.err


@pytest.mark.parametrize("package", ["psycopg", "alembic"])
def test_missing_package_names_its_extra(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    ours = ("auditwright.storage.postgresql.migrations", "auditwright.storage.postgresql.engine", package)
    with monkeypatch.context() as patched:
        for name in [each for each in sys.modules if each.startswith(ours)]:
            patched.delitem(sys.modules, name)
        patched.setitem(sys.modules, package, None)
        done = auditwright("database", "create", "--database", "postgresql://127.0.0.1:1/audit")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f'auditwright: this command needs the package {package}: pip install "auditwright[postgres]"\n'
    )
