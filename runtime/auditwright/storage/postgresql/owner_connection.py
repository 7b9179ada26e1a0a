"""Connections of whoever looks after a PostgreSQL database: `auditwright database`, not a service.

What is stored is written and read by `postgresql.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.dsn import Connection, Dsn, words_of
from auditwright.storage.postgresql.schema import check_version

_SETTINGS = (
    "TimeZone = UTC",
    "client_min_messages = warning",
    "statement_timeout = 0",  # a slow look at all entries is no reason to stop
    "default_transaction_isolation = 'read committed'",  # what is read after a lock is what is there then
    "default_transaction_read_only = off",
)


def database_name(url: str) -> str:
    """What a database is called in texts: host, port and name, and never a password."""
    return Dsn(url).name


def connect(url: str) -> Connection:
    """A connection that commits when told; raises `StorageError`."""
    place = Dsn(url)
    connection = place.connect()
    try:
        check_version(connection, place.name)
        for setting in _SETTINGS:
            connection.execute(f"SET {setting}".encode())
    except BaseException:
        connection.close()
        raise
    connection.autocommit = False
    return connection


@contextmanager
def errors(name: str, doing: str) -> Iterator[None]:
    """Turn errors of the driver into `StorageError` of one line."""
    try:
        yield
    except psycopg.Error as error:
        raise storage_error(name, doing, error) from error


def storage_error(name: str, doing: str, error: psycopg.Error) -> StorageError:
    """The error in one line, with its code, and the way out where there is a known one."""
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    hint = _HINTS.get(error.sqlstate or "", "")
    return StorageError(f"{name}: cannot {doing}: {words_of(error)}{code}{hint}")


_HINTS = {
    "42501": "; connect as the role that owns the audit log, or as a member of it",
    "55P03": "; something has been reading or writing for long: try again when it is done",
    "40P01": "; try again",
}


def schema_of(connection: Connection, name: str) -> str:
    """The schema that the tables are in or belong in, as a quoted identifier."""
    found = connection.execute("SELECT quote_ident(current_schema())").fetchone()
    if found is None or found[0] is None:
        raise StorageError(
            f"{name}: the search path names no schema that is there; add ?options=-csearch_path%3DNAME "
            "to the URL"
        )
    schema: str = found[0]
    return schema


def become_owner(connection: Connection, name: str) -> str | None:
    """Act as the owner of the tables for this transaction, so that all belongs to one role; its name.

    None where there are no tables. Raises `StorageError` for a role that may not.
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
