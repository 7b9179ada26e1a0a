"""Making a database and bringing it up to date: `create_database` and `upgrade_database`, for every engine.

On PostgreSQL each revision, and then what the catalog adds, is a transaction of its own under a lock, so that
a run that was killed is taken up by the next, and of two that run at once one waits. Nothing that is stored
is changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditwright.errors import SchemaMismatch, StorageError
from auditwright.storage import is_postgresql, open_storage

if TYPE_CHECKING:
    from sqlalchemy import Connection as AlembicConnection

    from auditwright.catalog import Catalog
    from auditwright.storage.postgresql_place import Connection
    from auditwright.storage.postgresql_schema import Change

LOCK_SECONDS = 5
"""How long a change of a table waits for others."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a database."""

    name: str
    """What the database is called."""
    changes: tuple[str, ...]
    """What was made, in words, in that order; nothing where all was there."""


def create_database(url: str, catalog: Catalog) -> Done:
    """Make all that an audit log of the catalog needs in a database, or what is missing of it.

    Raises `StorageError`, and `SchemaMismatch` for tables of our names that are not ours.
    """
    return _set_up(url, catalog, create=True)


def upgrade_database(url: str, catalog: Catalog) -> Done:
    """`create_database`, but a database without an audit log is an error."""
    return _set_up(url, catalog, create=False)


def setup_sql(url: str, catalog: Catalog, create: bool) -> str:
    """What `create_database` or `upgrade_database` would run on PostgreSQL, as a text for psql."""
    from auditwright import migrations
    from auditwright.storage.postgresql_schema import quoted

    with _connected(url) as database:
        revision = _check(database, create)
        owner = database.become_owner()
        changes = _catalog_changes(database, catalog)
        parts = []
        if migrations.pending(revision):
            parts.append(migrations.as_sql(revision, database.schema).strip())
        if changes:
            parts.append(_transaction([change.statement for change in changes]))
    if owner is not None and parts:
        parts.insert(0, f"SET ROLE {quoted(owner)};")
    if parts:
        parts.insert(0, f"SET search_path = {database.schema};")
    return "".join(f"{part}\n\n" for part in parts).rstrip("\n")


def _transaction(statements: list[str]) -> str:
    return "\n\n".join(["BEGIN;", *(f"{statement};" for statement in statements), "COMMIT;"])


def _set_up(url: str, catalog: Catalog, create: bool) -> Done:
    if not is_postgresql(url):
        return _set_up_sqlite(url, catalog, create)
    import psycopg  # noqa: F401 - what is missing is said before anything is done

    import auditwright.migrations  # noqa: F401

    with _connected(url) as database:
        made = []
        if _check(database, create) is None:
            _make_version_table(database)
        while (revision := _migrate(database)) is not None:
            made.append(revision)
        made += _adapt(database, catalog)
        return Done(database.name, tuple(made))


# --- PostgreSQL ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Database:
    """One connection, as psycopg has it and as Alembic wants it."""

    name: str
    schema: str
    """As a quoted identifier."""
    connection: Connection
    wrapped: AlembicConnection

    def become_owner(self) -> str | None:
        from auditwright.storage.postgresql_connection import become_owner

        return become_owner(self.connection, self.name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction in which nobody else sets the database up, as the owner of its tables."""
        from auditwright.migrations import VERSION_TABLE
        from auditwright.storage.postgresql_connection import errors

        with errors(self.name, "set up"), self.wrapped.begin():
            self.become_owner()
            self.connection.execute(f"LOCK TABLE {VERSION_TABLE} IN SHARE ROW EXCLUSIVE MODE")
            # A new column waits for those who read the entries, and those who record would wait behind it.
            self.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
            yield


@contextmanager
def _connected(url: str) -> Iterator[_Database]:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import DBAPIError

    from auditwright.storage.postgresql_connection import connect, database_name, schema_of, storage_error

    name = database_name(url)
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    try:
        with closing(engine.connect()) as wrapped:
            connection = wrapped.connection.driver_connection
            assert connection is not None
            with wrapped.begin():
                schema = schema_of(connection, name)
            yield _Database(name, schema, connection, wrapped)
    except DBAPIError as error:
        raise storage_error(name, "set up", error.orig) from error  # type: ignore[arg-type]


def _check(database: _Database, create: bool) -> str | None:
    """The revision that the database is at; raises `StorageError` for what is not to be set up."""
    from auditwright import migrations
    from auditwright.storage.postgresql_connection import errors
    from auditwright.storage.postgresql_schema import columns_of

    with errors(database.name, "set up"), database.wrapped.begin():
        database.become_owner()
        there = bool(columns_of(database.connection, "audit_entry"))
        begun = bool(columns_of(database.connection, migrations.VERSION_TABLE))
        revision = migrations.current(database.wrapped) if begun else None
    if there and revision is None:
        raise SchemaMismatch(
            f"{database.name}: there is a table audit_entry that Auditwright did not make; rename it, or use "
            "another schema: add ?options=-csearch_path%3DNAME to the URL"
        )
    if not begun and not create:
        raise StorageError(
            f"{database.name}: there is no audit log in this database; run `auditwright database create`"
        )
    migrations.pending(revision)
    return revision


def _make_version_table(database: _Database) -> None:
    """Make the table that others are locked out by; of two that do so at once one is told."""
    import psycopg
    from sqlalchemy.exc import DBAPIError

    from auditwright.migrations import MAKE_VERSION_TABLE

    # Which of these it is depends on how far the other one was.
    there = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject)
    for attempt in range(_TRIES):
        try:
            with database.wrapped.begin():
                database.connection.execute(MAKE_VERSION_TABLE)
            return
        except (*there, DBAPIError):
            if attempt == _TRIES - 1:
                raise


def _migrate(database: _Database) -> str | None:
    """Bring the database to the next revision; what that made, or None where there is no next one."""
    from auditwright import migrations

    with database.transaction():
        pending = migrations.pending(migrations.current(database.wrapped))
        if not pending:
            return None
        revision, title = pending[0]
        migrations.apply(database.wrapped, revision, database.schema)
    return f"revision {revision}: {title}"


def _adapt(database: _Database, catalog: Catalog) -> list[str]:
    """Add what the catalog needs, and the partitions of the months to come."""
    with database.transaction():
        changes = _catalog_changes(database, catalog)
        for change in changes:
            database.connection.execute(change.statement.encode())
    return [change.what for change in changes if change.what]


def _catalog_changes(database: _Database, catalog: Catalog) -> list[Change]:
    from auditwright.storage.postgresql_schema import catalog_changes, partition_changes, read_state

    try:
        changes = catalog_changes(read_state(database.connection), catalog)
    except SchemaMismatch as error:
        raise SchemaMismatch(f"{database.name}: {error}") from None
    return changes + partition_changes(database.connection)


# --- SQLite --------------------------------------------------------------------------------------


def _set_up_sqlite(url: str, catalog: Catalog, create: bool) -> Done:
    from auditwright.storage.sqlite import path_of

    path = path_of(url.partition("://")[2]) if url.startswith("sqlite://") else None
    before = _sqlite_objects(str(path)) if path is not None and path.exists() else set()
    open_storage(url, catalog, create=create).close()
    new = _sqlite_objects(str(path)) - before
    return Done(str(path), tuple(f"{kind} {name}" for kind, name, _ in sorted(new)))


def _sqlite_objects(path: str) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema").fetchall())
