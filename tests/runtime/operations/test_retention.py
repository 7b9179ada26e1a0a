"""Retention: old entries are deleted and the deletion is recorded; holds are respected."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.databases import Database, PostgreSQLDatabase, PostgreSQLServer, SQLiteDatabase, open_log
from tests.support.sample_events import ADA, record

from audit_events import CATALOG
from auditwright import Actor, Entry, StorageError
from auditwright.operations.retention import list_holds, place_hold, prune, remove_hold
from auditwright.storage import open_inspection
from auditwright.storage.base import MAX_NAMES
from auditwright.storage.postgresql import retention as postgresql_retention
from auditwright.storage.retention import ExpiredEntries, PruneResult
from auditwright.storage.sqlite import retention as sqlite_retention
from auditwright.storage.sqlite.triggers import deleting

LOGIN, PRUNED = "account.login_logout.login", "audit.log.pruned"
NOW = datetime.now(UTC)
MONTH = timedelta(days=31)
OPERATOR = Actor.user("u-99", "Grace Hopper")


def month(back: int) -> datetime:
    """The middle of the month `back` months ago, or two hours ago if that is later."""
    number = NOW.year * 12 + NOW.month - 1 - back
    return min(datetime(number // 12, number % 12 + 1, 15, 12, 30, tzinfo=UTC), NOW - timedelta(hours=2))


def beginning(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


BEFORE = beginning(month(12))
"""The limit of most tests: the beginning of a month, so that both engines delete the same entries."""


@pytest.fixture
def old(database: Database) -> dict[str, list[Entry]]:
    return fill(database)


def fill(database: Database) -> dict[str, list[Entry]]:
    """Entries of three accounts: 30, 14, 13, 11 and 0 months old; the partitions begin 20 months ago."""
    if isinstance(database, PostgreSQLDatabase):
        partitions = database.rows(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent IN ('audit_entry'::regclass, 'audit_target'::regclass)"
        )
        first = f"audit_first_id('{beginning(month(20)):%Y-%m-%d}')"
        database.change(
            *(f"DROP TABLE {name}" for (name,) in partitions),
            f"SELECT audit_add_partition('audit_entry_first', NULL, {first})",
            "SELECT audit_make_partitions(3)",
        )
    made: dict[str, list[Entry]] = {}
    with open_log(database) as log:
        for account_id in ("acme", "globex", "initech"):
            made[account_id] = [
                record(
                    log,
                    LOGIN,
                    {"email_id": "a@example.com"},
                    account_id=account_id,
                    occurred_at=month(back) + timedelta(seconds=number),
                )
                for number, back in enumerate((30, 14, 13, 11, 0))
                if account_id != "initech" or back <= 13
            ]
    return made


def all_entries(database: Database) -> dict[str, list[Entry]]:
    """All entries by account, oldest first."""
    with open_log(database) as log:
        return {each: list(log.account(each).all())[::-1] for each in log.accounts()}


def run(database: Database, **options: Any) -> PruneResult:
    return prune(database.url, CATALOG, options.pop("before", BEFORE), OPERATOR, **options)


def of(account_id: str, entries: list[Entry]) -> ExpiredEntries:
    return ExpiredEntries(account_id, len(entries), entries[0].occurred_at, entries[-1].occurred_at)


def test_prune_deletes_old_entries_and_records_it(database: Database, old: dict[str, list[Entry]]) -> None:
    done = run(database)
    assert done.name == database.name
    assert done.before == BEFORE
    assert done.deleted == (
        of("acme", old["acme"][:3]),
        of("globex", old["globex"][:3]),
        of("initech", old["initech"][:1]),
    )
    assert done.held == ()
    left = all_entries(database)
    for account_id, entries in old.items():
        *remaining, last = left[account_id]
        assert remaining == entries[-2:]
        gone = entries[:-2]
        assert (last.event, last.actor.id, last.metadata["entries"]) == (PRUNED, "u-99", len(gone))
        times = [datetime.fromisoformat(last.metadata[name]) for name in ("before", "first", "last")]
        assert times == [BEFORE, gone[0].occurred_at, gone[-1].occurred_at]
        assert last.description.endswith(f"; number of entries: {len(gone)}.")
    again = run(database)
    assert (again.deleted, again.held, again.dropped) == ((), (), ())
    assert all_entries(database) == left


def test_dry_run_reports_and_changes_nothing(database: Database, old: dict[str, list[Entry]]) -> None:
    reported = run(database, dry_run=True)
    assert all_entries(database) == old
    assert run(database) == reported


def test_postgresql_keeps_the_month_of_the_limit(database: Database, old: dict[str, list[Entry]]) -> None:
    done = run(database, before=month(12) + timedelta(hours=3))
    if database.engine == "postgresql":
        assert done.before == BEFORE
    else:
        assert done.before == month(12) + timedelta(hours=3)
    assert sum(each.entries for each in done.deleted) == 7


def test_prune_of_one_account_leaves_the_others(database: Database, old: dict[str, list[Entry]]) -> None:
    assert run(database, account_id="globex", dry_run=True).deleted == (of("globex", old["globex"][:3]),)
    assert run(database, account_id="globex").deleted == (of("globex", old["globex"][:3]),)
    left = all_entries(database)
    assert left["acme"] == old["acme"]
    assert left["initech"] == old["initech"]
    assert left["globex"][:2] == old["globex"][-2:]
    assert run(database, account_id="nobody").deleted == ()


# --- users -----------------------------------------------------------------------------------------


def by(database: Database, account_id: str, back: int, *actors: Actor) -> None:
    """Record an entry by each actor, `back` months ago."""
    with open_log(database) as log:
        for actor in actors:
            moment = month(back) + timedelta(hours=1)
            record(
                log,
                LOGIN,
                {"email_id": "a@b.example"},
                account_id=account_id,
                occurred_at=moment,
                actor=actor,
            )


def users(database: Database, account_id: str, text: str = "") -> list[str | None]:
    with open_log(database) as log:
        return [actor.name or actor.id for actor in log.account(account_id).users(text)]


@pytest.mark.parametrize("account_id", [None, "acme"])
def test_user_without_entries_is_removed(
    database: Database, old: dict[str, list[Entry]], account_id: str | None
) -> None:
    gone, active = Actor.user("u-1", "Gone"), Actor.app("u-2")
    for account in ("acme", "globex"):
        by(database, account, 14, gone, active, Actor.user("u-3", "Maiden"))
        by(database, account, 1, active, Actor.user("u-3", "Married"))
    place_hold(database.url, CATALOG, "globex", "Case 17", OPERATOR)
    run(database, dry_run=True, account_id=account_id)
    assert users(database, "acme") == ["Gone", "Ada Lovelace", "u-2", "Married"]
    assert users(database, "acme", "maiden") == ["Married"]
    run(database, account_id=account_id)
    assert users(database, "acme") == ["Ada Lovelace", "u-2", "Married", "Grace Hopper"]
    assert users(database, "acme", "maiden") == ["Married"]
    assert users(database, "globex") == ["Gone", "Ada Lovelace", "u-2", "Married", "Grace Hopper"]
    assert users(database, "globex", "maiden") == ["Married"]
    by(database, "acme", 0, gone)
    assert users(database, "acme", "gone") == ["Gone"]


@pytest.mark.parametrize("remaining", [1, 30])
def test_user_with_entries_keeps_every_name(database: Database, remaining: int) -> None:
    """Even where no remaining entry has one of the stored names."""
    with open_log(database) as log:
        for number in range(120 + remaining):
            back = 14 if number < 120 else 1
            record(
                log, LOGIN, {"email_id": "a@b.example"}, actor=Actor.app("job", f"Run {number:03}"),
                occurred_at=month(back) + timedelta(seconds=number),
            )  # fmt: skip
    names = "SELECT count(*) FROM audit_user WHERE actor_id = 'job'"
    run(database)
    assert database.rows("SELECT count(*) FROM audit_entry WHERE actor_id = 'job'") == [(remaining,)]
    assert users(database, "acme", "job") == users(database, "acme", "run 000") == ["Run 099"]
    assert database.rows(names) == [(MAX_NAMES,)]
    run(database, before=month(0))
    assert users(database, "acme", "job") == users(database, "acme", "run") == []
    assert database.rows(names) == [(0,)]


def test_actor_of_retention_keeps_every_name(database: Database) -> None:
    by(database, "acme", 14, Actor.user("u-99", "Hedy Kiesler"))
    run(database)
    assert users(database, "acme", "kiesler") == users(database, "acme", "u-99") == ["Grace Hopper"]


@pytest.mark.postgresql_only
def test_user_who_records_during_prune_is_kept(
    database: Database, old: dict[str, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(postgresql_retention, "LOCK_SECONDS", 0.1)
    gone = Actor.user("u-1", "Gone")
    by(database, "acme", 14, gone)
    with open_log(database) as log, closing(psycopg.connect(database.url)) as session:
        record(log, LOGIN, {"email_id": "a@b.example"}, actor=gone, session=session)
        with pytest.raises(StorageError, match="a long transaction holds the lock: try again"):
            run(database, account_id="acme")
        session.commit()
    run(database, account_id="acme")
    assert users(database, "acme", "gone") == ["Gone"]


# --- holds -----------------------------------------------------------------------------------------


def test_account_on_hold_keeps_its_entries(database: Database, old: dict[str, list[Entry]]) -> None:
    assert place_hold(database.url, CATALOG, "globex", "Case 17", OPERATOR)
    assert not place_hold(database.url, CATALOG, "globex", "Case 17", OPERATOR)
    done = run(database)
    assert [each.account_id for each in done.deleted] == ["acme", "initech"]
    assert done.held == (of("globex", old["globex"][:3]),)
    left = all_entries(database)
    assert left["globex"][:5] == old["globex"]
    assert left["globex"][5].description == "Grace Hopper placed a hold on the account: Case 17."
    assert left["acme"][0] == old["acme"][3]
    assert run(database, account_id="globex").held == done.held
    assert remove_hold(database.url, CATALOG, "globex", ADA)
    assert remove_hold(database.url, CATALOG, "globex", ADA) is None
    assert [each.account_id for each in run(database).deleted] == ["globex"]
    events = [entry.event for entry in all_entries(database)["globex"]]
    assert events == [LOGIN, LOGIN, "audit.log.held", "audit.log.released", PRUNED]


def test_hold_expires(database: Database, old: dict[str, list[Entry]]) -> None:
    place_hold(database.url, CATALOG, "acme", "Case 17", OPERATOR, until=datetime.now(UTC) + MONTH)
    (hold,) = list_holds(database.url, CATALOG)
    assert (hold.account_id, hold.reason) == ("acme", "Case 17")
    assert hold.until is not None
    assert run(database, dry_run=True).held == (of("acme", old["acme"][:3]),)
    past = "1" if database.engine == "sqlite" else "'2020-01-01T00:00:00Z'"
    database.change(f"UPDATE audit_hold SET until = {past}")
    assert len(run(database).deleted) == 3
    with pytest.raises(StorageError, match="would be expired; give a time in the future"):
        place_hold(database.url, CATALOG, "acme", "Case 17", OPERATOR, until=datetime.now(UTC) - MONTH)


# --- all or nothing --------------------------------------------------------------------------------


def test_nothing_is_deleted_if_recording_fails(database: Database, old: dict[str, list[Entry]]) -> None:
    if database.engine == "sqlite":
        database.change(
            f"CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry WHEN NEW.event = '{PRUNED}' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    else:
        database.change(f"ALTER TABLE audit_entry ADD CONSTRAINT full_disk CHECK (event <> '{PRUNED}')")
    with pytest.raises(StorageError):
        run(database)
    assert all_entries(database) == old
    if database.engine == "postgresql":
        assert database.rows("SELECT count(*) FROM audit_retention") == [(0,)]


def test_entries_stay_append_only_after_prune(database: Database, old: dict[str, list[Entry]]) -> None:
    place_hold(database.url, CATALOG, "globex", "Case 17", OPERATOR)
    run(database)
    if database.engine == "postgresql":
        assert database.rows("SELECT count(*) FROM audit_retention") == [(0,)]
    left = all_entries(database)
    for statement in (
        "DELETE FROM audit_entry",
        f"DELETE FROM audit_entry WHERE event = '{LOGIN}'",
        "UPDATE audit_entry SET description = ''",
    ):
        with pytest.raises(Exception, match=r"append.only"):
            database.change(statement)
    assert all_entries(database) == left
    with closing(open_inspection(database.url, CATALOG)) as inspection:
        assert inspection.differences() == ()


def test_permit_of_retention_is_limited(database: Database, old: dict[str, list[Entry]]) -> None:
    """The permit is valid for one transaction, account and time, and a hold overrides it."""
    place_hold(database.url, CATALOG, "globex", "Case 17", OPERATOR)
    acme, globex = old["acme"], old["globex"]
    for statement, allowed in (
        (f"id = '{acme[0].id}'", True),
        (f"id = '{acme[3].id}'", False),
        (f"id = '{globex[0].id}'", False),
        (f"id = '{old['initech'][0].id}'", False),
    ):
        for account_id in ("acme", "globex"):
            done = _delete_with_permit(database, statement, account_id)
            assert done == (allowed and account_id == "acme"), (statement, account_id)
    assert all_entries(database)["acme"] == acme


def _delete_with_permit(database: Database, condition: str, account_id: str) -> bool:
    """Whether a transaction with the permit can delete; it is rolled back."""
    if isinstance(database, SQLiteDatabase):
        condition = condition.replace("id = '", "id = x'").replace("-", "")
        limit = bytes.fromhex(f"{int(BEFORE.timestamp() * 1000):012x}") + bytes(10)
        with closing(sqlite3.connect(database.path)) as file, deleting(file, account_id, limit):
            try:
                return file.execute(f"DELETE FROM audit_entry WHERE {condition}").rowcount == 1
            except sqlite3.IntegrityError:
                return False
    import psycopg

    from auditwright.storage.postgresql.distribution import transaction_id

    assert isinstance(database, PostgreSQLDatabase)
    with database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("SELECT count(*) FROM audit_entry")
        connection.execute(
            "INSERT INTO audit_retention VALUES (%s, audit_first_id(%s), %s)",
            (transaction_id(connection), BEFORE.replace(tzinfo=None), account_id),
        )
        try:
            with connection.transaction():
                done = connection.execute(f"DELETE FROM audit_entry WHERE {condition}".encode())
        except psycopg.errors.InsufficientPrivilege:
            return False
        return bool(done.rowcount == 1)


# --- SQLite: batches -------------------------------------------------------------------------------


@pytest.mark.sqlite_only
def test_sqlite_deletes_in_recorded_batches(
    database: Database, old: dict[str, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_retention, "BATCH", 2)
    counts: list[int] = []
    done = run(database, progress=counts.append)
    assert done.deleted == (
        of("acme", old["acme"][:3]),
        of("globex", old["globex"][:3]),
        of("initech", old["initech"][:1]),
    )
    assert counts == [2, 3, 5, 6, 7]
    counts_recorded = [
        entry.metadata["entries"] for entry in all_entries(database)["acme"] if entry.event == PRUNED
    ]
    assert counts_recorded == [2, 1]


@pytest.mark.sqlite_only
def test_interrupted_prune_can_be_resumed(
    database: Database, old: dict[str, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_retention, "BATCH", 2)

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(database, progress=interrupt)
    left = all_entries(database)
    assert [entry.event for entry in left["acme"]] == [LOGIN] * 3 + [PRUNED]
    run(database)
    counts_recorded = [
        entry.metadata["entries"] for entry in all_entries(database)["acme"] if entry.event == PRUNED
    ]
    assert counts_recorded == [2, 1]


@pytest.mark.sqlite_only
def test_service_can_record_during_prune(
    database: Database, old: dict[str, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_retention, "BATCH", 1)
    with open_log(database) as log:
        run(database, progress=lambda _: record(log, LOGIN, {"email_id": "b@example.com"}) and None)
        assert log.account("acme").count() == 2 + 3 + 7


# --- PostgreSQL: partitions ------------------------------------------------------------------------


@pytest.fixture
def server(postgresql: PostgreSQLServer) -> Iterator[PostgreSQLDatabase]:
    """A PostgreSQL database with the entries of `fill`."""
    made = postgresql.another()
    fill(made)
    yield made
    postgresql.drop(made)


def names(server: PostgreSQLDatabase) -> list[str]:
    found = server.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits "
        "WHERE inhparent = 'audit_entry'::regclass ORDER BY 1"
    )
    return [name for (name,) in found]


def test_old_partitions_are_dropped(server: PostgreSQLDatabase) -> None:
    before = names(server)
    done = run(server)
    gone = [f"audit_entry_{month(back):%Y_%m}" for back in range(20, 12, -1)]
    assert done.dropped == ("audit_entry_first", *gone)
    assert names(server) == [name for name in before if name not in gone]
    with closing(open_inspection(server.url, CATALOG)) as inspection:
        assert inspection.differences() == ()
    with open_log(server) as log:
        record(log, LOGIN, {"email_id": "c@example.com"}, occurred_at=month(40))
    assert server.rows("SELECT tableoid::regclass::text FROM audit_entry ORDER BY id LIMIT 1") == [
        ("audit_entry_first",)
    ]
    assert [each.entries for each in run(server).deleted] == [1]


def test_partitions_after_a_held_one_are_emptied(server: PostgreSQLDatabase) -> None:
    place_hold(server.url, CATALOG, "globex", "Case 17", OPERATOR)
    before = names(server)
    done = run(server, dry_run=True)
    assert run(server) == done
    assert names(server) == before
    assert done.dropped == ()
    remove_hold(server.url, CATALOG, "globex", OPERATOR)
    place_hold(server.url, CATALOG, "nobody", "Case 18", OPERATOR)
    assert len(run(server).dropped) == 9
    with closing(open_inspection(server.url, CATALOG)) as inspection:
        assert inspection.differences() == ()


def test_drop_blocked_by_a_reader_is_an_error(
    server: PostgreSQLDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setattr(postgresql_retention, "LOCK_SECONDS", 0.1)
    left = all_entries(server)
    with closing(psycopg.connect(server.url)) as reader:
        reader.execute("SELECT count(*) FROM audit_entry")
        with pytest.raises(StorageError, match="a long transaction holds the lock: try again"):
            run(server)
    assert all_entries(server) == left
    assert len(run(server).deleted) == 3


def test_concurrent_prunes_delete_once(server: PostgreSQLDatabase) -> None:
    done: list[PruneResult] = []
    threads = [threading.Thread(target=lambda: done.append(run(server))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sum(expired.entries for expired in each.deleted) for each in done) == [0, 0, 7]
    every = [entry for entries in all_entries(server).values() for entry in entries]
    assert len([entry for entry in every if entry.event == PRUNED]) == 3


def test_only_the_owner_can_prune(server: PostgreSQLDatabase) -> None:
    left = all_entries(server)
    server.change("CREATE ROLE stranger LOGIN", "GRANT SELECT, DELETE ON audit_entry TO stranger")
    try:
        with pytest.raises(
            StorageError, match="belongs to the role postgres, and stranger is no member of it"
        ):
            prune(server.url.replace("postgres:@", "stranger@"), CATALOG, BEFORE, OPERATOR)
    finally:
        server.change("DROP OWNED BY stranger", "DROP ROLE stranger")
    assert all_entries(server) == left


def test_database_without_retention_needs_an_upgrade(postgresql: PostgreSQLServer) -> None:
    made = postgresql.bare()
    with pytest.raises(StorageError, match="there is no table audit_retention; run"):
        run(made)
    postgresql.drop(made)
