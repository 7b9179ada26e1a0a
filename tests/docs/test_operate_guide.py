"""docs/operate.md: its backups are restored on real databases, and its commands run as written."""

import re
import shutil
from pathlib import Path

import pytest
from tests.support.databases import (
    PostgreSQLDatabase,
    PostgreSQLServer,
    SQLiteDatabase,
    temporary_server,
)
from tests.support.markdown import blocks, commands, fits, names_in, prose, run, section
from tests.support.paths import DOCS, ROOT
from tests.support.spools import AWAY

from audit_events import AuditEvents
from auditwright import Actor, AuditLog
from auditwright.storage.postgresql.connections import MAX_READERS
from auditwright.storage.postgresql.schema import MINIMUM

GUIDE = DOCS / "operate.md"
SQLITE = "sqlite3 is not installed: apt-get install sqlite3"
ADA = Actor.user("u-17", "Ada Lovelace")


def record(log: AuditLog, number: int) -> None:
    for _ in range(number):
        AuditEvents(log).account.app_api_key.app_api_key_created(actor=ADA)


def test_its_numbers_are_those_of_the_code() -> None:
    text = prose(GUIDE)
    assert f"up to [{MAX_READERS + 1} connections](database.md#connections)" in text
    assert f"a server, version {MINIMUM} or newer" in text
    assert f"at most {MAX_READERS} more" in prose(DOCS / "database.md")


# --- SQLite --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if shutil.which("sqlite3") is None:
        pytest.skip(SQLITE)
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    return tmp_path


def show(number: int, folder: Path) -> None:
    """Run the commands of a console block of the guide; each prints what the guide shows."""
    for command, expected in commands(blocks(GUIDE, "console")[number]):
        done = run(command, folder)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert fits(done.stdout, expected), f"{command}\n{done.stdout}"


def test_sqlite_backup_is_restored_while_a_log_is_open(folder: Path) -> None:
    path = folder / "audit.db"
    database = SQLiteDatabase(path)
    with AuditLog.open(f"sqlite:///{path}", account_id="acme") as log:
        record(log, 3)
        page = log.account("acme").entries(limit=2)
        show(0, folder)
        kept = database.rows()
        record(log, 1)
        log.account("acme").export_jsonl(str(folder / "later.jsonl"))
        assert len(database.rows()) == 4
        assert (folder / "audit.db-wal").stat().st_size  # a plain copy would lack the entries
    assert (folder / "backup.db").stat().st_mode & 0o777 == 0o600

    show(1, folder)
    assert database.rows() == kept
    with AuditLog.open(f"sqlite:///{path}", account_id="acme") as log:
        older = log.account("acme").entries(limit=2, after=page.next)
        assert [entry.id.bytes for entry in older.entries] == [kept[0][1]]
        record(log, 1)
    done = run("auditwright import later.jsonl", folder)
    assert (done.returncode, done.stdout) == (0, "later.jsonl: 1 stored, 3 already there, 0 refused\n")


def test_commands_of_retention_and_monitoring_run(folder: Path) -> None:
    with AuditLog.open(f"sqlite:///{folder}/audit.db", account_id="acme") as log:
        record(log, 3)
    (crontab,) = (block.text for block in blocks(GUIDE, "text"))
    jobs = re.findall(r"^[\d*]+ .* audit  \S+/(auditwright .*)$", crontab, re.MULTILINE)
    text = section(GUIDE, "Monitor") + section(GUIDE, "Retention")
    named = [name for name in names_in(text) if re.match("(auditwright|sqlite3) ", name)]
    assert (len(jobs), len(named)) == (2, 8)
    AuditLog.open(AWAY, account_id="acme", spool=f"sqlite:///{folder}/audit-spool.db").close()
    for command in (*jobs, *named):
        done = run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(SQLiteDatabase(folder / "audit.db").rows()) == 3


# --- PostgreSQL ----------------------------------------------------------------------------------


def shell(script: str, server: PostgreSQLServer, folder: Path, **variables: str) -> str:
    """Run lines of the guide with the programs of a server; returns what they print."""
    settings = "".join(f"export {name}='{value}'\n" for name, value in variables.items())
    done = run(f"set -e\nPATH={server.programs}:$PATH\n{settings}{script}", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_postgresql_dump_is_restored_on_a_bare_server(tmp_path: Path) -> None:
    """An operator who is no superuser dumps and restores; between the two, the database and its roles go."""
    dump, restore = (block.text for block in blocks(GUIDE, "sh"))
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    with temporary_server() as server:
        missing = [name for name in ("pg_dump", "pg_restore") if not (server.programs / name).exists()]
        if missing:
            pytest.skip(f"{server.programs} has no {missing[0]}: apt-get install postgresql-client")
        live = server.another()
        shell("auditwright database roles", server, tmp_path, AUDITWRIGHT_DATABASE=live.url)
        server.change("CREATE ROLE operator LOGIN CREATEROLE CREATEDB IN ROLE audit_owner")
        with AuditLog.open(live.url, account_id="acme") as log:
            record(log, 3)
        kept = live.rows()
        shell(dump, server, tmp_path, AUDITWRIGHT_DATABASE=as_operator(live.url))
        server.drop(live)
        server.change(*(f"DROP ROLE audit_{name}" for name in ("owner", "writer", "reader")))

        url = as_operator(server.bare_url)
        restored = url.replace("/postgres?", "/audit?")
        out = shell(restore, server, tmp_path, SERVER=url, AUDITWRIGHT_DATABASE=restored)
        assert "nothing to do" in out  # the upgrade
        assert out.endswith("Covered: all entries.\n")
        again = PostgreSQLDatabase(restored).rows()
        assert again[: len(kept)] == kept
        assert [row[6] for row in again[len(kept) :]] == ["audit.setup.granted"]  # the roles, made again
        server.change("CREATE ROLE service LOGIN IN ROLE audit_writer")
        with AuditLog.open(restored.replace("operator:@", "service:@"), account_id="acme") as log:
            record(log, 1)
        assert len(PostgreSQLDatabase(restored).rows()) == len(kept) + 2


def as_operator(url: str) -> str:
    return url.replace("postgres:@", "operator:@")
