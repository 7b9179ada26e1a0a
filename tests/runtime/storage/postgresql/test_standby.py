"""Reading from a standby, `read_url=`: what it shows and when, and what happens while it is away."""

from collections.abc import Iterator

import pytest
from tests.support.command_line import Auditwright
from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer, database_of, temporary_server
from tests.support.pgbouncer import pooled
from tests.support.standby import Standby, standby_of

from audit_events import AuditEvents
from auditwright import Actor, AuditLog, Filter, StorageError
from auditwright.storage.postgresql.roles import Roles, make_roles

ADA = Actor.user("u-17", "Ada Lovelace")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQLServer]:
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="module")
def copied(postgresql: PostgreSQLServer) -> PostgreSQLDatabase:
    made = postgresql.another()
    make_roles(made.url, Roles("copied"))
    postgresql.change(
        "CREATE ROLE copied_service LOGIN IN ROLE copied_writer",
        "CREATE ROLE copied_page LOGIN IN ROLE copied_reader",
    )
    return made


@pytest.fixture
def standby(postgresql: PostgreSQLServer, copied: PostgreSQLDatabase) -> Iterator[Standby]:
    with standby_of(postgresql) as made:
        yield made


def as_login(url: str, login: str) -> str:
    return url.replace("postgres:@", f"{login}@")


def record(log: AuditLog, account: str) -> str:
    return AuditEvents(log).account.app_api_key.app_api_key_created(actor=ADA, account_id=account).id.hex


def test_standby_shows_one_account_as_the_primary_does(
    postgresql: PostgreSQLServer, copied: PostgreSQLDatabase, standby: Standby
) -> None:
    own = PostgreSQLDatabase(standby.url(copied.url))
    page = as_login(standby.url(copied.url), "copied_page")
    with AuditLog.open(as_login(copied.url, "copied_service"), read_url=page) as log:
        ids = [record(log, "acme") for _ in range(3)]
        other = record(log, "globex")
        standby.catch_up()
        acme = log.account("acme")
        assert [entry.id.hex for entry in acme.entries().entries] == ids[::-1]
        assert [entry.id.hex for entry in log.account("globex").all()] == [other]
        assert acme.count(Filter.parse(["user:is:u-17"])) == 3
        assert len(acme.entries(search="key").entries) == 3
        assert acme.users("Ada") == [ADA]
        assert len(b"".join(acme.stream("jsonl")).splitlines()) == 3
        older = acme.entries(limit=1)
        assert [entry.id.hex for entry in acme.entries(limit=1, after=older.next).entries] == [ids[1]]

        own.change("SELECT pg_wal_replay_pause()")  # then an entry is not there, and there is no error
        record(log, "acme")
        assert acme.count() == 3
        own.change("SELECT pg_wal_replay_resume()")
        standby.catch_up()
        assert acme.count() == 4

    bare = "SELECT count(*) FROM audit_entry"
    reader = PostgreSQLDatabase(page)
    assert reader.rows(bare) == [(0,)]  # row-level security, without an account
    with reader.connect() as connection:
        connection.execute("SET auditwright.account_id = 'globex'")
        assert connection.execute(bare).fetchall() == [(1,)]


def test_commits_can_wait_until_the_standby_shows_them(
    postgresql: PostgreSQLServer, copied: PostgreSQLDatabase, standby: Standby
) -> None:
    postgresql.change(
        "ALTER SYSTEM SET synchronous_standby_names = '*'",
        "SELECT pg_reload_conf()",
        "ALTER ROLE copied_service SET synchronous_commit = remote_apply",
    )
    try:
        page = as_login(standby.url(copied.url), "copied_page")
        with AuditLog.open(as_login(copied.url, "copied_service"), read_url=page) as log:
            record(log, "shown")
            for number in range(20):
                recorded = record(log, "shown")
                assert log.account("shown").entries(limit=1).entries[0].id.hex == recorded, number
    finally:
        postgresql.change(
            "ALTER ROLE copied_service RESET synchronous_commit",
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
        )


def test_recording_on_a_standby_is_refused(copied: PostgreSQLDatabase, standby: Standby) -> None:
    url = as_login(standby.url(copied.url), "copied_service")
    with (
        AuditLog.open(url) as log,
        pytest.raises(StorageError, match="nothing is stored: the server is a stand"),
    ):
        record(log, "acme")


def test_standby_of_another_database_is_refused(
    postgresql: PostgreSQLServer, copied: PostgreSQLDatabase, standby: Standby
) -> None:
    other = postgresql.another()
    standby.catch_up()
    with pytest.raises(StorageError, match="read_url= is another database than url="):
        AuditLog.open(as_login(copied.url, "copied_service"), read_url=standby.url(other.url))


def test_recording_goes_on_while_the_standby_is_away(
    postgresql: PostgreSQLServer, copied: PostgreSQLDatabase, standby: Standby
) -> None:
    service = as_login(copied.url, "copied_service")
    page = as_login(standby.url(copied.url), "copied_page")
    with AuditLog.open(service, read_url=page) as log:
        record(log, "away")
        standby.catch_up()
        assert log.account("away").count() == 1
        standby.stop()
        record(log, "away")
        with pytest.raises(StorageError):
            log.account("away").count()
    with pytest.raises(StorageError, match="cannot connect"):
        AuditLog.open(service, read_url=page)
    login, _, host = as_login(copied.url, "copied_page").partition("?host=")
    both = f"{login}?host={standby.folder},{host}&target_session_attrs=prefer-standby"
    with AuditLog.open(service, read_url=both) as log:
        assert log.account("away").count() == 2


def test_pooler_and_serializable_default_of_a_standby(postgresql: PostgreSQLServer, standby: Standby) -> None:
    """The default comes from the primary; with it, a standby refuses all that names no isolation."""
    made = postgresql.another()
    with AuditLog.open(made.url) as log:
        recorded = record(log, "acme")
    made.change(f"ALTER DATABASE {database_of(made)} SET default_transaction_isolation = serializable")
    standby.catch_up()
    copy = PostgreSQLDatabase(standby.url(made.url))
    with (
        pooled(copy) as url,
        AuditLog.open(made.url, read_url=url) as split,
        AuditLog.open(url) as alone,
    ):
        for log in (split, alone):
            assert [entry.id.hex for entry in log.account("acme").entries().entries] == [recorded]
            assert log.account("acme").count() == 1


def test_database_check_reads_a_standby(
    copied: PostgreSQLDatabase, standby: Standby, auditwright: Auditwright
) -> None:
    with AuditLog.open(as_login(copied.url, "copied_service")) as log:
        record(log, "checked")
    standby.catch_up()
    url = standby.url(copied.url)
    for options in ((), ("--events-only",)):
        done = auditwright("database", "check", "--account", "checked", *options, "--database", url)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"{PostgreSQLDatabase(url).name}: 1 entry of the account checked, ")


def test_commands_that_need_the_primary_say_so(
    copied: PostgreSQLDatabase, standby: Standby, auditwright: Auditwright
) -> None:
    url = standby.url(copied.url)
    for action in ("create", "upgrade --dry-run", "roles", "retain --older-than 400d", "hold list"):
        done = auditwright("database", *action.split(), "--database", url)
        assert (done.code, done.out) == (2, ""), action
        assert done.err.endswith(
            "; the server is a standby: connect to the primary, or name all servers and "
            "target_session_attrs=read-write in the URL\n"
        )
