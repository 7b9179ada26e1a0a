"""The database engines. Only code that differs between engines, or that they share, is in this package.

The functions here select the engine by URL and import it; nothing else tests a URL. The protocols are in
`base.py` and `retention.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditwright.storage.deadline import TIMEOUT
from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.entry import Row
    from auditwright.storage.base import Inspection, SetupResult, Storage
    from auditwright.storage.retention import RetentionStore
    from auditwright.storage.setup_change import RecordSetup
    from auditwright.storage.sqlite.spool_file import SpoolFile


def open_storage(
    url: str,
    catalog: Catalog,
    create: bool = True,
    read_url: str | None = None,
    timeout: float = TIMEOUT,
    record: RecordSetup | None = None,
    needs_reader: bool = True,
) -> Storage:
    """The storage for a URL such as `sqlite:///audit.db` or `postgresql://user@host/db`.

    A call to it ends within `timeout` seconds, with an error if the database does not answer.
    `read_url` is for PostgreSQL: the URL with the role that reads; unless `needs_reader`, its server may be
    away while the log is opened. `record` makes the entries about what opening has changed, which is in
    SQLite only. Raises `StorageError` for other URLs.
    """
    if is_postgresql(url):
        if read_url is not None and not is_postgresql(read_url):
            raise StorageError("read_url= is the same PostgreSQL database as url=, as another role")
        with _postgres_extra():
            from auditwright.storage.postgresql.engine import PostgreSQLStorage
        return PostgreSQLStorage(url, catalog, read_url, timeout, needs_reader)
    path = _sqlite_location(url)
    if read_url is not None:
        raise StorageError("read_url= is for PostgreSQL, which has roles; SQLite is one file")
    from auditwright.storage.sqlite.engine import SQLiteStorage

    return SQLiteStorage(path, catalog, create, timeout, record)


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
    path = _sqlite_location(url)
    from auditwright.storage.sqlite.inspection import SQLiteInspection

    return SQLiteInspection(path, catalog)


def open_retention_store(url: str, catalog: Catalog, record: RecordSetup | None = None) -> RetentionStore:
    """The database of a URL, opened with the right to delete; raises `StorageError`.

    `record` is as in `open_storage`.
    """
    if is_postgresql(url):
        from auditwright.storage.postgresql.retention import PostgreSQLRetentionStore

        return PostgreSQLRetentionStore(url, catalog)
    path = _sqlite_location(url)
    from auditwright.storage.sqlite.retention import SQLiteRetentionStore

    return SQLiteRetentionStore(path, catalog, record)


def create_database(
    url: str, catalog: Catalog, record: RecordSetup | None = None, distribute: bool = False
) -> SetupResult:
    """Create what an audit log of the catalog needs in a database. Idempotent.

    `record` makes the entries about what was changed; they are stored with the last change. `distribute`
    distributes the tables on a Citus cluster, whose coordinator the database is on.
    Raises `StorageError`, and `SchemaMismatch` for foreign tables with the names of ours.
    """
    return _set_up(url, catalog, True, record, distribute)


def upgrade_database(url: str, catalog: Catalog, record: RecordSetup | None = None) -> SetupResult:
    """Like `create_database`, but a database without an audit log is an error."""
    return _set_up(url, catalog, False, record)


def _set_up(
    url: str, catalog: Catalog, create: bool, record: RecordSetup | None, distribute: bool = False
) -> SetupResult:
    if is_postgresql(url):
        from auditwright.storage.postgresql import setup as postgresql

        return postgresql.set_up(url, catalog, create, record, distribute)
    if distribute:
        raise StorageError("--distribute is for PostgreSQL with Citus; SQLite is one file")
    path = _sqlite_location(url)
    from auditwright.storage.sqlite import setup as sqlite

    return sqlite.set_up(path, catalog, create, record)


def setup_sql(url: str, catalog: Catalog, create: bool) -> str:
    """The script for psql that does what `create_database` or `upgrade_database` do on PostgreSQL."""
    if not is_postgresql(url):
        raise StorageError("--dry-run is for PostgreSQL; AuditLog.open creates what a SQLite file lacks")
    from auditwright.storage.postgresql import setup

    return setup.setup_sql(url, catalog, create)


def make_roles(
    url: str, prefix: str, catalog: Catalog | None = None, record: Callable[[int], Row] | None = None
) -> SetupResult:
    """Create the roles `prefix`_owner, _writer and _reader and grant their rights. Idempotent.

    `record` makes the row of that catalog for a number of changes; it is stored with them.
    Raises `StorageError` for SQLite, which has no roles.
    """
    _require_roles(url)
    from auditwright.storage.postgresql import roles

    return roles.make_roles(url, roles.Roles(prefix), catalog, record)


def roles_sql(url: str, prefix: str) -> str:
    """The script for psql that does what `make_roles` does."""
    _require_roles(url)
    from auditwright.storage.postgresql import roles

    return roles.roles_sql(url, roles.Roles(prefix))


def _require_roles(url: str) -> None:
    if not is_postgresql(url):
        raise StorageError(
            "roles are for PostgreSQL; anyone who can write to a SQLite file can change its entries"
        )


def open_spool_file(
    url: str, catalog: Catalog, max_bytes: int, timeout: float = TIMEOUT, create: bool = True
) -> SpoolFile:
    """The file of a spool; `url` is one of SQLite, and `create` as in `SpoolFile`. Raises `StorageError`."""
    if is_postgresql(url) or not url.startswith("sqlite:"):
        raise StorageError(
            "a spool is a SQLite file of this machine, given as a URL such as "
            "sqlite:////var/lib/app/audit-spool.db"
        )
    path = _sqlite_location(url)
    from auditwright.storage.sqlite.spool_file import SpoolFile

    return SpoolFile(path, catalog, max_bytes, timeout, create)


def is_postgresql(url: str) -> bool:
    """Whether a URL is one of PostgreSQL. Raises `StorageError` for what is no text."""
    if type(url) is not str:
        raise StorageError(
            f"the URL of a database is a text such as sqlite:///audit.db, not {type(url).__name__}"
        )
    return url.startswith(("postgresql://", "postgres://"))


# A missing slash, spaces around the path, parameters, percent-encoding, a file: URI, a control character.
_MISREAD = re.compile(r"[^/]|/\s|.*\s\Z|.*\?\w+=|.*%[0-9A-Fa-f]{2}|/file:|.*[\x01-\x1f\x7f]", re.DOTALL)


def _sqlite_location(url: str) -> str:
    """The path in a SQLite URL; raises `StorageError` for other URLs, and for a path that may be misread."""
    path = url.removeprefix("sqlite://")
    if path == url or (_MISREAD.match(path) and path != ":memory:"):
        from auditwright.storage.misread_urls import refuse

        refuse(url)
    return path
