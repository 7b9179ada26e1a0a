"""Recording and reading behind a connection pooler in transaction mode, PgBouncer, which others use too."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from tests.support.databases import PostgreSQLDatabase, import_pgserver
from tests.support.pgbouncer import pooled
from tests.support.processes import run_at_once
from tests.support.sample_events import KEY_CREATED, form, record

from audit_events import CATALOG
from auditwright import AuditLog, IdConflict, StorageError
from auditwright.storage.base import SetupResult

import_pgserver()  # or skip the module

psycopg = pytest.importorskip("psycopg")

from auditwright.storage import create_database, upgrade_database  # noqa: E402

pytestmark = pytest.mark.postgresql_only

SETTINGS = ("synchronous_commit", "lock_timeout", "jit", "enable_sort", "statement_timeout", "TimeZone")
"""Some of what the log sets for its own transactions."""
NOTE_SETTINGS = (
    "CREATE TABLE noted (synchronous_commit text, lock_timeout text)",
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.noted VALUES ("
    "current_setting('synchronous_commit'), current_setting('lock_timeout')); RETURN NULL; END $$",
    "CREATE TRIGGER note AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION note()",
)
RECORD_AND_READ = """
import logging, sys
from audit_events import CATALOG
from auditwright import Actor, AuditLog, Filter
logging.getLogger("auditwright").setLevel(logging.ERROR)
url, number = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
event = {"event": "account.app_api_key.app_api_key_created", "metadata": {}}
actor = Actor.user(f"u-{number}")
with AuditLog.open(url, account_id="acme", catalog=CATALOG) as log:
    acme, mine = log.account("acme"), Filter.parse([f"user:is:u-{number}"])
    with log.acting(actor):
        for _ in range(6):
            log.record_form(event)
            assert log.record_many([event] * 15) == 15
            assert len(acme.entries(limit=10).entries) == 10
            assert len(acme.entries(mine, limit=5).entries) == 5
    assert acme.count(mine) == 6 * 16
    assert len(b"".join(piece for piece in acme.stream("jsonl")).splitlines()) >= 6 * 16
"""


@pytest.fixture
def url(database: PostgreSQLDatabase) -> Iterator[str]:
    """The URL of the database behind a pooler with two connections to the server."""
    with pooled(database) as url:
        yield url


@pytest.fixture
def log(url: str) -> Iterator[AuditLog]:
    with AuditLog.open(url, account_id="acme", catalog=CATALOG) as log:
        yield log


@contextmanager
def other_clients(url: str, count: int = 2) -> Iterator[None]:
    """Clients that use the pool all the time, with prepared statements named as psycopg names them."""
    done = threading.Event()

    def work() -> None:
        with closing(psycopg.connect(url, autocommit=True, prepare_threshold=None)) as connection:
            while not done.is_set():
                with connection.transaction():
                    connection.execute("DEALLOCATE ALL")
                    for number in range(3):
                        connection.pgconn.prepare(f"_pg3_{number}".encode(), b"SELECT 1 WHERE $1 = 2")

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def sessions(url: str, count: int = 2) -> list[list[str]]:
    """The settings in each session of the server that the pool has."""
    found: list[list[str]] = []
    connections = [psycopg.connect(url) for _ in range(count)]  # each transaction holds one
    for connection in connections:
        found.append([connection.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS])
    for connection in connections:
        connection.close()
    return found


def test_processes_record_and_read_while_others_use_the_pool(database: PostgreSQLDatabase, url: str) -> None:
    with other_clients(url):
        run_at_once(RECORD_AND_READ, [(url, str(number)) for number in range(8)])
    assert database.rows("SELECT count(*), count(DISTINCT id) FROM audit_entry") == [(8 * 6 * 16,) * 2]


def test_every_commit_is_durable_and_no_setting_stays(database: PostgreSQLDatabase) -> None:
    name = database.url.rpartition("?")[0].rpartition("/")[2]
    database.change(*NOTE_SETTINGS, f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pooled(database) as url:
        before = sessions(url)
        assert before[0][0] == "off"
        with other_clients(url), AuditLog.open(url, account_id="acme", catalog=CATALOG) as log:
            threads = [threading.Thread(target=record, args=(log, KEY_CREATED)) for _ in range(30)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            log.record_many([form(KEY_CREATED, {}) for _ in range(20)])
            log.record_many([form(KEY_CREATED, {}) for _ in range(6_000)])
            log.record_forms([form(KEY_CREATED, {}) for _ in range(1_500)])
            assert log.account("acme").count() == 30 + 20 + 6_000 + 1_500
        assert sessions(url) == before
    found = database.rows("SELECT count(*), synchronous_commit, lock_timeout FROM noted GROUP BY 2, 3")
    assert found == [(30 + 20 + 6_000 + 1_500, "on", "10s")]


def test_operators_leave_no_settings_in_the_pool(database: PostgreSQLDatabase) -> None:
    from auditwright.storage.postgresql.inspection import PostgreSQLInspection
    from auditwright.storage.postgresql.retention import PostgreSQLRetentionStore

    with pooled(database) as url:
        before = sessions(url)
        assert upgrade_database(url, CATALOG).changes == ()
        with closing(PostgreSQLInspection(url, CATALOG)) as inspection:
            assert inspection.differences() == ()
        with closing(PostgreSQLRetentionStore(url, CATALOG)) as store:
            assert store.holds() == []
        assert sessions(url) == before


def test_a_database_is_created_through_the_pool(database: PostgreSQLDatabase) -> None:
    database.change("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with pooled(database) as url:
        made: SetupResult = create_database(url, CATALOG)
        assert made.changes
        with AuditLog.open(url, account_id="acme", catalog=CATALOG) as log:
            record(log, KEY_CREATED)
            assert log.account("acme").count() == 1


def test_a_repeated_id_is_stored_once_and_a_conflict_refused(log: AuditLog) -> None:
    entry = record(log, KEY_CREATED)
    assert record(log, KEY_CREATED, id=entry.id).recorded_at == entry.recorded_at
    with pytest.raises(IdConflict):
        record(log, KEY_CREATED, id=entry.id, details="other")
    given = [form(KEY_CREATED, {}, id=str(entry.id), ip_address="192.0.2.1"), form(KEY_CREATED, {})]
    stored = log.record_forms(given)
    assert [type(each).__name__ for each in stored] == ["IdConflict", "Entry"]
    assert log.account("acme").count() == 2


def test_callers_transactions_are_joined(database: PostgreSQLDatabase, url: str, log: AuditLog) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1))
    with other_clients(url):
        for _ in range(12):
            with Session(engine) as session:
                record(log, KEY_CREATED, session=session)
                session.commit()
            with closing(psycopg.connect(url)) as connection:
                record(log, KEY_CREATED, session=connection)
                connection.commit()
        with closing(psycopg.connect(url)) as connection:
            for _ in range(12):
                record(log, KEY_CREATED, session=connection)
                connection.commit()
    engine.dispose()
    assert log.account("acme").count() == 36
    assert database.rows("SELECT count(*) FROM pg_prepared_statements") == [(0,)]


def test_refused_options_have_a_hint(url: str) -> None:
    with pytest.raises(StorageError, match=r"unsupported startup parameter: options; .*SET search_path = "):
        AuditLog.open(f"{url}?options=-csearch_path%3Daudit", catalog=CATALOG)


def test_an_error_before_a_free_connection_stores_nothing(database: PostgreSQLDatabase) -> None:
    with pooled(database, size=1, wait=1) as url:
        log = AuditLog.open(url, account_id="acme", catalog=CATALOG)
        with closing(psycopg.connect(url)) as other:
            other.execute("SELECT 1")  # holds the only connection to the server
            with pytest.raises(StorageError, match=r"query_wait_timeout.*; nothing is stored") as caught:
                record(log, KEY_CREATED)
        assert not caught.value.outcome_unknown
        record(log, KEY_CREATED)
        assert log.account("acme").count() == 1
        log.close()
