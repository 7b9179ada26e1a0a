"""Connections of operators, who act as the owner of the tables: for `auditwright database`.

Services connect by `connections.py`. Settings are those of a transaction: behind a connection pooler those of
a session would reach other clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from auditwright.entry import columns
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.distribution import FOR_OWNERS
from auditwright.storage.postgresql.dsn import Connection, Dsn, message_of, settings, sql
from auditwright.storage.postgresql.row_format import as_json, insert_statement
from auditwright.storage.postgresql.schema import AHEAD, check_version

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Row

_SETTINGS = (
    # The database, the role or the server may have other defaults, under which texts are parsed or deparsed
    # differently.
    "standard_conforming_strings = on",
    "quote_all_identifiers = off",
    "DateStyle = 'ISO, YMD'",
    "IntervalStyle = postgres",
    "bytea_output = hex",
    "extra_float_digits = 1",
    "array_nulls = on",
    "transform_null_equals = off",
    "row_security = on",
    "TimeZone = UTC",
    "client_min_messages = warning",
    "statement_timeout = 0",  # reading all entries may take long
    *(f"{name} = {value}" for name, value in FOR_OWNERS),
)
"""The settings of every transaction."""
FOR_SCRIPTS = "SET standard_conforming_strings = on;\nSET quote_all_identifiers = off;"
"""The settings that a script for psql begins with."""
_STATEMENT = 1_000
"""Rows in one statement."""


def database_name(url: str) -> str:
    """The database's name in texts: host, port and database, without user and password."""
    return Dsn(url).name


def connect(url: str, read_only: bool = False) -> Connection:
    """A connection without autocommit; each transaction calls `begin` first. Raises `StorageError`.

    With `read_only` it may be one to a standby.
    """
    dsn = Dsn(url)
    connection = dsn.connect()
    try:
        check_version(connection, dsn.name)
    except BaseException:
        connection.close()
        raise
    connection.autocommit = False
    # What is read after a lock was granted has to be what others committed before.
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    connection.read_only = read_only
    return connection


def begin(connection: Connection) -> None:
    """Apply the settings of a transaction that has just begun."""
    parts = [*(f"SET LOCAL {setting}" for setting in _SETTINGS), settings(connection.patience, is_local=True)]
    connection.execute(sql("; ".join(parts)))


@contextmanager
def errors(name: str, action: str) -> Iterator[None]:
    """Turn psycopg's errors into one-line `StorageError`s."""
    try:
        yield
    except psycopg.Error as error:
        raise storage_error(name, action, error) from error


def storage_error(name: str, action: str, error: psycopg.Error) -> StorageError:
    """The server's message and code in one line, with a hint where there is a known one."""
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    message = message_of(error)
    hint = _STANDBY if "during recovery" in message else _HINTS.get(error.sqlstate or "", "")
    return StorageError(f"{name}: cannot {action}: {message}{code}{hint}")


_HINTS = {
    "42501": "; connect as the role that owns the audit log, or as a member of it",
    "55P03": "; a long transaction holds the lock: try again when it has ended",
    "40P01": "; try again",
}
_STANDBY = (
    "; the server is a standby: connect to the primary, or name all servers and "
    "target_session_attrs=read-write in the URL"
)
"""The code of this error is also that of others."""


def schema_of(connection: Connection, name: str) -> str:
    """The schema of the tables, the first of the search path, as a quoted identifier."""
    found = connection.execute("SELECT quote_ident(current_schema())").fetchone()
    if found is None or found[0] is None:
        raise StorageError(
            f"{name}: no schema of the search path exists; add ?options=-csearch_path%3DNAME to the URL"
        )
    schema: str = found[0]
    return schema


def become_owner(connection: Connection, name: str) -> str | None:
    """Act as the owner of the tables for this transaction, so that one role owns all; returns its name.

    None without tables. Raises `StorageError` for a role that is not a member of the owner.
    """
    found = connection.execute("""
        SELECT pg_get_userbyid(relowner), pg_get_userbyid(relowner) = current_user,
            pg_has_role(relowner, 'MEMBER'), quote_ident(pg_get_userbyid(relowner)), current_user
        FROM pg_class WHERE oid = to_regclass('audit_entry')""").fetchone()
    if found is None:
        return None
    owner, is_owner, may, quoted, user = found
    if not may:
        raise StorageError(
            f"{name}: the audit log belongs to the role {owner}, and {user} is no member of it; "
            "connect as a role that is"
        )
    if not is_owner:
        with errors(name, f"act as {owner}"):
            connection.execute(f"SET LOCAL ROLE {quoted}".encode())
    return str(owner)


def insert_rows(connection: Connection, catalog: Catalog, rows: Iterable[Row]) -> None:
    """Store rows of a catalog in the transaction, as the owner of the tables."""
    every, named = list(rows), columns(catalog)
    if every:
        connection.execute(f"SELECT audit_make_partitions({AHEAD})".encode())
    statement = insert_statement("audit_entry", named).encode()
    for start in range(0, len(every), _STATEMENT):
        connection.execute(statement, (as_json(named, every[start : start + _STATEMENT]),))
