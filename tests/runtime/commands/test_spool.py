"""`auditwright spool status` and `drain`."""

import fcntl
import gzip
import json
import stat
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_line import Auditwright
from tests.support.databases import PostgreSQLDatabase
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import AWAY, open_with_spool, refuse
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AccountLog, AuditLog, Entry
from auditwright.spool import LARGEST
from auditwright.storage import open_spool_file

Fill = Callable[..., list[Entry]]


@pytest.fixture
def fill(spool: Path) -> Fill:
    """Records entries while the database is away, and returns them; the spool is made by that."""

    def record_away(number: int, **options: Any) -> list[Entry]:
        with open_with_spool(AWAY, spool) as log:
            return [record(log, KEY_CREATED, **options) for _ in range(number)]

    return record_away


@pytest.fixture
def command(
    auditwright: Auditwright, spool: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Auditwright:
    """The commands, with the spool and the database of the test as defaults."""
    monkeypatch.setenv("AUDITWRIGHT_SPOOL", f"sqlite:///{spool}")
    if "database" in request.fixturenames:
        monkeypatch.setenv("AUDITWRIGHT_DATABASE", request.getfixturevalue("database").url)
    return auditwright


def refuse_one(database: PostgreSQLDatabase, fill: Fill) -> Entry:
    """Record an entry into the spool that the database has with other content; returns the latter."""
    with AuditLog.open(database.url, account_id="acme", catalog=CATALOG) as log:
        stored = record(log, KEY_CREATED)
    fill(1, id=stored.id, occurred_at=stored.occurred_at, details="other content")
    return stored


# --- status ----------------------------------------------------------------------------------------


def test_status_of_a_spool_in_which_nothing_waits(command: Auditwright, spool: Path, fill: Fill) -> None:
    fill(0)
    done = command("spool", "status")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{spool}: nothing waits, ")
    assert done.out.endswith(" bytes\n")


def test_status_shows_how_many_wait_since_when(command: Auditwright, spool: Path, fill: Fill) -> None:
    first, *_ = fill(3)
    done = command("spool", "status")
    assert (done.code, done.err) == (1, "")
    since = f"{first.recorded_at:%Y-%m-%d %H:%M:%S}"
    assert done.out.startswith(f"{spool}: 3 entries wait since {since} (UTC), ")


def test_status_as_json(command: Auditwright, spool: Path, fill: Fill) -> None:
    first, *_ = fill(2)
    done = command("spool", "status", "--format", "json")
    assert (done.code, done.err) == (1, "")
    found = json.loads(done.out)
    assert 0 < found.pop("bytes") < 2**20
    del found["error"], found["error_since"]  # the database may have been asked already
    assert found == {
        "spool": str(spool),
        "waiting": 2,
        "oldest": first.to_json()["recorded_at"],
        "refused": 0,
        "refused_entries": [],
    }


def test_status_shows_why_entries_wait(command: Auditwright, spool: Path) -> None:
    with open_with_spool(AWAY, spool) as log:
        record(log, KEY_CREATED)
        wait_until(lambda: log.health().spool_error)
    since, why = command("spool", "status").out.splitlines()[1].split(" (UTC): ")
    assert since.startswith(f"  not moved since {datetime.now(UTC):%Y-%m-}")
    assert why.startswith("postgresql://127.0.0.1:1/audit: cannot connect: ")
    found = json.loads(command("spool", "status", "--format", "json").out)
    assert found["error"] == why
    assert found["error_since"].startswith(since.split()[3])


def test_the_option_wins_over_the_variable(command: Auditwright, tmp_path: Path, fill: Fill) -> None:
    fill(1)
    done = command("spool", "status", "--spool", f"sqlite:///{tmp_path}/other.db")
    assert (done.code, done.out) == (2, "")
    assert "other.db: there is no such spool" in done.err


def test_the_spool_has_to_be_named(auditwright: Auditwright) -> None:
    for action in (["status"], ["drain"], ["discard", "--all", "--output", "refused.jsonl"]):
        done = auditwright("spool", *action)
        assert done.usage_error == (
            f"auditwright spool {action[0]}: error: the following arguments are required: --spool"
        )


@pytest.mark.parametrize("action", ["status", "drain"])
def test_a_missing_spool_is_not_created(command: Auditwright, spool: Path, action: str) -> None:
    done = command("spool", action, *(["--database", AWAY] if action == "drain" else []))
    assert (done.code, done.out) == (2, "")
    assert done.err == (f"auditwright: {spool}: there is no such spool; AuditLog.open(spool=...) makes it\n")
    assert list(spool.parent.iterdir()) == []


@pytest.mark.parametrize("number", [0, 1])
def test_an_audit_log_is_no_spool(command: Auditwright, spool: Path, number: int) -> None:
    with AuditLog.open(f"sqlite:///{spool}", account_id="acme", catalog=CATALOG) as log:
        for _ in range(number):
            record(log, KEY_CREATED)
    before = spool.read_bytes()
    for action in ("status", "drain"):
        done = command("spool", action, *(["--database", AWAY] if action == "drain" else []))
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            f"auditwright: {spool}: this is no spool; name the file of AuditLog.open(spool=...)\n"
        )
    assert spool.read_bytes() == before


def test_another_file_is_no_spool(command: Auditwright, spool: Path) -> None:
    spool.write_text("This is a text, and no database. " * 100, "utf-8")
    done = command("spool", "status")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"auditwright: {spool}: cannot read: file is not a database (SQLITE_NOTADB)\n"
    spool.write_bytes(b"")
    assert command("spool", "status").err.endswith(
        "this is no spool; name the file of AuditLog.open(spool=...)\n"
    )
    assert spool.read_bytes() == b""


def test_the_url_of_a_server_is_no_spool(command: Auditwright) -> None:
    for url in (AWAY, "", "/var/lib/app/audit-spool.db"):
        done = command("spool", "status", "--spool", url)
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            "auditwright: a spool is a SQLite file of this machine, given as a URL such as "
            "sqlite:////var/lib/app/audit-spool.db\n"
        )


@pytest.mark.postgresql_only
def test_status_shows_refused_entries(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    stored = refuse_one(database, fill)
    assert command("spool", "drain").code == 1
    done = command("spool", "status")
    assert (done.code, done.err) == (1, "")
    head, titles, line, hint = done.out.splitlines()
    assert head.startswith(f"{spool}: nothing waits, 1 entry is refused, ")
    assert titles.split() == ["account", "id", "event", "reason"]
    assert line.split(maxsplit=3) == [
        "acme",
        str(stored.id),
        KEY_CREATED,
        "an entry with this id and other content is stored already; it is unchanged",
    ]
    assert hint == (
        "next: remove the reasons, and run `auditwright spool drain --refused`; "
        "or take entries out by `auditwright spool discard`"
    )
    (shown,) = json.loads(command("spool", "status", "--format", "json").out)["refused_entries"]
    assert (shown["account_id"], shown["id"], shown["event"]) == ("acme", str(stored.id), KEY_CREATED)
    assert "  1 more refused entry" in command("spool", "status", "--limit", "0").out.splitlines()


# --- retention ---------------------------------------------------------------------------------------


def test_retention_deletes_nothing_from_a_spool(command: Auditwright, spool: Path, fill: Fill) -> None:
    fill(1, occurred_at=datetime(2020, 1, 1, tzinfo=UTC))
    for action in (("retain", "--older-than", "400d"), ("hold", "list")):
        done = command("database", *action, "--database", f"sqlite:///{spool}")
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            f"auditwright: {spool}: this is a spool, whose entries the database does not have yet; run "
            "`auditwright spool drain`, and then this command with the URL of the database\n"
        )
    assert command("spool", "status").out.startswith(f"{spool}: 1 entry waits since ")


# --- drain -----------------------------------------------------------------------------------------


@pytest.mark.postgresql_only
def test_drain_moves_what_waits(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    entries = fill(3)
    done = command("spool", "drain")
    assert (done.code, done.out, done.err) == (0, f"{spool}: 3 entries moved, 0 refused\n", "")
    assert [row[1] for row in database.rows()] == [each.id.bytes for each in entries]
    assert command("spool", "status").code == 0
    assert command("spool", "drain").out == f"{spool}: 0 entries moved, 0 refused\n"


@pytest.mark.postgresql_only
def test_drain_keeps_refused_entries(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    stored = refuse_one(database, fill)
    (other,) = fill(1)
    done = command("spool", "drain")
    assert (done.code, done.err) == (1, "")
    assert done.out == (
        f"{spool}: 1 entry moved, 1 refused\nnext: `auditwright spool status` shows why entries are refused\n"
    )
    assert [row[1] for row in database.rows()] == [stored.id.bytes, other.id.bytes]
    assert command("spool", "drain").code == 1


@pytest.mark.postgresql_only
def test_drain_moves_refused_entries_again(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    refuse_one(database, fill)
    assert command("spool", "drain").code == 1
    database.empty()  # the reason is gone
    done = command("spool", "drain", "--refused")
    assert (done.code, done.err) == (0, "")
    assert done.out == (f"{spool}: 1 refused entry to move again\n{spool}: 1 entry moved, 0 refused\n")
    ((description,),) = database.rows("SELECT description FROM audit_entry")
    assert description.endswith("other content")


@pytest.mark.postgresql_only
def test_drain_leaves_the_work_to_another_process(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    fill(1)
    with Path(f"{spool}-move").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = command("spool", "drain")
    assert (done.code, done.err) == (1, "")
    assert done.out == f"{spool}: another process is moving the entries of this spool\n"
    assert database.rows() == []


def test_drain_fails_while_the_database_is_away(command: Auditwright, spool: Path, fill: Fill) -> None:
    fill(1)
    done = command("spool", "drain", "--database", AWAY)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("auditwright: postgresql://127.0.0.1:1/audit: cannot connect: ")
    assert command("spool", "status").out.startswith(f"{spool}: 1 entry waits since ")


def test_drain_into_a_sqlite_file_is_refused(command: Auditwright, spool: Path, fill: Fill) -> None:
    fill(1)
    done = command("spool", "drain")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "auditwright: the entries of a spool belong to a PostgreSQL database: name it by --database "
        "postgresql://...\n"
    )
    assert not (spool.parent / "audit.db").exists()


@pytest.mark.postgresql_only
def test_drain_says_how_many_were_moved_before_an_error(
    command: Auditwright, database: PostgreSQLDatabase, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditwright.spool.mover.BATCH", 2)
    database.change(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER fails BEFORE INSERT ON audit_entry FOR EACH ROW "
        "WHEN (NEW.description LIKE '%no room%') EXECUTE FUNCTION fail()",
    )
    moved = fill(2)
    fill(1, details="no room")
    done = command("spool", "drain")
    assert (done.code, done.out) == (2, "")
    error, note = done.err.splitlines()
    assert "no space left (53100)" in error
    assert note == "2 entries were moved before"
    assert [row[1] for row in database.rows()] == [each.id.bytes for each in moved]


@pytest.mark.postgresql_only
def test_a_database_that_stops_in_between_refuses_none(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    """It takes three entries, which shows that another one is at fault, and then none, which does not."""
    fill(1, details="unwanted")
    entries = fill(19)
    database.change("CREATE SEQUENCE taken")
    refuse(
        database, "CASE WHEN NEW.description LIKE '%unwanted' THEN true ELSE nextval('public.taken') > 3 END"
    )
    done = command("spool", "drain")
    assert (done.code, done.out) == (2, "")
    assert "this is not wanted here (P0001)" in done.err
    assert database.rows("SELECT last_value > 3 FROM taken") == [(True,)]
    waiting, why = command("spool", "status").out.splitlines()
    assert waiting.startswith(f"{spool}: 20 entries wait since ")
    assert "this is not wanted here (P0001)" in why
    database.change("ALTER SEQUENCE taken MINVALUE -1000 RESTART -1000")
    done = command("spool", "drain")
    assert (done.code, done.out.splitlines()[0]) == (1, f"{spool}: 19 entries moved, 1 refused")
    assert [row[1] for row in database.rows()] == [each.id.bytes for each in entries]


@pytest.mark.postgresql_only
def test_a_drain_shows_its_progress_on_a_terminal(
    command: Auditwright, database: PostgreSQLDatabase, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(3)
    monkeypatch.setattr("auditwright.spool.mover.BATCH", 1)
    monkeypatch.setattr("auditwright.commands.progress.SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = command("spool", "drain")
    assert done.code == 0
    assert "\r\x1b[Kmoved 2 entries" in done.err
    assert done.err.endswith("\r\x1b[K")


# --- discard ---------------------------------------------------------------------------------------


@pytest.mark.postgresql_only
def test_discard_takes_refused_entries_into_a_file(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    stored = [refuse_one(database, fill) for _ in range(3)]
    assert command("spool", "drain").code == 1
    (waits,) = fill(1)
    before = [json.loads(each) for each in _lines_of(command, spool)]
    output = spool.with_name("refused.jsonl")
    done = command("spool", "discard", "--all", "--output", str(output))
    assert (done.code, done.err) == (0, "")
    titles, *lines, last = done.out.splitlines()
    assert titles.split() == ["account", "id", "event", "reason"]
    assert [line.split()[1] for line in lines] == [str(each.id) for each in stored]
    assert last == f"{spool}: 3 refused entries moved to {output}"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert [json.loads(each) for each in output.read_text().splitlines()] == [
        each for each in before if each["id"] != str(waits.id)
    ]
    (left,) = _lines_of(command, spool)
    assert json.loads(left)["id"] == str(waits.id)
    assert command("spool", "drain").out == f"{spool}: 1 entry moved, 0 refused\n"
    assert command("spool", "status").code == 0


def _lines_of(command: Auditwright, spool: Path) -> list[str]:
    """The lines of an export of the spool, which records nothing in it."""
    with closing(open_spool_file(f"sqlite:///{spool}", CATALOG, LARGEST)) as file:
        account = AccountLog(file, CATALOG, "acme")
        return b"".join(account.stream("jsonl")).decode().splitlines()


@pytest.mark.postgresql_only
def test_discard_takes_those_that_are_named(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    kept, *named = [refuse_one(database, fill) for _ in range(3)]
    assert command("spool", "drain").code == 1
    output = spool.with_name("refused.jsonl.gz")
    ids = [str(each.id) for each in named]
    done = command("spool", "discard", *ids, "--output", str(output))
    assert (done.code, done.err) == (0, "")
    with gzip.open(output) as stream:
        assert [json.loads(line)["id"] for line in stream] == ids
    (left,) = json.loads(command("spool", "status", "--format", "json").out)["refused_entries"]
    assert left["id"] == str(kept.id)


@pytest.mark.postgresql_only
def test_discarded_entries_can_be_imported(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    stored = refuse_one(database, fill)
    assert command("spool", "drain").code == 1
    output = spool.with_name("refused.jsonl")
    assert command("spool", "discard", "--all", "--output", str(output)).code == 0
    again = command("import", str(output), "--account", "acme")
    assert again.code == 1
    assert "an entry with this id and other content is stored already" in again.err
    other = str(stored.id)[:-4] + "0000"
    output.write_text(output.read_text().replace(str(stored.id), other))
    assert command("import", str(output), "--account", "acme").code == 0
    assert uuid.UUID(other).bytes in [row[1] for row in database.rows()]


@pytest.mark.parametrize("chosen", [[], ["--all", "0198c5f0-0000-7000-8000-000000000000"]])
def test_discard_wants_ids_or_all(command: Auditwright, fill: Fill, spool: Path, chosen: list[str]) -> None:
    fill(1)
    done = command("spool", "discard", *chosen, "--output", str(spool.with_name("refused.jsonl")))
    assert (done.code, done.out, done.err) == (
        2,
        "",
        "auditwright: name the ids of refused entries, or --all; nothing was discarded\n",
    )


def test_discard_leaves_entries_that_wait(command: Auditwright, fill: Fill, spool: Path) -> None:
    (waits,) = fill(1)
    output = spool.with_name("refused.jsonl")
    done = command("spool", "discard", str(waits.id), "--output", str(output))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"auditwright: {spool}: no refused entry has the id {waits.id}; nothing was discarded\n"
    )
    done = command("spool", "discard", "--all", "--output", str(output))
    assert (done.code, done.out, done.err) == (0, f"{spool}: no entry is refused\n", "")
    assert not output.exists()
    assert command("spool", "status").out.startswith(f"{spool}: 1 entry waits since ")
    done = command("spool", "discard", "u-17", "--output", str(output))
    assert done.usage_error == (
        "auditwright spool discard: error: argument ID: 'u-17' is not an entry's id; "
        "`auditwright spool status` shows those of refused entries"
    )


@pytest.mark.postgresql_only
def test_discard_replaces_no_file(
    command: Auditwright, database: PostgreSQLDatabase, spool: Path, fill: Fill
) -> None:
    refuse_one(database, fill)
    assert command("spool", "drain").code == 1
    output = spool.with_name("refused.jsonl")
    output.write_text("from before\n")
    done = command("spool", "discard", "--all", "--output", str(output))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"auditwright: {output}: the file exists already; nothing was discarded; name a new one\n"
    )
    assert output.read_text() == "from before\n"
    nowhere = spool.with_name("nowhere") / "refused.jsonl"
    done = command("spool", "discard", "--all", "--output", str(nowhere))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"auditwright: {nowhere}: the export was not written: ")
    assert json.loads(command("spool", "status", "--format", "json").out)["refused"] == 1


def test_refused_entries_that_wait_again_are_not_discarded(spool: Path, fill: Fill) -> None:
    """Somebody runs `drain --refused` while another one discards what was refused."""
    fill(2)
    with closing(open_spool_file(f"sqlite:///{spool}", CATALOG, LARGEST)) as file:
        first, second = file.oldest(2)
        file.refuse([(first, "no"), (second, "no")])
        assert file.retry_refused() == 2
        file.refuse([(second, "no")])
        assert file.discard([first, second]) == 1
        assert file.oldest(2) == [first]
        assert file.refused(-1) == []


@pytest.mark.parametrize("action", ["status", "drain", "discard"])
def test_every_action_has_a_help_text(auditwright: Auditwright, action: str) -> None:
    done = auditwright("spool", action, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: auditwright spool {action} [-h]")
    assert "exit code: 0 " in done.out
