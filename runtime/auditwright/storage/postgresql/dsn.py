"""Where a PostgreSQL database is: its URL, its name in errors, and connections of services to it.

No text that comes from here holds a password. Whoever looks after a database connects by
`postgresql_connection.py`.
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
"""How long connecting may take where the URL does not say."""
WAIT_SECONDS = 10
"""How long a statement waits for a lock that somebody holds, where the database says nothing else."""
LOST_SECONDS = 20
"""How long a server may be silent before the connection counts as lost."""
RECORD_AGAIN = "whether it was stored is not known: record it again with id=error.entry.id, which is safe"

Connection = psycopg.Connection[tuple[Any, ...]]


class Dsn:
    """Where a database is, and as whom to connect to it. Raises `StorageError` for an unreadable URL."""

    def __init__(self, url: str) -> None:
        try:
            self._parameters: dict[str, Any] = dict(conninfo_to_dict(url))
        except psycopg.Error:  # its words quote the URL, which may hold a password
            raise _unreadable("it cannot be read") from None
        self._password = str(self._parameters.get("password") or "")
        host, port, database = (str(self._parameters.get(each) or "") for each in ("host", "port", "dbname"))
        if "@" in host + port + database:
            raise _unreadable("there is an @ where none belongs")
        self._parameters.setdefault("connect_timeout", CONNECT_SECONDS)
        self._parameters.setdefault("application_name", "auditwright")
        self._parameters.setdefault("tcp_user_timeout", LOST_SECONDS * 1000)
        server = f"{host}:{port}" if port else host
        place = f"/{database}?host={host}" if host.startswith("/") else f"{server}/{database}"
        self.name = f"postgresql://{place}"
        """What the database is called in errors: no user, no password."""

    def connect(self) -> Connection:
        """A connection in which each statement is a transaction, durable when it returns."""
        try:
            connection = psycopg.connect(
                **self._parameters, client_encoding="utf8", autocommit=True, row_factory=tuple_row
            )
        except psycopg.Error as error:
            words = self._without_password(words_of(error))
            raise StorageError(f"{self.name}: cannot connect: {words}") from None
        try:
            # Where a database lets go of commits before they are durable, ours are durable all the same.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
            connection.execute(
                f"SELECT set_config('lock_timeout', '{WAIT_SECONDS}s', false) "
                "WHERE current_setting('lock_timeout') = '0'".encode()
            )
        except BaseException:
            connection.close()
            raise
        return connection

    def error(self, doing: str, error: psycopg.Error) -> StorageError:
        """What went wrong, in the server's words, and the way out where it is known."""
        code = f" ({error.sqlstate})" if error.sqlstate else ""
        advice = ""
        if doing == "write" and is_lost(error):
            advice = f"; {RECORD_AGAIN}"
        elif error.sqlstate == "23514" and "no partition" in words_of(error):
            advice = "; run `auditwright database upgrade`, which makes the partitions of the coming months"
        elif error.sqlstate == "42501":
            advice = "; `auditwright database roles` makes roles that may"
        made = StorageError(f"{self.name}: cannot {doing}: {words_of(error)}{code}{advice}")
        made.outcome_unknown = doing == "write" and is_lost(error)
        return made

    def _without_password(self, text: str) -> str:
        return text.replace(self._password, "***") if self._password else text


def _unreadable(reason: str) -> StorageError:
    return StorageError(
        f"the URL of the database: {reason}; write postgresql://user:password@host:5432/database, and in "
        "user and password @ as %40, : as %3A, / as %2F, ? as %3F, % as %25"
    )


def words_of(error: psycopg.Error) -> str:
    """What the server, or else the driver, says in one line. What follows it would quote the data."""
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0] or type(error).__name__


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection broke, so that nobody knows what became of the statement."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(("08", "57P"))


def is_usable(connection: Connection) -> bool:
    """Whether an idle connection is still there. A server that stops or ends it says so unasked."""
    if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def sql(text: str) -> bytes:
    """SQL that was put together, of our own words and quoted names: psycopg takes as text only literals."""
    return text.encode()
