"""Django's databases: the URL of one, and the transaction that is open on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.db import connections
from django.utils.connection import ConnectionDoesNotExist

from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_PSYCOPG_ONLY = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")
"""What psycopg.connect takes besides the parameters of libpq."""


def connection_of(alias: str) -> BaseDatabaseWrapper:
    """Django's connection of this thread; raises `StorageError` for an alias that DATABASES lacks."""
    try:
        return connections[alias]
    except ConnectionDoesNotExist:
        raise StorageError(
            f"DATABASES has no {alias!r}, which AUDITWRIGHT names; it has {', '.join(connections)}"
        ) from None


def is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database is SQLite's in memory, as that of the tests is by default."""
    name = connection.settings_dict["NAME"]
    return connection.vendor == "sqlite" and (str(name) == ":memory:" or "mode=memory" in str(name))


def url_of(alias: str) -> str:
    """The URL of the database, which may hold a password; raises `StorageError` where no log can be."""
    connection = connection_of(alias)
    if is_in_memory(connection):
        raise StorageError(
            f"the database {alias!r} is in memory, where an audit log cannot be; for tests name a file: "
            f'DATABASES[{alias!r}]["TEST"] = {{"NAME": BASE_DIR / "test.sqlite3"}}'
        )
    if connection.vendor == "sqlite":
        return f"sqlite:///{os.fspath(connection.settings_dict['NAME'])}"
    if connection.vendor == "postgresql":
        return _postgresql_url(connection)
    raise StorageError(
        f"the database {alias!r} is {connection.display_name}; an audit log is in SQLite or PostgreSQL: name "
        "one by AUDITWRIGHT['URL']"
    )


def _postgresql_url(connection: BaseDatabaseWrapper) -> str:
    parameters: dict[str, Any] = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name not in _PSYCOPG_ONLY and value is not None
    }
    role = connection.settings_dict["OPTIONS"].get("assume_role")
    if role:  # Django executes SET ROLE after it has connected
        escaped = str(role).replace("\\", "\\\\").replace(" ", "\\ ")
        parameters["options"] = f"{parameters.get('options', '')} -c role={escaped}".strip()
    return f"postgresql:///?{urlencode(parameters, quote_via=quote, safe='')}"


def open_transaction(alias: str) -> Any:
    """The driver's connection if a transaction is open in this thread, else None.

    Raises Django's `TransactionManagementError` in an atomic block that can only be rolled back.
    """
    connection = connection_of(alias)
    if connection.connection is None or not (connection.in_atomic_block or not connection.autocommit):
        return None
    connection.validate_no_broken_transaction()
    return connection.connection
