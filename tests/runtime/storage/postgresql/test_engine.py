"""The PostgreSQL engine: round trips, roles, opening, lost connections, callers' transactions, and plans."""

import csv
import gc
import io
import itertools
import json
import logging
import math
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from tests.support.campaigns import examples
from tests.support.databases import (
    USUAL,
    PostgreSQLDatabase,
    PostgreSQLServer,
    SQLiteDatabase,
    import_pgserver,
    open_log,
)
from tests.support.sample_events import (
    ADA,
    DEPLOYED,
    KEY_CREATED,
    MODEL,
    any_text,
    event_of,
    form,
    make_catalog,
    record,
)  # fmt: skip
from tests.support.tcp_proxy import proxy_of

from audit_events import CATALOG
from auditwright import (
    AccountLog,
    Actor,
    AuditLog,
    Filter,
    IdConflict,
    SchemaMismatch,
    StorageError,
    ValidationError,
)
from auditwright.entry import DIGEST, ID, RECORDED_AT, Row, columns
from auditwright.ids import LAST, from_microseconds, make_id, to_microseconds
from auditwright.recording.recorder import Recorder
from auditwright.storage.base import Count
from auditwright.storage.postgresql.queries import regular_expression
from auditwright.storage.query import Branch, Found, Scope

import_pgserver()  # or skip the module

psycopg = pytest.importorskip("psycopg")

from auditwright.storage.postgresql import connections as connections_module  # noqa: E402
from auditwright.storage.postgresql import dsn, engine, queries, row_format  # noqa: E402
from auditwright.storage.postgresql.connections import MAX_READERS  # noqa: E402
from auditwright.storage.postgresql.dsn import Dsn  # noqa: E402
from auditwright.storage.postgresql.engine import PostgreSQLStorage  # noqa: E402

pytestmark = pytest.mark.postgresql_only


RECORDER = Recorder(CATALOG, "acme", None)


@pytest.fixture
def storage(log: AuditLog, database: PostgreSQLDatabase) -> Iterator[PostgreSQLStorage]:
    """A storage of its own in the database of the log."""
    storage = PostgreSQLStorage(database.url, log.catalog)
    yield storage
    storage.close()


@pytest.fixture
def twins(tmp_path: Path, database: PostgreSQLDatabase) -> Iterator[tuple[AuditLog, AuditLog]]:
    """A log on SQLite and one on PostgreSQL."""
    with open_log(SQLiteDatabase(tmp_path / "twin.db")) as one, open_log(database) as two:
        yield one, two


def row_with(log: AuditLog, **changes: Any) -> Row:
    """A row of an example entry, with some columns changed."""
    names = [name for name, _, _ in columns(log.catalog)]
    row = dict(zip(names, RECORDER.row(KEY_CREATED, {}, {"actor": ADA}), strict=True))
    return tuple((row | changes).values())


def metadata_of(values: dict[str, Any]) -> str:
    import orjson

    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


# --- what comes back ---------------------------------------------------------------------------------


@pytest.fixture(params=["statement", "COPY"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to store rows: COPY and one statement."""
    monkeypatch.setattr(engine, "COPY_FROM", -10 if request.param == "COPY" else 10**9)
    monkeypatch.setattr(engine, "COPY_SAVES", 1.0)
    way: str = request.param
    return way


NUMBERS = (
    1.0, 0.0, 0.1, 1e16, 1e22, 123456789012345680.0, 1.5e300, sys.float_info.max, sys.float_info.min,
    5e-324, 1e-7, -1e22, -2.5, 3, -7, 2**53, 2**63, 2**64 - 1, -(2**63),
)  # fmt: skip


@pytest.mark.usefixtures("way")
def test_numbers_are_read_as_recorded(log: AuditLog, acme: AccountLog, storage: PostgreSQLStorage) -> None:
    texts = {"e": "1e22", "escape": '"1e22\\', "list": ["-1E5", 1e22, [1e16, "x1e9"]]}
    row = row_with(log, metadata=metadata_of(texts | {f"n{n}": each for n, each in enumerate(NUMBERS)}))
    storage.insert([row])
    (entry,) = acme.all()
    assert entry.row == row
    found = [entry.metadata[f"n{number}"] for number in range(len(NUMBERS))]
    assert [(type(each), each) for each in found] == [(type(each), each) for each in NUMBERS]


@pytest.mark.usefixtures("way")
def test_a_negative_zero_loses_its_sign(log: AuditLog, acme: AccountLog, storage: PostgreSQLStorage) -> None:
    storage.insert([row_with(log, metadata='{"number":-0.0}')])
    (entry,) = acme.all()
    assert math.copysign(1, entry.metadata["number"]) == 1
    assert isinstance(entry.metadata["number"], float)


@pytest.mark.usefixtures("way")
@given(
    st.dictionaries(
        any_text(5).map(lambda key: key.encode(errors="replace").decode().replace("\0", "")),
        st.recursive(
            st.booleans()
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats(allow_nan=False, allow_infinity=False).map(lambda each: each + 0.0)
            | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ),
        max_size=4,
    )
)
@example({"": [], "é": "é\U0010ffff\uffff", "a\\": '"\\u0000 1e22'})
@settings(max_examples=examples(100))
def test_any_metadata_round_trips(log: AuditLog, storage: PostgreSQLStorage, values: dict[str, Any]) -> None:
    row = row_with(log, metadata=metadata_of(values))
    storage.insert([row])
    assert storage.row("acme", row[ID]) == row


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "micros", [0, 1, 946_684_799_999_999, 1_700_000_000_123_456, LAST - 1, LAST], ids=str
)
def test_times_round_trip_to_the_microsecond(
    log: AuditLog, acme: AccountLog, micros: int, storage: PostgreSQLStorage
) -> None:
    past = min(micros, 1_700_000_000_123_456)  # the month of an id has a partition
    row = row_with(log, occurred_at=past, recorded_at=micros, id=make_id(past))
    storage.insert([row])
    (entry,) = acme.all()
    assert entry.row == row
    assert entry.occurred_at == from_microseconds(past)
    assert entry.recorded_at == from_microseconds(micros)


ADDRESSES = ["0.0.0.0", "255.255.255.255", "::", "::1", "::5", "::ffff:0:1", "1::", "2001:db8::1", "::1:2"]  # noqa: S104 - data


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_read_as_recorded(twins: tuple[AuditLog, AuditLog], address: str) -> None:
    entries = [record(log, KEY_CREATED, ip_address=address) for log in twins]
    for log, entry in zip(twins, entries, strict=True):
        assert log.account("acme").get(entry.id) == entry
    csv = [b"".join(log.account("acme").stream("csv")).rpartition(b",")[2] for log in twins]
    assert csv[0] == csv[1]


@given(st.binary(min_size=16, max_size=16) | st.integers(0, 2**40).map(lambda each: each.to_bytes(16, "big")))
def test_any_address_round_trips(packed: bytes) -> None:
    address = socket.inet_ntop(socket.AF_INET6, packed)
    assert row_format.normal_address(address) == address


@pytest.mark.usefixtures("way")
def test_alterations_keep_their_order_and_bytes(
    log: AuditLog, acme: AccountLog, storage: PostgreSQLStorage
) -> None:
    row = row_with(log, alterations='{"z":{"cleaned":1},"a":["\\u0000",1e5,{"b":1,"a":-0.0}]}')
    storage.insert([row])
    assert next(acme.all()).row == row


@pytest.mark.usefixtures("way")
@given(st.lists(any_text(8), min_size=3, max_size=3))
@settings(max_examples=examples(50))
def test_any_text_round_trips(log: AuditLog, texts: list[str]) -> None:
    actor = Actor.user(texts[0] or "x", texts[1] or None)
    entry = record(log, KEY_CREATED, actor=actor, details=texts[2] or "x")
    assert log.account("acme").get(entry.id) == entry


def fill(log: AuditLog, rows: list[Row]) -> list[Row]:
    log._storage.insert(rows)
    return rows


counter = itertools.count()


@given(st.lists(st.tuples(*[any_text(8, often="=+-@\t\r\n\"',;")] * 4), min_size=1, max_size=12))
@settings(max_examples=examples(60))
def test_exports_equal_those_of_sqlite(
    twins: tuple[AuditLog, AuditLog], texts: list[tuple[str, ...]]
) -> None:
    one, _ = twins
    account = f"a{next(counter)}"
    events = list(one.catalog.events.values())
    rows = []
    for number, (actor_id, name, details, tool) in enumerate(texts):
        event = events[number % len(events)]
        values = event.example | ({"tool_id": tool} if tool and "tool_id" in event.example else {})
        options = {
            "actor": Actor.user(actor_id or "u", name),
            "account_id": account,
            "details": details or "d",
        }
        rows.append(RECORDER.row(event.key, values, options))
    for log in twins:
        log._storage.insert(rows)
    for full in (False, True):
        files = [b"".join(log.account(account).stream("csv", full=full)).decode() for log in twins]
        one_csv, other_csv = (list(csv.reader(io.StringIO(file, newline=""))) for file in files)
        assert one_csv == other_csv
        assert len(one_csv) == len(texts) + 1
    lines = [b"".join(log.account(account).stream("jsonl")).splitlines() for log in twins]
    assert [json.loads(line) for line in lines[0]] == [json.loads(line) for line in lines[1]]


def test_columns_of_another_catalog_are_read_as_metadata(
    database: PostgreSQLDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gained(content: dict[str, Any]) -> None:
        content["version"] = "9.0.0"
        for field in event_of(content, DEPLOYED)["fields"]:
            if field["name"] == "model_name":
                field["column"] = True

    monkeypatch.syspath_prepend(str(tmp_path))
    values = MODEL | {"model_name": 'Llama,\x03\x04"é'}
    with open_log(database) as old:
        before = record(old, DEPLOYED, values)
        with open_log(database, make_catalog(tmp_path, gained)) as new:  # while the old log is open
            entry = record(new, DEPLOYED, values)
        (both,) = database.rows("SELECT count(*) FROM audit_entry WHERE starts_with(model_name, 'Llama')")
        assert both == (1,)
        found = old.account("acme").get(entry.id)
        assert found is not None
        assert found.metadata == before.metadata
        file = b"".join(old.account("acme").stream("csv", full=True)).decode()
        _, *lines = csv.reader(io.StringIO(file, newline=""), strict=True)
        assert [json.loads(line[-1]) for line in lines] == [before.metadata] * 2


# --- exactly once ------------------------------------------------------------------------------------


def some(log: AuditLog, count: int) -> list[Row]:
    return [RECORDER.row(DEPLOYED, MODEL, {"actor": ADA}) for _ in range(count)]


def other(row: Row) -> Row:
    """Another entry with the same id."""
    return (*row[:DIGEST], bytes(32), *row[DIGEST + 1 :])


@pytest.mark.parametrize("size", [1, 5, 9, 10, 60, 1500])
def test_storing_a_batch_is_idempotent(
    log: AuditLog, acme: AccountLog, size: int, storage: PostgreSQLStorage
) -> None:
    rows = some(log, size)
    assert storage.insert(rows) == size
    assert storage.insert(rows) == 0
    more = some(log, 3)
    assert storage.insert([*rows, *more, *more]) == 3
    assert [entry.row for entry in acme.all()] == [*rows, *more][::-1]


@pytest.mark.parametrize("size", [2, 60])
def test_a_batch_with_a_conflict_stores_nothing(
    log: AuditLog, acme: AccountLog, size: int, storage: PostgreSQLStorage
) -> None:
    known = some(log, 1)
    storage.insert(known)
    rows = some(log, size)
    for batch in ([*rows, other(known[0])], [*rows, other(rows[1])]):
        with pytest.raises(IdConflict):
            storage.insert(batch)
        assert acme.count() == 1


@pytest.mark.parametrize("size", [2, 60, 1500])
def test_each_row_of_a_batch_has_its_own_outcome(
    log: AuditLog, acme: AccountLog, size: int, storage: PostgreSQLStorage
) -> None:
    known, rows = some(log, 1), some(log, size)
    storage.insert(known)
    again = (
        *known[0][:RECORDED_AT],
        known[0][RECORDED_AT] + 5,
        *known[0][RECORDED_AT + 1 :],
    )  # recorded again, later
    given = [again, *rows, other(known[0]), rows[0], other(rows[1])]
    outcomes = storage.insert_each(given)
    assert outcomes[: size + 1] == [*known, *rows]
    assert outcomes[size + 2] == rows[0]
    assert [type(outcomes[size + 1]), type(outcomes[size + 3])] == [IdConflict, IdConflict]
    assert acme.count() == size + 1


def test_concurrent_transactions_store_an_id_once(
    log: AuditLog, database: PostgreSQLDatabase, storage: PostgreSQLStorage
) -> None:
    (row,) = some(log, 1)
    with closing(psycopg.connect(database.url)) as connection, ThreadPoolExecutor(1) as pool:
        assert storage.join(connection, row) == 1
        second = pool.submit(storage.insert, [row])
        try:
            until_waits(database)
        finally:
            connection.commit()
        assert second.result() == 0
    assert len(database.rows()) == 1


def until_waits(database: PostgreSQLDatabase) -> None:
    """Wait until a session waits for another transaction."""
    for _ in range(5_000):
        if database.is_waited():
            return
    raise AssertionError("nobody waits")


# --- roles -------------------------------------------------------------------------------------------


@pytest.fixture
def roles(database: PostgreSQLDatabase) -> Iterator[tuple[str, str]]:
    """The URLs of a writer and a reader with the least rights."""
    writer, reader = (f"{what}_{uuid.uuid4().hex[:8]}" for what in ("writer", "reader"))
    database.change(
        f"CREATE ROLE {writer} LOGIN",
        f"CREATE ROLE {reader} LOGIN",
        f"GRANT INSERT, SELECT (account_id, id, digest) ON audit_entry TO {writer}",
        f"CREATE POLICY {writer}_inserts ON audit_entry FOR INSERT TO {writer} WITH CHECK (true)",
        f"CREATE POLICY {writer}_knows ON audit_entry FOR SELECT TO {writer} USING (true)",
        f"GRANT SELECT ON audit_catalog TO {writer}, {reader}",
        f"GRANT SELECT ON audit_entry TO {reader}",
    )
    yield database.url_of(writer), database.url_of(reader)
    database.change(
        *(f"DROP OWNED BY {role}" for role in (writer, reader)),
        *(f"DROP ROLE {role}" for role in (writer, reader)),
    )


COPIED = engine.COPY_FROM_ON_CLUSTER
"""So many entries at once are copied, on a cluster, too."""


@pytest.mark.parametrize("bypass", [False, True])
def test_a_writer_needs_only_insert_and_three_columns(
    database: PostgreSQLDatabase, roles: tuple[str, str], bypass: bool, caplog: pytest.LogCaptureFixture
) -> None:
    writer, reader = roles
    if bypass:  # row-level security refuses COPY
        database.change(f"ALTER ROLE {psycopg.conninfo.conninfo_to_dict(writer)['user']} BYPASSRLS")
    with AuditLog.open(writer, account_id="acme", read_url=reader) as log:
        entry = record(log, KEY_CREATED)
        assert record(log, KEY_CREATED, id=entry.id, occurred_at=entry.occurred_at) == entry
        with pytest.raises(IdConflict):
            record(log, DEPLOYED, MODEL, id=entry.id)
        with log.acting(ADA):
            assert log.record_many(form(KEY_CREATED, {}) for _ in range(COPIED)) == COPIED
        assert log._storage.can_copy == bypass  # type: ignore[attr-defined]
        record(log, KEY_CREATED, account_id="other")
        assert log.account("acme").count() == COPIED + 1
        assert log.accounts() == ["acme", "other"]
        with closing(psycopg.connect(writer, options=USUAL)) as connection:
            record(log, KEY_CREATED, session=connection)
            connection.commit()
        assert log.account("acme").count() == COPIED + 2
    assert [each for each in caplog.records if "rewrite" in each.message] == []


def test_a_writer_without_select_can_record_again(roles: tuple[str, str]) -> None:
    writer, _ = roles
    with AuditLog.open(writer, account_id="acme") as log:
        entry = record(log, KEY_CREATED)
        again = record(log, KEY_CREATED, id=entry.id, occurred_at=entry.occurred_at)
        assert (again.id, again.digest) == (entry.id, entry.digest)
        with pytest.raises(StorageError) as caught:
            log.account("acme").get(entry.id)
        assert "cannot read: permission denied for table audit_entry (42501)" in str(caught.value)


def test_a_writer_knows_stored_ids_ahead_of_its_clock(
    roles: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, _ = roles
    with AuditLog.open(writer, account_id="acme") as log:
        entry = record(log, KEY_CREATED)
        now = time.time_ns()
        monkeypatch.setattr(time, "time_ns", lambda: now - 600 * 10**9)  # the clock is set back
        again = record(log, KEY_CREATED, id=entry.id)
        assert (again.id, again.digest) == (entry.id, entry.digest)
        with pytest.raises(ValidationError, match="at most 5 minutes ahead"):
            record(log, KEY_CREATED, id=make_id(to_microseconds(entry.occurred_at)).hex())


def test_row_level_security_hides_other_accounts(log: AuditLog, roles: tuple[str, str]) -> None:
    _, reader = roles
    record(log, KEY_CREATED)
    record(log, KEY_CREATED, account_id="other")
    with (
        closing(PostgreSQLStorage(reader, log.catalog)) as reading,
        reading.connections.reading("acme") as connection,
    ):
        assert connection.execute("SELECT account_id FROM audit_entry").fetchall() == [("acme",)]
    with closing(psycopg.connect(reader, options=USUAL)) as connection:
        assert connection.execute("SELECT account_id FROM audit_entry").fetchall() == []


def test_a_reader_cannot_record(log: AuditLog, roles: tuple[str, str]) -> None:
    with AuditLog.open(roles[1], account_id="acme") as reading, pytest.raises(StorageError) as caught:
        record(reading, KEY_CREATED)
    assert "cannot write: permission denied for table audit_entry (42501)" in str(caught.value)


def test_opening_warns_of_a_role_that_could_rewrite_the_log(
    database: PostgreSQLDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "auditwright"):
        open_log(database).close()
    assert "could rewrite the audit log" in caplog.text


# --- opening -----------------------------------------------------------------------------------------


def test_opening_without_tables_names_the_command(postgresql: PostgreSQLServer) -> None:
    bare = postgresql.bare()
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(bare.url)
    assert (
        str(caught.value) == f"{bare.name}: there is no table audit_entry; run `auditwright database create`"
    )
    assert bare.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'audit%'") == [(0,)]
    postgresql.drop(bare)


def test_opening_without_a_column_names_the_command(
    database: PostgreSQLDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gained(content: dict[str, Any]) -> None:
        content["version"] = "9.0.0"
        for field in event_of(content, DEPLOYED)["fields"]:
            if field["name"] == "model_id":
                field["column"] = True

    monkeypatch.syspath_prepend(str(tmp_path))
    catalog = make_catalog(tmp_path, gained)
    with pytest.raises(SchemaMismatch) as caught:
        AuditLog.open(database.url, catalog=catalog)
    assert str(caught.value) == (
        f"{database.name}: the table audit_entry has no column model_id, which catalog 9.0.0 needs; "
        "run `auditwright database upgrade`"
    )


def test_opening_and_recording_make_partitions_ahead(database: PostgreSQLDatabase) -> None:
    select = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass"
    ((before,),) = database.rows(select)
    (last,) = database.rows(
        "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'audit_entry'::regclass "
        "AND inhrelid::regclass::text LIKE 'audit_entry_2%'"
    )
    database.change(f"DROP TABLE {last[0]}")
    with open_log(database) as log:
        assert database.rows(select) == [(before,)]
        database.change(f"DROP TABLE {last[0]}")
        log._storage.partitions_until = 0  # type: ignore[attr-defined]  # a month later
        record(log, KEY_CREATED)
    assert database.rows(select) == [(before,)]


def test_recording_without_a_partition_names_the_command(
    log: AuditLog, database: PostgreSQLDatabase, storage: PostgreSQLStorage
) -> None:
    far = datetime.now(UTC) + timedelta(days=400)
    micros = (far - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    with pytest.raises(StorageError) as caught:
        storage.insert([row_with(log, id=make_id(micros))])
    message = re.sub(r'"audit_entry_\d+"', '"audit_entry"', str(caught.value))  # of a shard
    assert message == (
        f'{database.name}: cannot write: no partition of relation "audit_entry" found for row (23514); '
        "run `auditwright database upgrade`, which makes the partitions of the coming months"
    )


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_both_url_schemes_are_accepted(database: PostgreSQLDatabase, scheme: str) -> None:
    with AuditLog.open(f"{scheme}{database.url.removeprefix('postgresql')}", account_id="acme") as log:
        record(log, KEY_CREATED)
    assert len(database.rows()) == 1


def test_text_is_utf8_whatever_encoding_the_url_names(database: PostgreSQLDatabase) -> None:
    with AuditLog.open(f"{database.url}&client_encoding=latin1", account_id="acme", catalog=CATALOG) as log:
        log.record_event(KEY_CREATED, {}, {"actor": Actor.system("Ж")})
        assert [entry.actor.name for entry in log.account("acme").all()] == ["Ж"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ada:hunter2@127.0.0.1:1/audit", "postgresql://127.0.0.1:1/audit: cannot connect: "),
        (
            "postgresql://ada:hunter2@/audit?host=/nowhere",
            "postgresql:///audit?host=/nowhere: cannot ",
        ),
        (
            "postgres://ada@127.0.0.1:1/audit?password=hunter2",
            "postgresql://127.0.0.1:1/audit: cannot ",
        ),
        ("postgresql://ada:hunter2%zz@host/audit", "the URL of the database: it cannot be read; write "),
        ("postgresql://ada:hunter2%ff@host/audit", "the URL of the database: it cannot be read; write "),
        (
            "postgresql://ada:hunter2@db..example/audit",
            "postgresql://db..example/audit: cannot connect: the host is no name of one: ",
        ),
        ("postgresql://ada:hunter2@more@host/audit", "the URL of the database: unexpected @ in host"),
        ("postgresql://ada:x/hunter2@host/audit", "the URL of the database: unexpected @ in host"),
        ("postgresql://ada:x?hunter2@127.0.0.1:1/audit", "postgresql://127.0.0.1:1/audit: cannot "),
        ("postgresql://hunter2@127.0.0.1:port/audit", "postgresql://127.0.0.1:port/audit: cannot connect: "),
        ("postgresql+psycopg://ada:hunter2@host/audit", "host/audit: unknown kind of database; write "),
    ],
)
def test_no_error_shows_a_password(url: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0), pytest.raises(StorageError) as caught:
        AuditLog.open(url)
    assert str(caught.value).startswith(said)
    shown: list[BaseException | None] = [caught.value]
    while shown[-1] is not None:
        error = shown[-1]
        shown.append(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    assert "hunter2" not in repr(shown).replace("host=/hunter2", "") + caplog.text


def test_no_repr_shows_a_password(database: PostgreSQLDatabase) -> None:
    url = database.url.replace("postgres:@", "postgres:hunter2@")
    with AuditLog.open(url) as log:
        assert "hunter2" not in repr(log) + repr(log._storage) + log._storage.name  # type: ignore[attr-defined]
        with pytest.raises(StorageError) as caught:
            record(log, KEY_CREATED, account_id="acme", session=object())
    assert "hunter2" not in str(caught.value)


def test_read_url_must_be_of_the_same_database(
    database: PostgreSQLDatabase, postgresql: PostgreSQLServer
) -> None:
    second = postgresql.another()
    with pytest.raises(StorageError) as caught:
        AuditLog.open(database.url, read_url=second.url)
    assert str(caught.value) == f"read_url= is another database than url=, which is {database.name}"
    with pytest.raises(StorageError, match="read_url= is the same PostgreSQL database"):
        AuditLog.open(database.url, read_url="sqlite:///audit.db")
    with pytest.raises(StorageError, match="read_url= is for PostgreSQL"):
        AuditLog.open("sqlite:///audit.db", read_url=database.url)
    postgresql.drop(second)


def test_without_psycopg_the_error_names_the_extra() -> None:
    script = """
import sys
sys.modules["psycopg"] = None
from auditwright import AuditLog
from audit_events import CATALOG
try:
    AuditLog.open("postgresql://host/db", catalog=CATALOG)
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == (
        'StorageError PostgreSQL needs the package psycopg: pip install "auditwright[postgres]"\n'
    )


def test_commits_are_durable_whatever_the_database_default(database: PostgreSQLDatabase) -> None:
    name = database.url.rpartition("?")[0].rpartition("/")[2]
    database.change(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with (
        closing(PostgreSQLStorage(database.url, CATALOG)) as storage,
        storage.connections.writing("show") as connection,
    ):
        (found,) = connection.execute("SHOW synchronous_commit").fetchall()
    assert found == ("on",)


# --- lost connections --------------------------------------------------------------------------------

END_ALL = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_a_terminated_idle_connection_is_replaced(
    log: AuditLog, acme: AccountLog, database: PostgreSQLDatabase
) -> None:
    record(log, KEY_CREATED)
    assert acme.count() == 1
    database.rows(END_ALL)
    record(log, KEY_CREATED)
    assert acme.count() == 2


def test_a_connection_lost_while_writing_allows_a_safe_retry(
    log: AuditLog, acme: AccountLog, database: PostgreSQLDatabase
) -> None:
    database.change(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
        "CREATE TRIGGER die AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION die()",
    )
    with pytest.raises(StorageError) as caught:
        record(log, KEY_CREATED)
    assert str(caught.value) == (
        f"{database.name}: cannot write: terminating connection due to administrator command (57P01); "
        "it is not known whether it was stored: record it again with id=error.entry.id, which is safe"
    )
    assert caught.value.outcome_unknown
    lost = caught.value.entry
    assert lost is not None
    database.change("DROP TRIGGER die ON audit_entry")
    entry = record(log, KEY_CREATED, id=lost.id)
    assert entry.id == lost.id
    assert acme.count() == 1


def test_a_connection_lost_before_the_commit_stores_nothing(
    log: AuditLog, acme: AccountLog, database: PostgreSQLDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COPY_FROM", 10**9)
    database.change(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
        "CREATE TRIGGER die AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION die()",
    )
    with pytest.raises(StorageError, match=r"\((57P01|08006)\); nothing is stored") as caught:
        log.record_many([form(KEY_CREATED, {})] * 5)
    assert not caught.value.outcome_unknown
    assert caught.value.entries == ()
    database.change("DROP TRIGGER die ON audit_entry")
    assert acme.count() == 0


def test_a_connection_lost_while_recording_many_allows_a_retry(
    log: AuditLog, acme: AccountLog, database: PostgreSQLDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = row_format.copied

    def lost_midway(columns: row_format.Columns, rows: Sequence[Row]) -> Iterator[bytes]:
        head, *rest = packed(columns, rows)
        yield head
        database.rows(END_ALL)
        yield from rest

    events = [form(KEY_CREATED, {}) for _ in range(500)]
    with monkeypatch.context() as patch:
        patch.setattr(row_format, "copied", lost_midway)
        with pytest.raises(StorageError, match=r"cannot write: .*record it again") as caught:
            log.record_many(events)
    assert caught.value.outcome_unknown
    lost = list(caught.value.entries)
    assert len({entry.id for entry in lost}) == len(events)
    again = [entry.to_json() for entry in lost]
    for each in again:
        for name in ("recorded_at", "level", "category", "description", "catalog_version"):
            del each[name]
    log.record_many(again)
    log.record_many(again)
    assert {entry.id for entry in acme.all()} == {entry.id for entry in lost}


def test_recording_into_a_locked_table_times_out(
    database: PostgreSQLDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dsn, "WAIT_SECONDS", 0.1)
    with open_log(database) as log, database.connect() as other:
        with other.transaction():
            other.execute("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StorageError, match=r"cannot write: .*lock timeout") as caught:
                record(log, KEY_CREATED)
        entry = caught.value.entry
        assert entry is not None
        record(log, KEY_CREATED, id=entry.id)
        assert log.account("acme").count() == 1


def test_a_read_only_connection_is_replaced_once(database: PostgreSQLDatabase) -> None:
    name = database.url.rpartition("?")[0].rpartition("/")[2]
    read_only = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
    writable = ("SET default_transaction_read_only = off", f"ALTER DATABASE {name} RESET ALL")
    database.change(read_only)
    with open_log(database) as log:  # its connection stays read-only, as that to the primary of before
        database.change(*writable)
        record(log, KEY_CREATED)
    database.change(read_only)
    with open_log(database) as log:
        with pytest.raises(StorageError) as caught:
            record(log, KEY_CREATED)
        assert str(caught.value) == (
            f"{database.name}: cannot write: cannot execute INSERT in a read-only transaction (25006); "
            "nothing is stored: the server is a standby, or set to read-only; to find the primary after a "
            "failover, name all servers and target_session_attrs=read-write in the URL"
        )
        assert not caught.value.outcome_unknown
        database.change(*writable)
        record(log, KEY_CREATED)
        assert log.account("acme").count() == 2


@pytest.mark.parametrize("count", [5, 100])
def test_a_read_only_connection_is_replaced_for_many(database: PostgreSQLDatabase, count: int) -> None:
    name = database.url.rpartition("?")[0].rpartition("/")[2]
    database.change(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with open_log(database) as log:
        database.change("SET default_transaction_read_only = off", f"ALTER DATABASE {name} RESET ALL")
        assert log.record_many([form(KEY_CREATED, {})] * count) == count


def test_an_error_to_connect_says_that_nothing_is_stored(database: PostgreSQLDatabase) -> None:
    with proxy_of(database.url) as proxy:
        log = AuditLog.open(proxy.url, account_id="acme", catalog=CATALOG)
        record(log, KEY_CREATED)
    with pytest.raises(StorageError, match=r"cannot connect: .*; nothing is stored$") as caught:
        record(log, KEY_CREATED)
    assert not caught.value.outcome_unknown
    with pytest.raises(StorageError, match=r"cannot connect: .*refused$"):
        log.account("acme").count()
    log.close()


@pytest.mark.parametrize("count", [1, 2, 300, 1_000])
def test_a_far_server_stores_a_group_commit_in_one_round_trip(
    database: PostgreSQLDatabase, count: int
) -> None:
    with proxy_of(database.url) as proxy:
        proxy.delay = 0.02
        with closing(PostgreSQLStorage(proxy.url, CATALOG)) as storage:
            rows = [RECORDER.row(KEY_CREATED, {}, {"actor": ADA}) for _ in range(count)]
            proxy.delay = 0.0
            before = proxy.round_trips
            assert storage.insert_each(rows) == rows
            assert proxy.round_trips - before == 1
    assert len(database.rows()) == count


def test_a_log_has_few_reading_connections(
    log: AuditLog, acme: AccountLog, storage: PostgreSQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "WAIT_SECONDS", 0.1)
    storage.insert(some(log, 5000))
    streams = [acme.stream("jsonl") for _ in range(MAX_READERS)]
    assert all(next(stream) for stream in streams)
    with pytest.raises(StorageError) as caught:
        acme.count()
    assert str(caught.value) == (
        f"{log._storage.name}: cannot read: the 16 reading connections of this log have been in use for "  # type: ignore[attr-defined]
        "0.1 seconds; read exports and iterators to their end, or close them"
    )
    record(log, KEY_CREATED)
    streams.pop().close()
    assert acme.count() == 5001
    for stream in streams:
        assert sum(len(piece.splitlines()) for piece in stream) > 0
    assert acme.count() == 5001


def test_a_reader_waits_for_a_free_connection(
    log: AuditLog, acme: AccountLog, storage: PostgreSQLStorage
) -> None:
    storage.insert(some(log, 5000))
    streams = [acme.stream("jsonl") for _ in range(MAX_READERS)]
    assert all(next(stream) for stream in streams)
    with ThreadPoolExecutor(20) as pool:
        counts = [pool.submit(acme.count) for _ in range(20)]
        for stream in streams:
            stream.close()
        assert [each.result() for each in counts] == [5000] * 20


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_connection_lost_while_streaming_fails_the_stream(
    log: AuditLog, acme: AccountLog, database: PostgreSQLDatabase, form: Any, storage: PostgreSQLStorage
) -> None:
    storage.insert(some(log, 5000))
    stream = acme.stream(form)
    assert next(stream)
    database.rows(END_ALL)
    with pytest.raises(StorageError, match="cannot read: "):
        list(stream)
    assert list(stream) == []
    assert acme.count() == 5000


def connections(database: PostgreSQLDatabase) -> int:
    ((count,),) = database.rows(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'auditwright'"
    )
    return int(count)


def until(holds: Callable[[], bool]) -> bool:
    """Whether it holds soon: the server notices a closed connection with a delay."""
    return any(holds() for _ in range(2_000))


def test_closing_closes_every_connection(database: PostgreSQLDatabase) -> None:
    log = open_log(database)
    record(log, KEY_CREATED)
    acme = log.account("acme")
    iterators = [acme.all() for _ in range(3)]
    assert len({next(each) for each in iterators}) == 1
    log.close()
    log.close()
    assert [len(list(each)) for each in iterators] == [0, 0, 0]
    assert until(lambda: connections(database) == 0)


def test_a_dropped_iterator_ends_its_transaction(log: AuditLog, database: PostgreSQLDatabase) -> None:
    for _ in range(2):
        record(log, KEY_CREATED)
    entries = log.account("acme").all()
    next(entries)
    assert database.is_read()
    del entries
    gc.collect()
    assert until(lambda: not database.is_read())


def test_a_stream_uses_a_server_side_cursor(
    log: AuditLog, acme: AccountLog, database: PostgreSQLDatabase, storage: PostgreSQLStorage
) -> None:
    storage.insert(some(log, 3 * engine.FETCH))
    stream = acme.all()
    next(stream)
    ((query,),) = database.rows(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND xact_start IS NOT NULL"
    )
    assert query.startswith(f"FETCH FORWARD {engine.FETCH} ")
    assert len(list(stream)) == 3 * engine.FETCH - 1


# --- in the caller's transaction ---------------------------------------------------------------------


def test_an_entry_joins_a_psycopg_transaction(log: AuditLog, database: PostgreSQLDatabase) -> None:
    with closing(psycopg.connect(database.url, row_factory=psycopg.rows.dict_row)) as connection:
        record(log, KEY_CREATED, session=connection)
        assert database.rows() == []
        connection.rollback()
        kept = record(log, KEY_CREATED, session=connection)
        connection.commit()
        with connection.transaction(), pytest.raises(IdConflict):
            record(log, DEPLOYED, MODEL, session=connection, id=kept.id)
        with connection.transaction():
            record(log, KEY_CREATED, session=connection)
            raise psycopg.Rollback
    assert database.rows("SELECT id FROM audit_entry") == [(kept.id.bytes,)]


def test_an_autocommit_connection_needs_a_transaction(log: AuditLog, database: PostgreSQLDatabase) -> None:
    said = "session= is in autocommit mode, so that the entry would stay after a rollback"
    with database.connect() as connection:
        with pytest.raises(StorageError, match=said):
            record(log, KEY_CREATED, session=connection)
        with connection.transaction():
            record(log, KEY_CREATED, session=connection)
    alchemy = create_engine(database.sqlalchemy_url, isolation_level="AUTOCOMMIT")
    with alchemy.connect() as connection, pytest.raises(StorageError, match=said):
        record(log, KEY_CREATED, session=connection)
    alchemy.dispose()
    assert len(database.rows()) == 1


def test_joining_ignores_the_callers_search_path(log: AuditLog, database: PostgreSQLDatabase) -> None:
    database.change("CREATE SCHEMA app", "CREATE TABLE app.audit_entry (account_id text, id uuid)")
    url = f"{database.url}&options=-csearch_path%3Dapp"
    with closing(psycopg.connect(url)) as connection:
        record(log, KEY_CREATED, session=connection)
        connection.commit()
    assert database.rows("SELECT count(*) FROM public.audit_entry") == [(1,)]


def test_joining_a_failed_transaction_is_an_error(log: AuditLog, database: PostgreSQLDatabase) -> None:
    with closing(psycopg.connect(database.url)) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / 0")
        with pytest.raises(StorageError) as caught:
            record(log, KEY_CREATED, session=connection)
    assert str(caught.value) == (
        f"{database.name}: cannot join the caller's transaction: current transaction is aborted, commands "
        "ignored until end of transaction block (25P02)"
    )
    with pytest.raises(StorageError, match="cannot join the caller's transaction: the connection is closed"):
        record(log, KEY_CREATED, session=connection)
    alchemy = create_engine(database.sqlalchemy_url)
    with Session(alchemy) as session:
        with pytest.raises(Exception, match="division by zero"):
            session.execute(text("SELECT 1 / 0"))
        with pytest.raises(StorageError, match="current transaction is aborted"):
            record(log, KEY_CREATED, session=session)
    alchemy.dispose()
    assert database.rows() == []


def test_joining_another_database_is_an_error(
    log: AuditLog, database: PostgreSQLDatabase, postgresql: PostgreSQLServer
) -> None:
    said = (
        f"session= is a transaction on another database, and this log is {database.name}: "
        "an entry joins only a transaction of its own database"
    )
    second = postgresql.another()
    alchemy = create_engine(second.sqlalchemy_url)
    with closing(psycopg.connect(second.url)) as connection, Session(alchemy) as session:
        for each in (connection, session):
            with pytest.raises(StorageError) as caught:
                record(log, KEY_CREATED, session=each)
            assert str(caught.value) == said
    alchemy.dispose()
    postgresql.drop(second)


@contextmanager
def session_on(url: str) -> Iterator[Session]:
    alchemy = create_engine(url)
    with Session(alchemy) as session:
        yield session
    alchemy.dispose()


def test_joining_another_engine_is_an_error(
    twins: tuple[AuditLog, AuditLog], database: PostgreSQLDatabase, tmp_path: Path
) -> None:
    import sqlite3

    said = (
        "session= is a transaction on {}, and this log is on {}: an entry joins only a transaction of its "
        "own database"
    )
    file = tmp_path / "twin.db"
    with ExitStack() as stack:
        on_sqlite = [
            stack.enter_context(closing(sqlite3.connect(file))),
            stack.enter_context(session_on(f"sqlite:///{file}")),
        ]
        on_postgresql = [
            stack.enter_context(closing(psycopg.connect(database.url))),
            stack.enter_context(session_on(database.sqlalchemy_url)),
        ]
        for log, sessions, names in (
            (twins[0], on_postgresql, ("postgresql", "SQLite")),
            (twins[1], on_sqlite, ("sqlite", "PostgreSQL")),
        ):
            for session in sessions:
                with pytest.raises(StorageError) as caught:
                    record(log, KEY_CREATED, session=session)
                assert str(caught.value) == said.format(*names)


# --- reading -----------------------------------------------------------------------------------------


def test_a_page_probes_the_index_of_each_branch(log: AuditLog, storage: PostgreSQLStorage) -> None:
    """Whatever the statistics say: only the first ids of each event are scanned."""
    storage.insert(some(log, 3000))
    where = Filter.parse(["category:is:account.models", "user:is_not:u-99"])
    stored = storage.recorded_events("acme")
    scope = Scope("acme", where.branches(log.catalog, stored))
    statement, values = queries.select_rows(storage.table.name, "id", scope, True, 50)
    with storage.connections.reading("acme") as connection:
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {statement}".encode(), values))
    assert "Seq Scan" not in plan


def test_a_filter_on_users_reads_only_matching_index_entries(
    log: AuditLog, database: PostgreSQLDatabase, storage: PostgreSQLStorage
) -> None:
    """However many entries match: no entries of other users are read, of any event."""
    events = [event for event in log.catalog.events.values() if event.level == "account"][:10]
    log.record_many(
        {"event": event.key, "actor": {"type": "user", "id": f"u-{user}"}, "metadata": event.example}
        for user in range(300)
        for event in events
    )
    database.change("ANALYZE audit_entry")
    where = Filter.parse(["user:is:u-1", "user:is:u-2"], match="any")
    scope = Scope("acme", where.branches(log.catalog, storage.recorded_events("acme")))
    statement, values = queries.select_rows(storage.table.name, "description", scope, True, None)
    with storage.connections.reading("acme") as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(f"EXPLAIN ANALYZE {statement}".encode(), values)
        plan = "\n".join(line for (line,) in cursor)
    assert "Index Cond" in plan
    assert "Rows Removed by Filter" not in plan
    assert "Join" not in plan


def test_a_scope_without_branches_is_empty(log: AuditLog, storage: PostgreSQLStorage) -> None:
    record(log, KEY_CREATED)
    nothing = Scope("acme", ())
    assert list(storage.counts("acme", [nothing])) == [0]
    assert storage.count_up_to(5, nothing) == Count(0, True)
    assert storage.page(nothing, True, 5) == Found([])
    assert list(storage.rows(nothing)) == list(storage.csv_lines(nothing, True, 1000)) == []
    assert len(list(storage.rows(Scope("acme", (Branch(),)), limit=20_000))) == 1


@pytest.mark.parametrize("special", list("\\.^$*+?()[]{}|*** (?i) \\m"))
def test_a_search_escapes_every_special_character(log: AuditLog, acme: AccountLog, special: str) -> None:
    entry = record(log, KEY_CREATED, details=f"a{special}b")
    record(log, KEY_CREATED, details="axb ab aab")
    assert acme.entries(search=f"a{special}b").entries == (entry,)


def test_an_empty_search_matches_everything() -> None:
    assert regular_expression("") == ""


def test_a_dsn_connects_with_its_url(database: PostgreSQLDatabase) -> None:
    assert Dsn("postgresql://ada:x@db.example:5433/audit").name == "postgresql://db.example:5433/audit"
    assert Dsn("postgres://db.example/audit?sslmode=require").name == "postgresql://db.example/audit"
    assert Dsn(database.url).name == database.name


def test_writing_numbers_out_keeps_the_json_value() -> None:
    for written, stored in (
        ('{"a":1e22}', '{"a":10000000000000000000000.0}'),
        ('{"a":"1e22","b":-1.5E3}', '{"a":"1e22","b":-1500.0}'),
        ('["\\"1e5",1e-7]', '["\\"1e5",1e-7]'),
    ):
        assert row_format._decimal(written) == stored
        assert json.loads(stored) == json.loads(written)


def test_a_failed_stream_ends_its_transaction(
    log: AuditLog, acme: AccountLog, storage: PostgreSQLStorage
) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError("disk is full")

    storage.insert(some(log, 1500))
    with pytest.raises(OSError, match="disk is full"):
        acme.export_csv(Full())
    assert acme.count() == 1500
