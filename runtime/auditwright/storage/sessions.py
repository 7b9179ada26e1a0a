"""Validates `session=`: the caller's transaction, of SQLAlchemy or of a driver, on the log's engine.

Storing in the transaction is in each engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DRIVERS = {"sqlite3": "sqlite", "psycopg": "postgresql"}
"""The engine of each driver whose connections are accepted."""


def sqlalchemy_connection(session: Any, engine: str, title: str, driver: str) -> Connection:
    """The SQLAlchemy connection of a session.

    `engine` and `title` name the log's engine (`sqlite`, `SQLite`), `driver` names the driver that it accepts
    besides SQLAlchemy. Raises `StorageError` for anything else or another engine, and SQLAlchemy's errors.
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
