"""Creating and upgrading an audit log in PostgreSQL: each revision, and then what the catalog adds.

Every step is a transaction under one lock, so that a killed run can be repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from auditwright.damage import PARTS
from auditwright.storage.base import SetupResult
from auditwright.storage.errors import SchemaMismatch, StorageError
from auditwright.storage.layout import VERSION_TABLE
from auditwright.storage.setup_change import SetupChange, previous_version

if TYPE_CHECKING:
    from sqlalchemy import Connection as AlembicConnection

    from auditwright.catalog import Catalog
    from auditwright.storage.postgresql.dsn import Connection
    from auditwright.storage.postgresql.schema import Change
    from auditwright.storage.setup_change import RecordSetup

T = TypeVar("T")

LOCK_SECONDS = 5
"""The lock timeout of a change; recording waits behind it."""
PAUSE_SECONDS = 1.0
"""How long recording goes on before a change that did not get its lock is tried again."""
_TRIES = 5
_VALIDATIONS = """\
-- These read all entries. One fails if stored entries violate a constraint: recording and reading work all
-- the same, and `auditwright database upgrade` validates the other constraints."""


def set_up(
    url: str, catalog: Catalog, create: bool, record: RecordSetup | None = None, distribute: bool = False
) -> SetupResult:
    """Create or upgrade, and with `distribute` on a Citus cluster; idempotent. Raises `StorageError`.

    The rows of `record` are stored with what the catalog adds, after the revisions.
    """
    import psycopg  # noqa: F401 - a missing package is an error before anything is changed

    import auditwright.storage.postgresql.migrations  # noqa: F401

    with _connected(url) as database:
        made = []
        is_new = _check(database, create, distribute) is None
        if is_new:
            _make_version_table(database)
        while (revision := _tried(partial(_apply_next, database))) is not None:
            made.append(revision)
        revisions = tuple(each.partition(":")[0].removeprefix("revision ") for each in made)
        made += _index(database)
        distributed = _distribute(database, distribute)
        made += distributed
        made += _adapt(database, catalog, is_new, revisions, len(distributed), record)
        made += _index_targets(database)
        made += _validate(database)
        return SetupResult(database.name, tuple(made), True)


def setup_sql(url: str, catalog: Catalog, create: bool) -> str:
    """The statements that `set_up` would execute, as a script for psql."""
    from auditwright.storage.postgresql import migrations
    from auditwright.storage.postgresql.owner_connection import FOR_SCRIPTS
    from auditwright.storage.postgresql.schema import quoted

    with _connected(url) as database:
        revision = _check(database, create)
        with database.begin():
            owner = database.become_owner()
            changes = _catalog_changes(database, catalog)
        parts = []
        if migrations.pending(revision):
            parts.append(migrations.as_sql(revision, database.schema).strip())
        parts += _indexes(database, revision)
        if changes:
            parts.append(_transaction([change.statement for change in changes]))
        parts += _targets(changes, database)
        parts += _validations(database, revision)
    if owner is not None and parts:
        parts.insert(0, f"SET ROLE {quoted(owner)};")
    if parts:
        parts.insert(0, f"{FOR_SCRIPTS}\nSET search_path = {database.schema};")
    return "".join(f"{part}\n\n" for part in parts).rstrip("\n")


def _transaction(statements: list[str]) -> str:
    return "\n\n".join(["BEGIN;", *(f"{statement};" for statement in statements), "COMMIT;"])


@dataclass(frozen=True, slots=True)
class _Database:
    """One connection, as psycopg's and as SQLAlchemy's, which Alembic needs."""

    name: str
    schema: str
    """A quoted identifier."""
    connection: Connection
    wrapped: AlembicConnection

    @contextmanager
    def begin(self) -> Iterator[None]:
        """A transaction with the settings of operators."""
        from auditwright.storage.postgresql.owner_connection import begin

        with self.wrapped.begin():
            begin(self.connection)
            yield

    def become_owner(self) -> str | None:
        from auditwright.storage.postgresql.owner_connection import become_owner

        return become_owner(self.connection, self.name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction as the owner of the tables, in which nobody else sets the database up."""
        from auditwright.storage.postgresql.owner_connection import errors

        with errors(self.name, "set up"), self.begin():
            self.become_owner()
            self.connection.execute(f"LOCK TABLE {VERSION_TABLE} IN SHARE ROW EXCLUSIVE MODE")
            # A new column waits for readers, and recording waits behind it.
            self.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
            yield


@contextmanager
def _connected(url: str) -> Iterator[_Database]:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import DBAPIError

    from auditwright.storage.postgresql.owner_connection import (
        begin,
        connect,
        database_name,
        schema_of,
        storage_error,
    )

    name = database_name(url)
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=NullPool)
    try:
        with closing(engine.connect()) as wrapped:
            connection = wrapped.connection.driver_connection
            assert connection is not None  # noqa: S101 - for type checkers
            with wrapped.begin():
                begin(connection)
                schema = schema_of(connection, name)
            yield _Database(name, schema, connection, wrapped)
    except DBAPIError as error:
        raise storage_error(name, "set up", error.orig) from error  # type: ignore[arg-type]


def _check(database: _Database, create: bool, distribute: bool = False) -> str | None:
    """The current revision, None before the first; raises `StorageError` for a database not to be changed."""
    from auditwright.storage.postgresql import migrations
    from auditwright.storage.postgresql.owner_connection import errors
    from auditwright.storage.postgresql.schema import columns_of

    with errors(database.name, "set up"), database.begin():
        database.become_owner()
        if distribute:
            from auditwright.storage.postgresql.distribution import check_cluster

            check_cluster(database.connection, database.name)
        has_entries = bool(columns_of(database.connection, "audit_entry"))
        has_versions = bool(columns_of(database.connection, VERSION_TABLE))
        revision = migrations.current(database.wrapped) if has_versions else None
    if has_entries and revision is None:
        raise SchemaMismatch(
            f"{database.name}: there is a table audit_entry that Auditwright did not make; rename it, or use "
            "another schema: add ?options=-csearch_path%3DNAME to the URL"
        )
    if not has_versions and not create:
        raise StorageError(
            f"{database.name}: there is no audit log in this database; run `auditwright database create`"
        )
    migrations.pending(revision)
    return revision


def _make_version_table(database: _Database) -> None:
    """Create the table whose lock serialises runs. Of two runs at once, one gets an error and tries again."""
    import psycopg
    from sqlalchemy.exc import DBAPIError

    from auditwright.storage.postgresql.migrations import MAKE_VERSION_TABLE

    # Which of these it is depends on how far the other run was.
    exists = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject)
    for attempt in range(_TRIES):
        try:
            with database.begin():
                database.connection.execute(MAKE_VERSION_TABLE)
            return
        except (*exists, DBAPIError):
            if attempt == _TRIES - 1:
                raise


def _tried(change: Callable[[], T]) -> T:
    """What a change returns; without its locks it is tried again."""
    import psycopg
    from sqlalchemy.exc import DBAPIError

    for attempt in range(_TRIES):
        try:
            return change()
        except (StorageError, DBAPIError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error.__cause__
            if attempt == _TRIES - 1 or not isinstance(cause, psycopg.errors.LockNotAvailable):
                raise
        time.sleep(PAUSE_SECONDS)
    raise AssertionError("unreachable")


def _apply_next(database: _Database) -> str | None:
    """Apply the next revision and describe it; None at the last one."""
    from auditwright.storage.postgresql import migrations

    with database.transaction():
        pending = migrations.pending(migrations.current(database.wrapped))
        if not pending:
            return None
        revision, title = pending[0]
        migrations.apply(database.wrapped, revision, database.schema)
        _restore_functions(database)
    return f"revision {revision}: {title}"


def _restore_functions(database: _Database) -> None:
    """On a cluster, make functions again that a revision has replaced; recording needs them."""
    from auditwright.storage.postgresql import distribution

    if distribution.is_distributed(database.connection):
        for statement, _ in distribution.function_statements(database.connection, database.schema):
            database.connection.execute(statement.encode())


def _distribute(database: _Database, wanted: bool) -> list[str]:
    """Distribute what a cluster has distributed and is not yet; describes it."""
    from auditwright.storage.postgresql import distribution

    with database.transaction():
        if not wanted and not distribution.is_distributed(database.connection):
            return []
        changes = list(distribution.statements(database.connection, database.schema))
        for statement, _ in changes:
            database.connection.execute(statement.encode())
    return list(distribution.in_words(what for _, what in changes))


def _index(database: _Database) -> Iterator[str]:
    """Make the indexes of stored entries that are missing, while others record; describes them."""
    from auditwright.storage.postgresql import indexing

    with database.transaction():
        statements = list(indexing.index_statements(database.connection))
    for statement in statements:
        if "CONCURRENTLY" in statement:
            _run_without_transaction(database, statement)
        else:  # it waits for readers of the partition, and others wait behind it
            _tried(partial(_run, database, statement))
    made = sum(statement.startswith("ALTER") for statement in statements)
    if made:
        yield f"{made} index{'es' * (made > 1)} of partitions"


def _run_without_transaction(database: _Database, statement: str) -> None:
    """Run a statement that waits for others as long as it takes, while nobody waits for it."""
    from auditwright.storage.postgresql.owner_connection import errors

    with errors(database.name, "make the indexes"):
        database.connection.autocommit = True
        try:
            database.connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
            database.connection.execute(statement.encode())
        finally:
            database.connection.autocommit = False


def _run(database: _Database, statement: str) -> None:
    with database.transaction():
        database.connection.execute(statement.encode())


def _indexes(database: _Database, revision: str | None) -> list[str]:
    """The statements of `_index`, each outside of a transaction."""
    from auditwright.storage.postgresql import indexing

    is_there = revision is None or revision >= indexing.REVISION
    with database.begin():
        database.become_owner()
        statements = indexing.index_statements if is_there else indexing.coming_statements
        found = list(statements(database.connection))
    return ["".join(f"{each};\n" for each in found).strip()] if found else []


def _targets(changes: list[Change], database: _Database) -> list[str]:
    """The statement of `_index_targets`, where there is something to index."""
    from auditwright.storage.postgresql import indexing

    with database.begin():
        is_left = indexing.is_left(database.connection)
    are_new = any("INTO audit_target_field" in change.statement for change in changes)
    return [indexing.INDEX_ALL_TARGETS] if is_left or are_new else []


def _index_targets(database: _Database) -> Iterator[str]:
    """Index the targets of stored entries by new fields, a partition at a time; describes it."""
    from auditwright.storage.postgresql import indexing

    partitions = 0
    while True:
        with database.transaction():
            ((partition,),) = database.connection.execute(indexing.INDEX_TARGETS).fetchall()
        if partition is None:
            break
        partitions += 1
    if partitions:
        yield f"targets of stored entries in {partitions} partitions"


def _validate(database: _Database) -> Iterator[str]:
    """Validate the constraints that are not valid, a table at a time; describes what came of it.

    Reading all entries takes about a second for a million, once. Nobody who records or reads waits for it.
    """
    from auditwright.storage.postgresql import constraints

    with database.transaction():
        every = list(constraints.validation_statements(database.connection))
    for statements in every:
        with database.transaction():
            constraints.validate(database.connection, statements)
    if every:
        with database.transaction():
            left = constraints.not_valid(database.connection)
        valid = len(PARTS) - len(left)
        yield f"{valid} valid constraints for entries"
        for part in left:
            yield (
                f"constraint {constraints.PREFIX}{part}, for new entries: stored ones violate it, see "
                "`auditwright database check`"
            )


def _validations(database: _Database, revision: str | None) -> list[str]:
    """The statements of `_validate`, each for a transaction of its own."""
    from auditwright.storage.postgresql import constraints

    if revision is not None and revision >= constraints.REVISION:
        found = [f"{every};" for every, *_ in constraints.validation_statements(database.connection)]
    else:
        found = [f"{constraints.VALIDATE_ALL};"]
    return [_VALIDATIONS, *found] if found else []


def _adapt(
    database: _Database,
    catalog: Catalog,
    is_new: bool,
    revisions: tuple[str, ...],
    further: int,
    record: RecordSetup | None,
) -> list[str]:
    """Add what the catalog needs, and the partitions of the coming months; describes the changes.

    `revisions` are those that this run has applied, and `further` is the number of its other changes.
    """
    from auditwright.storage.postgresql.owner_connection import insert_rows
    from auditwright.storage.postgresql.schema import PARTITIONS

    with database.transaction():
        found = database.connection.execute("SELECT version FROM audit_catalog")
        previous = previous_version(catalog, [version for (version,) in found])
        changes = _catalog_changes(database, catalog)
        for change in changes:
            database.connection.execute(change.statement.encode())
        made = [change.what for change in changes if change.what]
        if record is not None:
            lasting = len(revisions) + further + len([what for what in made if what != PARTITIONS])
            rows = record(SetupChange(is_new, lasting, revisions, previous))
            insert_rows(database.connection, catalog, rows)
    return made


def _catalog_changes(database: _Database, catalog: Catalog) -> list[Change]:
    from auditwright.storage.postgresql.schema import catalog_changes, partition_changes, read_state

    try:
        changes = catalog_changes(read_state(database.connection), catalog)
    except SchemaMismatch as error:
        raise SchemaMismatch(f"{database.name}: {error}") from None
    return changes + partition_changes(database.connection)
