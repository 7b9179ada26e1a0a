"""The database engines. Only code that differs between engines, or that they share, is in this package.

`open_storage` selects the engine by URL and imports it; `base.Storage` is the protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Inspection, Storage


def open_storage(url: str, catalog: Catalog, create: bool = True, read_url: str | None = None) -> Storage:
    """The storage for a URL such as `sqlite:///audit.db` or `postgresql://user@host/db`.

    `read_url` is for PostgreSQL: the URL with the role that reads. Raises `StorageError` for other URLs.
    """
    if is_postgresql(url):
        if read_url is not None and not is_postgresql(read_url):
            raise StorageError("read_url= is the same PostgreSQL database as url=, as another role")
        with _postgres_extra():
            from auditwright.storage.postgresql.engine import PostgreSQLStorage
        return PostgreSQLStorage(url, catalog, read_url)
    path = sqlite_location(url)
    if read_url is not None:
        raise StorageError("read_url= is for PostgreSQL, which has roles; SQLite is one file")
    from auditwright.storage.sqlite.engine import SQLiteStorage

    return SQLiteStorage(path, catalog, create)


def is_postgresql(url: str) -> bool:
    """Whether a URL is for PostgreSQL."""
    return url.startswith(("postgresql://", "postgres://"))


@contextmanager
def _postgres_extra() -> Iterator[None]:
    """Raise an error with the install command if psycopg or the PostgreSQL library is missing."""
    try:
        yield
    except ImportError as error:
        if (error.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        raise StorageError(
            'PostgreSQL needs the package psycopg: pip install "auditwright[postgres]"'
        ) from error


def open_inspection(url: str, catalog: Catalog) -> Inspection:
    """A read-only inspection of the database of a URL; raises `StorageError`."""
    if is_postgresql(url):
        with _postgres_extra():
            from auditwright.storage.postgresql.inspection import PostgreSQLInspection
        return PostgreSQLInspection(url, catalog)
    path = sqlite_location(url)
    from auditwright.storage.sqlite.inspection import SQLiteInspection

    return SQLiteInspection(path, catalog)


def sqlite_location(url: str) -> str:
    """The path in a SQLite URL; raises `StorageError` for other URLs."""
    scheme, separator, path = url.partition("://")
    if scheme == "sqlite" and separator:
        return path
    shown = url.rpartition("@")[2].partition("?")[0]  # without parts that may have a password
    raise StorageError(
        f"{shown}: unknown kind of database; write sqlite:///audit.db for a relative path, "
        "sqlite:////var/lib/audit.db for an absolute one, or postgresql://user@host/database"
    )
