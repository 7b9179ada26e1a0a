"""The DSN of a PostgreSQL database: parsing it, its name in errors, and connections of services.

No text made here holds a password. Operators connect by `owner_connection.py`.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from auditwright.storage.deadline import TIMEOUT, current
from auditwright.storage.errors import StorageError
from auditwright.storage.postgresql.availability import SILENCE, Availability
from auditwright.storage.postgresql.timed_connection import TimedConnection

CONNECT_SECONDS = 5
"""The connect timeout, unless the DSN has one."""
WAIT_SECONDS = 10
"""The longest lock timeout of a statement, unless the database has one."""
LOST_SECONDS = 20
"""How long a server may be silent before the connection is lost."""
FAR_SECONDS = 0.005
"""A round trip that is not measured more than once."""
NEVER_SENT = (
    "query_wait_timeout",
    "pgbouncer cannot connect to server",
    "server login has been failing",
)
"""Beginnings of PgBouncer's errors for a client that waited for a connection of the server until the end."""
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""A standby refuses every statement while the default is serializable, as it may be on the primary."""
RECORD_AGAIN = "it is not known whether it was stored: record it again with id=error.entry.id, which is safe"

Connection = TimedConnection


class Dsn:
    """The location of a database and the login for it. Raises `StorageError` for an unreadable DSN."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        parameters: dict[str, Any] | None = None
        with suppress(psycopg.Error, UnicodeError):  # the text quotes the URL, which may hold a password
            parameters = dict(conninfo_to_dict(url))
        if parameters is None:
            raise _unreadable("it cannot be read")
        self._parameters = parameters
        self._password = str(self._parameters.get("password") or "")
        host, port, database = (str(self._parameters.get(each) or "") for each in ("host", "port", "dbname"))
        if "@" in host + port + database:
            raise _unreadable("unexpected @ in host, port or database")
        self._parameters.setdefault("connect_timeout", CONNECT_SECONDS)
        self._parameters.setdefault("application_name", "auditwright")
        self._parameters["client_encoding"] = "utf8"  # whatever the URL says
        self._parameters.setdefault("tcp_user_timeout", LOST_SECONDS * 1000)
        server = f"{host}:{port}" if port else host
        location = f"/{database}?host={host}" if host.startswith("/") else f"{server}/{database}"
        self.name = f"postgresql://{location}"
        """The database's name in errors: without user and password."""
        self.round_trip = 1.0
        """The seconds that the server took to answer, at best; known after the first connection."""
        self._timeout = timeout
        self.reset()

    def reset(self) -> None:
        """Know nothing of the server yet; for a forked child, too."""
        self.availability = Availability(self.name, self._connect)

    def connect(self) -> Connection:
        """An autocommit connection. Its commits are durable, unless it `is_pooled`: see `transactions.py`."""
        try:
            return self._prepared(self._connect())
        except psycopg.Error as error:
            if isinstance(error, SILENCE):
                self.availability.lose()
            message = self._without_password(message_of(error))  # that of the error may have it
        hint = _REFUSED_OPTIONS if "unsupported startup parameter" in message else ""
        refusal = StorageError(f"{self.name}: cannot connect: {message}{hint}")
        refusal.unavailable = not any(each in message for each in _REFUSALS)
        raise refusal

    def _prepared(self, connection: Connection) -> Connection:
        """The connection with the settings of a session, unless a pooler is in between."""
        try:
            pid = self._process_of(connection)
            if pid == connection.info.backend_pid:
                connection.execute(sql(f"{_BEGIN}; {settings(self._timeout, is_local=False)}; COMMIT"))
            else:
                connection.prepare_threshold = None  # the mark of a pooled connection
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        except BaseException:
            connection.close()
            raise
        return connection

    def _process_of(self, connection: Connection) -> int:
        """The server's process behind a connection; it also measures the round trip, often if it is short."""
        process = 0
        for _ in range(4):
            started = time.perf_counter()
            cursor = connection.execute(sql(f"{_BEGIN}; SELECT pg_backend_pid(); COMMIT"))
            cursor.nextset()
            ((process,),) = cursor.fetchall()
            self.round_trip = min(self.round_trip, time.perf_counter() - started)
            if self.round_trip > FAR_SECONDS:
                break
        return process

    def _connect(self) -> Connection:
        losses = self.availability.losses
        try:
            connection = TimedConnection.connect(**self._parameters, autocommit=True, row_factory=tuple_row)
        except UnicodeError as error:  # of Python's, which looks up the host
            raise psycopg.OperationalError(f"the host is no name of one: {error}") from None
        connection.availability, connection.losses = self.availability, losses
        connection.until, connection.patience = current(), self._timeout
        return connection

    def error(self, action: str, error: psycopg.Error, is_stored: bool | None = None) -> StorageError:
        """The server's message and code, with a hint where there is a known one.

        `is_stored` is True for a write that was committed before the error, False for one that was not yet to
        be committed, None where only the error can tell.
        """
        code = f" ({error.sqlstate})" if error.sqlstate else ""
        message = message_of(error)
        of_node = is_of_node(error)
        broke = action == "write" and (of_node or is_lost(error))
        never_sent = message.startswith(NEVER_SENT)
        never_sent |= of_node and any(each in message for each in _UNREACHED)
        is_unknown = is_stored or (broke and is_stored is None and not never_sent)
        if is_unknown:
            hint = f"; {RECORD_AGAIN}"
        elif broke:
            hint = "; nothing is stored"
        elif error.sqlstate == "23514" and not error.diag.constraint_name:
            hint = "; run `auditwright database upgrade`, which makes the partitions of the coming months"
        else:
            hint = _HINTS.get(error.sqlstate or "", "")
        made = StorageError(f"{self.name}: cannot {action}: {message}{code}{hint}")
        made.hint = hint if is_unknown or broke else ""
        made.outcome_unknown = bool(is_unknown)
        made.unavailable = is_away(error)
        made.of_node = of_node
        return made

    def _without_password(self, text: str) -> str:
        return text.replace(self._password, "***") if self._password else text


_LOST = ("08", "57P")
"""Beginnings of the codes of a connection that broke."""
_AWAY = (
    "08",  # the connection; PgBouncer's errors, too
    "25006",  # read-only: a standby
    "40",  # a deadlock or another conflict of transactions
    "53",  # no disk, memory or connection left
    "55P03",  # a lock that was not given in time
    "57014",  # cancelled, by a statement timeout for example
    "57P",  # shutting down, starting up
    "58",  # the server's operating system, such as its disk
)
"""Beginnings of the codes of errors that may be over when the statement is repeated."""
_REFUSALS = (
    "authentication failed",
    "authentication method",
    "certificate",
    "does not exist",
    "invalid connection option",
    "invalid port number",
    "is not permitted to log in",
    "no password supplied",
    "no pg_hba.conf entry",
    "no such database",
    "no such user",
    "permission denied",
    "SSL was required",
    "unsupported startup parameter",
)
"""Parts of errors of a connection, which has no codes, that an operator has to act on.

A server that says them in another language, and every other error, counts as away: then the entry is in the
spool, and the health of the log says why.
"""
_OF_NODE = (
    "could not commit transaction for shard",
    "could not connect to any active placements",
    "failure on connection marked as essential",
    # What libpq says of the connection to a node, which Citus passes on.
    "server closed the connection unexpectedly",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "SSL connection has been closed unexpectedly",
    "SSL SYSCALL error",
    "SSL error",
)
"""Beginnings of the errors of Citus about a node that have no code of their own."""
_UNREACHED = ("Connection refused", "could not translate host name", "the database system is ")
"""Parts of the errors of a coordinator that cannot connect to a node."""
_HINTS = {
    "42501": "; `auditwright database roles` makes roles with the rights",
    "25006": (
        "; nothing is stored: the server is a standby, or set to read-only; to find the primary after a "
        "failover, name all servers and target_session_attrs=read-write in the URL"
    ),
}
_REFUSED_OPTIONS = (
    "; it is refused by a connection pooler: name the schema of the audit log by ALTER ROLE ... IN DATABASE "
    "... SET search_path = ... instead of options=, or connect directly"
)


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether a connection pooler is in between, which may give each transaction another session.

    Such a connection has no named prepared statements, and its settings are those of a transaction.
    """
    return connection.prepare_threshold is None


def settings(timeout: float, *, is_local: bool) -> str:
    """SQL that gives a transaction, or else the session, what recording and reading need.

    A wait for a lock ends in half of a call's `timeout` in seconds, so that it is not taken for silence.

    Whatever the defaults are: recorded entries are durable, row-level security narrows what a role sees
    instead of refusing to answer, and two transactions that store entries do not make each other fail.
    """
    milliseconds = int(min(WAIT_SECONDS, timeout / 2) * 1000)
    return (
        f"SELECT set_config(name, value, {is_local}) FROM (VALUES ('synchronous_commit', 'off', 'on'), "
        f"('lock_timeout', '0', '{milliseconds}ms'), ('row_security', 'off', 'on'), "
        "('default_transaction_isolation', 'serializable,repeatable read', 'read committed')) "
        "AS setting (name, unwanted, value) "
        "WHERE current_setting(name) = ANY (string_to_array(unwanted, ','))"
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
    if error.diag.severity_nonlocalized == "ERROR":  # the server has refused the statement, and goes on
        return False
    return error.sqlstate.startswith(_LOST)


def is_of_node(error: psycopg.Error) -> bool:
    """Whether the coordinator of a Citus cluster goes on, and has lost its connection to another node.

    What it had sent there may be committed, unless a transaction was still open.
    """
    code = error.sqlstate or ""
    if error.diag.severity_nonlocalized != "ERROR":
        return False
    return code.startswith(_LOST) or (code == "XX000" and message_of(error).startswith(_OF_NODE))


def is_away(error: psycopg.Error) -> bool:
    """Whether the server or a node of it is away: the connection broke, or it takes no writes for now.

    See the table of error codes in PostgreSQL's documentation (appendix A).
    """
    return is_lost(error) or is_of_node(error) or (error.sqlstate or "").startswith(_AWAY)


def is_usable(connection: Connection) -> bool:
    """Whether an idle connection is alive: a server that ends it sends a message first."""
    if connection.losses != connection.availability.losses:  # the server has been silent meanwhile
        return False
    if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def sql(text: str) -> bytes:
    """Composed SQL for psycopg, whose type for text takes only literals."""
    return text.encode()
