"""What `session=` may be: the transactions of callers, by whichever driver, and whose engine they are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DRIVERS = {"sqlite3": "sqlite", "psycopg": "postgresql"}
"""The engine of each driver whose own connections are taken."""


def sqlalchemy_connection(session: Any, engine: str, title: str, driver: str) -> Connection:
    """The SQLAlchemy connection in which a session works.

    `engine` and `title` are the log's (`sqlite`, `SQLite`), `driver` is what it takes besides SQLAlchemy's.
    Raises `StorageError` for what is no session, or one of another engine, and SQLAlchemy's own errors.
    """
    other = _DRIVERS.get(type(session).__module__.partition(".")[0])
    if other is not None and other != engine and type(session).__name__ == "Connection":
        raise _elsewhere(other, title)
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    if isinstance(session, Session):
        connection = session.connection()
    elif isinstance(session, Connection):
        connection = session
    else:
        raise StorageError(
            f"session= takes a SQLModel or SQLAlchemy session or connection, or a {driver} connection, "
            f"not {type(session).__name__}"
        )
    if connection.dialect.name != engine:
        raise _elsewhere(connection.dialect.name, title)
    return connection


def _elsewhere(engine: str, title: str) -> StorageError:
    return StorageError(
        f"session= is a transaction on {engine}, and this log is on {title}: "
        "an entry joins only a transaction of its own database"
    )
