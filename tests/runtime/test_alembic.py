"""What Alembic's autogenerate proposes for an application whose database holds the log too."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, Text, create_engine, inspect
from sqlmodel import SQLModel
from tests.conftest import import_view
from tests.support.databases import (
    USUAL,
    Database,
    PostgreSQLDatabase,
    PostgreSQLServer,
    SQLiteDatabase,
    make_tables,
    open_log,
)

from audit_events import CATALOG
from audit_events.tables import AuditTable, EventView
from audit_events.tables.account.models import ModelDeployed
from auditwright.alembic import without_audit_log
from auditwright.catalog import find_catalog
from auditwright.storage.layout import TABLES, is_own_table
from auditwright_events.tables import AuditTable as SystemTable

COMPARED = {"compare_type": True, "compare_server_default": True}
READS_EVERY_TABLE = pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
"""SQLAlchemy does not know the type of a column of audit_retention; with the hooks it does not meet it."""


@contextmanager
def engine_of(url: str, path: str = "") -> Iterator[Engine]:
    """With a schema for the application, its name is the search path."""
    options = f"{USUAL} -c search_path={path}" if path else USUAL
    arguments = {"options": options} if url.startswith("postgresql") else {}
    engine = create_engine(url, connect_args=arguments)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A connection of an application, whose database has a log."""
    open_log(database).close()
    with engine_of(database.sqlalchemy_url) as engine, engine.connect() as connection:
        yield connection
        connection.rollback()


def proposals(connection: Connection, *targets: MetaData, **options: Any) -> list[tuple[str, str]]:
    """What autogenerate proposes: the operation, and the table with its schema or the column."""
    context = MigrationContext.configure(connection, opts=COMPARED | options)
    every: Any = list(targets)
    found = []
    for change in compare_metadata(context, every):
        kind, *what = change[0] if isinstance(change, list) else change
        found.append((kind, f"{what[1]}.{what[-1].name}" if kind.endswith("column") else name_of(what[0])))
    return sorted(found)


def name_of(item: Any) -> str:
    return item.fullname if isinstance(item, Table) else str(item.name)


def applications(schema: str | None = None, **tables: tuple[str, ...]) -> MetaData:
    """The models of an application: tables of text columns."""
    metadata = MetaData(schema=schema)
    for name, columns in tables.items():
        Table(
            name, metadata, Column("id", Integer, primary_key=True), *(Column(each, Text) for each in columns)
        )
    return metadata


@pytest.mark.parametrize("imported", [True, False], ids=["with tables", "without"])
def test_only_changes_of_the_application_are_proposed(connection: Connection, imported: bool) -> None:
    applications(scanner=("name",), audit_notes=(), audit_entry_archive=("text",)).create_all(connection)
    wanted = applications(scanner=("name", "level"), audit_report=(), audit_entry_archive=("text",))
    targets = (wanted, AuditTable.metadata, EventView.metadata) if imported else (wanted,)
    assert proposals(connection, *targets, **without_audit_log()) == [
        ("add_column", "scanner.level"),
        ("add_table", "audit_report"),
        ("remove_table", "audit_notes"),
    ]


def test_an_application_without_tables_has_nothing_to_do(connection: Connection) -> None:
    assert proposals(connection, applications(), **without_audit_log()) == []
    assert proposals(connection, applications(), include_schemas=True, **without_audit_log()) == []


@READS_EVERY_TABLE
def test_without_the_hooks_it_proposes_to_drop_the_log(connection: Connection) -> None:
    dropped = {name for kind, name in proposals(connection, applications()) if kind == "remove_table"}
    assert dropped == set(inspect(connection).get_table_names())
    assert {"audit_entry", "audit_user"} <= dropped


def test_hooks_of_the_application_are_asked_for_the_rest(connection: Connection) -> None:
    applications(scanner=("name",), cache=(), legacy=()).create_all(connection)
    asked = []

    def is_no_cache(name: str | None, type_: str, parent_names: Any) -> bool:
        asked.append(name)
        return name != "cache"

    def is_no_legacy(item: Any, name: str, type_: str, reflected: bool, compare_to: Any) -> bool:
        asked.append(name)
        return name != "legacy"

    hooks = without_audit_log(include_name=is_no_cache, include_object=is_no_legacy)
    assert proposals(connection, applications(), **hooks) == [("remove_table", "scanner")]
    assert not any(name is not None and is_own_table(name) for name in asked)


@pytest.mark.postgresql_only
@pytest.mark.parametrize("of_the_log", ["audit", "public"])
def test_the_log_may_be_in_another_schema(postgresql: PostgreSQLServer, of_the_log: str) -> None:
    database = postgresql.bare()
    database.change("CREATE SCHEMA audit", "CREATE SCHEMA billing")
    make_tables(f"{database.url}&options=-csearch_path%3D{of_the_log}", CATALOG)
    theirs = "public" if of_the_log == "audit" else "billing"
    with engine_of(database.sqlalchemy_url, theirs) as engine, engine.connect() as connection:
        applications(audit_event=("key",), audit_user=()).create_all(connection)
        wanted = applications(audit_event=("key", "invoice"))
        for options in ({"include_schemas": True}, {}):
            named = without_audit_log(schema=of_the_log)
            assert proposals(connection, wanted, **named, **options) == [
                ("add_column", "audit_event.invoice"),
                ("remove_table", "audit_user"),
            ]
            # Without the schema every table of such a name counts as the log's.
            assert proposals(connection, wanted, **without_audit_log(), **options) == []
    with engine_of(database.sqlalchemy_url, of_the_log) as engine, engine.connect() as connection:
        applications("billing", audit_event=("key",)).create_all(connection)
        wanted = applications("billing", audit_event=("key", "invoice"))
        found = proposals(connection, wanted, include_schemas=True, **without_audit_log(schema=None))
        assert ("add_column", "audit_event.invoice") in found
        assert not any(name.startswith("audit_entry") for _, name in found)
    postgresql.drop(database)


def test_names_are_those_of_the_tables(database: Database, connection: Connection) -> None:
    made = set(inspect(connection).get_table_names())
    assert {name for name in made if not is_own_table(name)} == set()
    only_on_postgresql = {"audit_alembic_version", "audit_retention"}
    assert TABLES - made == (set() if database.engine == "postgresql" else only_on_postgresql)
    if database.engine == "postgresql":
        assert len({name for name in made if name.startswith("audit_entry_")}) == 5


@pytest.mark.parametrize(
    "name",
    [
        *("audit_something", "audit_entry_archive", "audit_entry_2026", "audit_entry_2026_13"),
        *("audit_entry_2026_00", "audit_entry_2026_01_old", "audit_entry_first_", "AUDIT_ENTRY", "entry", ""),
        *("audit_entry_２０２６_01", "audit_entry_2026_01\n", "my_audit_entry", "audit_users"),
    ],
)
def test_other_names_are_of_the_application(name: str) -> None:
    assert not is_own_table(name)


# --- the models are the tables ---------------------------------------------------------------------


@pytest.fixture(params=["audit_events", "kitchen_sink_events"])
def package(request: pytest.FixtureRequest, kitchen_sink: Path) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, package: str, tmp_path: Path) -> Iterator[Connection]:
    """A connection to a database that has a log of the package alone."""
    if request.param == "sqlite":
        database: Database = SQLiteDatabase(tmp_path / "audit.db")
    else:
        database = request.getfixturevalue("postgresql").bare()
        make_tables(database.url, find_catalog(package))
    open_log(database, find_catalog(package)).close()
    with engine_of(database.sqlalchemy_url) as engine, engine.connect() as connection:
        yield connection
    if isinstance(database, PostgreSQLDatabase):
        request.getfixturevalue("postgresql").drop(database)


@READS_EVERY_TABLE
def test_models_and_tables_agree(made: Connection, package: str) -> None:
    target = importlib.import_module(f"{package}.tables").AuditTable.metadata
    stored = inspect(made)
    for name, table in target.tables.items():
        assert {each["name"] for each in stored.get_columns(name)} == {each.name for each in table.columns}
        keys = [each.name for each in table.primary_key.columns]
        assert stored.get_pk_constraint(name)["constrained_columns"] == keys
    without_model = set(stored.get_table_names()) - set(target.tables)
    indexes = {index["name"] for name in without_model for index in stored.get_indexes(name)}
    assert proposals(made, target) == sorted(
        [
            *(("remove_table", name) for name in without_model),
            *(("remove_index", str(name)) for name in indexes),
        ]
    )


# --- the metadata of an application ----------------------------------------------------------------


def test_the_applications_metadata_has_no_table_of_the_log(kitchen_sink: Path) -> None:
    import_view("kitchen_sink_events", next(iter(find_catalog("kitchen_sink_events").events)))
    assert {name for name in SQLModel.metadata.tables if is_own_table(name)} == set()
    assert ModelDeployed.__tablename__ not in SQLModel.metadata.tables
    assert set(SystemTable.metadata.tables) == set(AuditTable.metadata.tables)


def test_create_all_and_drop_all_spare_the_log(database: Database) -> None:
    entry_count = "SELECT count(*) FROM audit_entry"
    with engine_of(database.sqlalchemy_url) as engine:
        if database.engine == "sqlite":
            SQLModel.metadata.create_all(engine)
            assert "audit_entry" not in inspect(engine).get_table_names()
        open_log(database).close()
        before = inspect(engine).get_table_names()
        SQLModel.metadata.drop_all(engine)
        assert set(before) - set(inspect(engine).get_table_names()) <= set(SQLModel.metadata.tables)
        assert database.rows(entry_count) == [(0,)]
