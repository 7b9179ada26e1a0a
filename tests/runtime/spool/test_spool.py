"""A log with a spool: what is recorded while the database is away, and that it comes there once, in order."""

import stat
from pathlib import Path

import pytest
from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer
from tests.support.sample_events import KEY_CREATED, record
from tests.support.spools import Opens, open_with_spool, stored
from tests.support.tcp_proxy import TcpProxy, proxy_of
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AuditLog, StorageError, ValidationError

pytestmark = pytest.mark.postgresql_only


def make_read_only(database: PostgreSQLDatabase, is_on: bool) -> None:
    """Let the database refuse writes, as a standby does, or take them again."""
    name = database.rows("SELECT current_database()")[0][0]
    database.change(
        "SET default_transaction_read_only = off",
        f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if is_on else 'off'}",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_entries_go_straight_to_the_database(database: PostgreSQLDatabase, opens: Opens) -> None:
    log = opens(database.url)
    entry = record(log, KEY_CREATED)
    assert not entry.spooled
    assert stored(database) == [entry.id.hex]
    health = log.health()
    assert (health.reachable, health.spooled, health.refused) == (True, 0, 0)


def test_entries_of_a_silent_database_are_spooled_and_moved(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    first = record(log, KEY_CREATED)
    proxy.be_silent()
    spooled = [record(log, KEY_CREATED) for _ in range(20)]
    assert [each.spooled for each in spooled] == [True] * 20
    health = log.health()
    assert (health.reachable, health.spooled) == (False, 20)
    assert health.oldest_spooled == spooled[0].recorded_at
    assert health.last_error is not None
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert stored(database) == [each.id.hex for each in (first, *spooled)]
    wait_until(lambda: not record(log, KEY_CREATED).spooled)


def test_a_reader_that_is_away_sends_no_entry_into_the_spool(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    proxy.be_away()
    log = opens(database.url, read_url=proxy.url)
    entry = record(log, KEY_CREATED)
    assert not entry.spooled
    assert log.health().reachable
    with pytest.raises(StorageError, match="cannot connect"):
        log.account("acme").count()
    proxy.pass_again()
    assert log.account("acme").count() == 1


def test_a_reader_of_another_database_is_refused_once_it_is_back(
    postgresql: PostgreSQLServer, database: PostgreSQLDatabase, opens: Opens
) -> None:
    with proxy_of(postgresql.another().url) as other:
        other.be_away()
        log = opens(database.url, read_url=other.url)
        other.pass_again()
        for _ in range(2):
            with pytest.raises(StorageError, match="read_url= is another database than url="):
                log.account("acme").count()
        assert not record(log, KEY_CREATED).spooled


def test_its_log_asks_nobody_to_record_again(
    proxy: TcpProxy, opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    """What an error tells a caller about the entry is wrong where the spool has it."""
    log = opens()
    record(log, KEY_CREATED)
    proxy.be_silent()
    record(log, KEY_CREATED)
    lost, *_ = (each.getMessage() for each in caplog.records if "is away" in each.getMessage())
    assert lost.endswith("cannot write: the database has not answered within the timeout")
    assert log.health().last_error == lost.partition("into the spool: ")[2]
    proxy.pass_again()
    wait_until(lambda: "1 entry moved from the spool to the database" in caplog.messages)


def test_entries_of_a_read_only_database_are_spooled(database: PostgreSQLDatabase, opens: Opens) -> None:
    log = opens(database.url)
    make_read_only(database, True)
    spooled = record(log, KEY_CREATED)
    assert spooled.spooled
    assert stored(database) == []
    make_read_only(database, False)
    wait_until(lambda: stored(database) == [spooled.id.hex])


def test_a_database_that_answers_and_stores_nothing_is_away(
    database: PostgreSQLDatabase, opens: Opens
) -> None:
    log = opens(database.url)
    database.change(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER fails BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    assert record(log, KEY_CREATED).spooled
    health = log.health()
    assert (health.reachable, health.spooled) == (False, 1)
    assert health.last_error is not None
    assert "no space left (53100)" in health.last_error
    database.change("DROP TRIGGER fails ON audit_entry")
    wait_until(lambda: log.health().spooled == 0)
    assert log.health().reachable


def test_a_log_opens_while_the_database_is_away(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    proxy.be_silent()
    log = opens()
    spooled = record(log, KEY_CREATED)
    assert spooled.spooled
    with pytest.raises(StorageError, match="cannot connect"):
        log.account("acme").entries()
    proxy.pass_again()
    wait_until(lambda: stored(database) == [spooled.id.hex])
    assert [each.id for each in log.account("acme").all()] == [spooled.id]


def test_a_spool_left_by_a_process_is_moved_by_the_next(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    proxy.be_silent()
    log = opens()
    spooled = record(log, KEY_CREATED)
    log.close()
    proxy.pass_again()
    opens()
    wait_until(lambda: stored(database) == [spooled.id.hex])


def test_a_conflicting_entry_is_kept_apart(
    database: PostgreSQLDatabase, proxy: TcpProxy, opens: Opens
) -> None:
    log = opens()
    first = record(log, KEY_CREATED)
    proxy.be_silent()
    other = record(log, KEY_CREATED, id=first.id, occurred_at=first.occurred_at, details="other content")
    after = record(log, KEY_CREATED)
    assert other.spooled
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    assert stored(database) == [first.id.hex, after.id.hex]
    assert log.health().refused == 1


def test_files_of_a_spool_are_readable_by_their_owner_only(
    database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path, opens: Opens
) -> None:
    proxy.be_silent()
    log = opens()
    record(log, KEY_CREATED)
    proxy.pass_again()
    wait_until(lambda: log.health().spooled == 0)
    files = sorted(path for path in spool.parent.iterdir() if path.name.startswith(spool.name))
    assert len(files) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_an_audit_log_is_not_taken_for_a_spool(database: PostgreSQLDatabase, spool: Path) -> None:
    with AuditLog.open(f"sqlite:///{spool}", account_id="acme", catalog=CATALOG) as log:
        record(log, KEY_CREATED)
    with pytest.raises(StorageError, match="an audit log with entries, not a spool"):
        open_with_spool(database.url, spool)


def test_a_spool_of_sqlite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="spool= is for PostgreSQL"):
        AuditLog.open(f"sqlite:///{tmp_path}/a.db", catalog=CATALOG, spool=f"sqlite:///{tmp_path}/b.db")


@pytest.mark.parametrize("size", [0, True, 1.5, "1 GiB", 1024**5])
def test_sizes_out_of_range_are_refused(database: PostgreSQLDatabase, spool: Path, size: object) -> None:
    with pytest.raises(ValidationError, match="spool_bytes"):
        open_with_spool(database.url, spool, spool_bytes=size)


def test_a_full_spool_is_an_error(database: PostgreSQLDatabase, proxy: TcpProxy, spool: Path) -> None:
    with open_with_spool(proxy.url, spool, spool_bytes=1024**2) as log:
        proxy.be_silent()
        acknowledged: list[str] = []

        def fill() -> None:
            for _ in range(2_000):
                acknowledged.append(record(log, KEY_CREATED, details="x" * 1_000).id.hex)

        with pytest.raises(StorageError, match="neither the spool nor the database") as caught:
            fill()
        assert caught.value.entry is not None
        proxy.pass_again()
        wait_until(lambda: log.health().spooled == 0)
        assert set(acknowledged) <= set(stored(database))
        wait_until(lambda: not record(log, KEY_CREATED).spooled)


def test_a_refused_login_is_an_error(database: PostgreSQLDatabase, spool: Path) -> None:
    url = database.url_of("nobody_here")
    with pytest.raises(StorageError, match="does not exist"):
        open_with_spool(url, spool)
