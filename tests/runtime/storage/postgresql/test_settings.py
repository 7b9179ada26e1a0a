"""Unusual settings of a database or a role: creating, checking, upgrading, recording and reading go on.

The server of the tests has them too, so that every other test of PostgreSQL runs under them.
"""

import re
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from tests.runtime.storage.postgresql.test_migrations import is_right, run_psql
from tests.support.databases import UNUSUAL, PostgreSQLDatabase, PostgreSQLServer, database_of
from tests.support.sample_events import KEY_CREATED, record

from audit_events import CATALOG
from auditwright import AuditLog, SchemaMismatch
from auditwright.storage import create_database, open_retention_store, upgrade_database
from auditwright.storage.layout import target_fields
from auditwright.storage.postgresql.roles import Roles, make_roles, roles_sql
from auditwright.storage.postgresql.setup import setup_sql

DEFAULTS = [
    "standard_conforming_strings = on",
    "quote_all_identifiers = off",
    "default_transaction_isolation = 'read committed'",
]


@pytest.fixture
def empty(postgresql: PostgreSQLServer) -> Iterator[PostgreSQLDatabase]:
    """A database without tables."""
    made = postgresql.bare()
    yield made
    postgresql.drop(made)


def alter(database: PostgreSQLDatabase, settings: list[str], role: str = "") -> None:
    """Set the defaults of a database, or of a role in it."""
    name = database_of(database)
    whose = f"ROLE {role} IN DATABASE {name}" if role else f"DATABASE {name}"
    database.change(*(f"ALTER {whose} SET {setting}" for setting in settings))


def works(database: PostgreSQLDatabase, url: str) -> None:
    """Record and read in every way, without drift."""
    form = {"event": KEY_CREATED, "metadata": {}, "actor": {"type": "user", "id": "u", "name": r"\ 'x'"}}
    with AuditLog.open(url, account_id=r"a\'b", catalog=CATALOG) as log:
        account = log.account(r"a\'b")
        record(log, KEY_CREATED, details=r"\d'")
        log.record_many([form] * 30)
        log.record_forms([form] * 3)
        with closing(psycopg.connect(url)) as connection:
            record(log, KEY_CREATED, session=connection)
            connection.commit()
        assert account.count() == 35
        assert len(list(account.all())) == 35
        assert account.entries().entries[-1].description.endswith(r"\d'")
        assert [actor.name for actor in account.users("'x")] == [r"\ 'x'"]
        assert len(b"".join(account.stream("csv", full=True)).splitlines()) == 36
        lines = b"".join(account.stream("jsonl")).splitlines()
        assert len(lines) == 35
        assert log.import_jsonl(lines, lambda number, error: None).stored == 0
    is_right(url, CATALOG)


@pytest.mark.parametrize("of_role", [False, True], ids=["database", "role"])
def test_everything_works_under_unusual_settings(empty: PostgreSQLDatabase, of_role: bool) -> None:
    alter(empty, [f"{name} = {value}" for name, value in UNUSUAL.items()], "postgres" if of_role else "")
    create_database(empty.url, CATALOG)
    assert create_database(empty.url, CATALOG).changes == ()
    works(empty, empty.url)
    with closing(open_retention_store(empty.url, CATALOG)) as store:
        assert store.holds() == []


def test_scripts_do_the_same_under_unusual_settings(
    empty: PostgreSQLDatabase, postgresql: PostgreSQLServer
) -> None:
    alter(empty, [f"{name} = {value}" for name, value in UNUSUAL.items()])
    run_psql(empty, setup_sql(empty.url, CATALOG, create=True))
    prefix = database_of(empty)
    run_psql(empty, roles_sql(empty.url, Roles(prefix)))
    assert make_roles(empty.url, Roles(prefix)).changes == ()
    works(empty, empty.url)
    empty.change(f"REASSIGN OWNED BY {prefix}_owner TO postgres")
    for role in ("owner", "writer", "reader"):
        empty.change(f"DROP OWNED BY {prefix}_{role}")
        postgresql.change(f"DROP ROLE {prefix}_{role}")


def test_an_older_database_is_upgraded(empty: PostgreSQLDatabase) -> None:
    """It was made under default settings, and these were changed later."""
    alter(empty, DEFAULTS)
    steps = re.split(r"(?<=COMMIT;)\n\n", setup_sql(empty.url, CATALOG, create=True))
    *revisions, of_catalog, _ = steps  # the last validates constraints of 009
    assert "'008'" in revisions[7]
    views_of_then = re.sub(r'outcome AS "outcome".*?context AS "context", ', "", of_catalog)
    catalog_of_then = re.sub(r"INSERT INTO audit_target_field .*?;\n", "", views_of_then, flags=re.DOTALL)
    run_psql(empty, "\n".join([*revisions[:7], catalog_of_then]))
    assert empty.rows("SELECT version_num FROM audit_alembic_version") == [("007",)]
    ((last,),) = empty.rows(
        "SELECT max(relname) FROM pg_class WHERE relispartition AND relname ~ 'entry_2[0-9_]+$'"
    )
    empty.change(f"DROP TABLE {last}")
    alter(empty, [f"{name} = {value}" for name, value in UNUSUAL.items()])
    with pytest.raises(SchemaMismatch, match=r"column outcome: .* run `auditwright database upgrade`"):
        AuditLog.open(empty.url, account_id="acme", catalog=CATALOG)
    fields = len(target_fields(CATALOG))
    assert upgrade_database(empty.url, CATALOG).changes == (
        "revision 008: functions that work under any settings of the server",
        "revision 009: constraints that refuse damaged entries",
        "revision 010: the digest of a whole row",
        "revision 011: outcome, context, and on whose behalf",
        "revision 012: the objects that entries identify, and indexes of outcomes and of whose behalf",
        f"{fields} rows of audit_target_field",
        "partitions ahead",
        "11 valid constraints for entries",
    )
    assert empty.rows(f"SELECT count(*) FROM pg_class WHERE relname = '{last}'") == [(1,)]
    works(empty, empty.url)


def test_a_read_only_database_stores_nothing_and_is_read(empty: PostgreSQLDatabase) -> None:
    create_database(empty.url, CATALOG)
    with AuditLog.open(empty.url, account_id="acme", catalog=CATALOG) as log:
        record(log, KEY_CREATED)
    alter(empty, ["default_transaction_read_only = on"])
    with AuditLog.open(empty.url, account_id="acme", catalog=CATALOG) as log:
        with pytest.raises(Exception, match=r"cannot write: .* read-only transaction \(25006\)") as caught:
            record(log, KEY_CREATED)
        assert not getattr(caught.value, "outcome_unknown", True)
        assert log.account("acme").count() == 1
    is_right(empty.url, CATALOG)
