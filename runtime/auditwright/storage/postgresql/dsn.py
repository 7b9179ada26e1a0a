"""The DSN of a PostgreSQL database: parsing it, its name in errors, and connections of services.

No text made here holds a password. Operators connect by `owner_connection.py`.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from auditwright.storage.errors import StorageError

CONNECT_SECONDS = 5
"""The connect timeout, unless the DSN has one."""
WAIT_SECONDS = 10
"""The lock timeout of a statement, unless the database has one."""
LOST_SECONDS = 20
"""How long a server may be silent before the connection is lost."""
RECORD_AGAIN = "it is not known whether it was stored: record it again with id=error.entry.id, which is safe"

Connection = psycopg.Connection[tuple[Any, ...]]


class Dsn:
    """The location of a database and the login for it. Raises `StorageError` for an unreadable DSN."""

    def __init__(self, url: str) -> None:
        try:
            self._parameters: dict[str, Any] = dict(conninfo_to_dict(url))
        except psycopg.Error:  # its text quotes the URL, which may hold a password
            raise _unreadable("it cannot be read") from None
        self._password = str(self._parameters.get("password") or "")
        host, port, database = (str(self._parameters.get(each) or "") for each in ("host", "port", "dbname"))
        if "@" in host + port + database:
            raise _unreadable("unexpected @ in host, port or database")
        self._parameters.setdefault("connect_timeout", CONNECT_SECONDS)
        self._parameters.setdefault("application_name", "auditwright")
        self._parameters.setdefault("tcp_user_timeout", LOST_SECONDS * 1000)
        server = f"{host}:{port}" if port else host
        location = f"/{database}?host={host}" if host.startswith("/") else f"{server}/{database}"
        self.name = f"postgresql://{location}"
        """The database's name in errors: without user and password."""

    def connect(self) -> Connection:
        """An autocommit connection, whose commits are durable."""
        try:
            connection = psycopg.connect(
                **self._parameters, client_encoding="utf8", autocommit=True, row_factory=tuple_row
            )
        except psycopg.Error as error:
            message = self._without_password(message_of(error))
            raise StorageError(f"{self.name}: cannot connect: {message}") from None
        try:
            ((pid,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
            if pid == connection.info.backend_pid:
                connection.execute(sql(settings(is_local=False)))
            else:
                connection.prepare_threshold = None  # the mark of a pooled connection
        except BaseException:
            connection.close()
            raise
        return connection

    def error(self, action: str, error: psycopg.Error) -> StorageError:
        """The server's message and code, with a hint where there is a known one."""
        code = f" ({error.sqlstate})" if error.sqlstate else ""
        hint = ""
        if action == "write" and is_lost(error):
            hint = f"; {RECORD_AGAIN}"
        elif error.sqlstate == "23514" and "no partition" in message_of(error):
            hint = "; run `auditwright database upgrade`, which makes the partitions of the coming months"
        elif error.sqlstate == "42501":
            hint = "; `auditwright database roles` makes roles with the rights"
        made = StorageError(f"{self.name}: cannot {action}: {message_of(error)}{code}{hint}")
        made.outcome_unknown = action == "write" and is_lost(error)
        return made

    def _without_password(self, text: str) -> str:
        return text.replace(self._password, "***") if self._password else text


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection pooler is in between, which may give each transaction another session.

    Such a connection has no named prepared statements, and its settings are those of a transaction.
    """
    return connection.prepare_threshold is None


def settings(*, is_local: bool) -> str:
    """SQL that gives a transaction, or else the session, what recording and reading need.

    Recorded entries are durable even where the database's default is asynchronous commit.
    """
    return (
        f"SELECT set_config(name, value, {is_local}) FROM (VALUES ('synchronous_commit', 'off', 'on'), "
        f"('lock_timeout', '0', '{WAIT_SECONDS}s')) AS setting (name, unwanted, value) "
        "WHERE current_setting(name) = unwanted"
    )


def _unreadable(reason: str) -> StorageError:
    return StorageError(
        f"the URL of the database: {reason}; write postgresql://user:password@host:5432/database, and in "
        "user and password @ as %40, : as %3A, / as %2F, ? as %3F, % as %25"
    )


def message_of(error: psycopg.Error) -> str:
    """The first line of the server's message, or else of the driver's; further lines quote data."""
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0] or type(error).__name__


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection broke, so that the outcome of the statement is unknown."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(("08", "57P"))


def is_usable(connection: Connection) -> bool:
    """Whether an idle connection is alive: a server that ends it sends a message first."""
    if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def sql(text: str) -> bytes:
    """Composed SQL for psycopg, whose type for text takes only literals."""
    return text.encode()
