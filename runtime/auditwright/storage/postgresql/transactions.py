"""Transactions of a writing connection, with the settings that make them durable.

A connection to the server has the settings from its beginning. Behind a connection pooler every transaction
gets them, as the next one may run in another session of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import tuple_row

from auditwright.storage.postgresql.dsn import Connection, is_pooled, settings, sql

if TYPE_CHECKING:
    from auditwright.entry import Row

_ISOLATION = "ISOLATION LEVEL READ COMMITTED"
"""With another one, which may be a database's default, transactions that store entries can fail."""
Execute = Callable[[str, tuple[Any, ...]], list["Row"]]
"""Executes a statement and returns its rows."""


def runs(connection: psycopg.Connection[Any]) -> Execute:
    """Executes statements on a connection, whatever its row factory is."""

    def execute(statement: str, values: tuple[Any, ...]) -> list[Row]:
        with connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(sql(statement), values).fetchall()

    return execute


def runs_each(connection: Connection) -> Execute:
    """Executes each statement as a transaction of its own, in one round trip."""
    if not is_pooled(connection):
        return runs(connection)

    def execute(statement: str, values: tuple[Any, ...]) -> list[Row]:
        # Only the simple protocol takes two statements at once: one transaction, with the values quoted.
        with psycopg.ClientCursor(connection, row_factory=tuple_row) as cursor:
            begin = f"SET TRANSACTION {_ISOLATION}; {settings(connection.patience, is_local=True)}"
            cursor.execute(sql(f"{begin}; {statement}"), values)
            cursor.nextset()
            cursor.nextset()
            return cursor.fetchall()

    return execute


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction for several statements, or for COPY."""
    begin = f"BEGIN {_ISOLATION}"
    connection.execute(
        sql(f"{begin}; {settings(connection.patience, is_local=True)}" if is_pooled(connection) else begin)
    )
    try:
        yield
    except BaseException:
        if not connection.broken:
            connection.rollback()
        raise
    connection.commit()


@contextmanager
def unprepared(driver: Any, process: int) -> Iterator[None]:
    """Keep psycopg from preparing statements on a caller's connection that goes through a connection pooler.

    `process` is the server's process that the connection was seen with. Other drivers do as they are told.
    """
    is_ours = isinstance(driver, (psycopg.Connection, psycopg.AsyncConnection))
    if not is_ours or driver.info.backend_pid == process:
        yield
        return
    threshold, driver.prepare_threshold = driver.prepare_threshold, None
    try:
        yield
    finally:
        driver.prepare_threshold = threshold
