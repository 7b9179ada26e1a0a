"""Create and upgrade a database on either engine, and the roles of PostgreSQL.

On PostgreSQL each revision, and then the catalog's changes, is a transaction of its own under a lock: a run
continues one that was killed, and concurrent runs wait for each other. Stored entries are never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditwright.storage import is_postgresql, sqlite_location
from auditwright.storage.base import SetupResult

if TYPE_CHECKING:
    from auditwright.catalog import Catalog


def create_database(url: str, catalog: Catalog) -> SetupResult:
    """Create what an audit log of the catalog needs in a database. Idempotent.

    Raises `StorageError`, and `SchemaMismatch` for foreign tables with the names of ours.
    """
    return _set_up(url, catalog, create=True)


def upgrade_database(url: str, catalog: Catalog) -> SetupResult:
    """Like `create_database`, but a database without an audit log is an error."""
    return _set_up(url, catalog, create=False)


def setup_sql(url: str, catalog: Catalog, create: bool) -> str:
    """The script for psql that does what `create_database` or `upgrade_database` do on PostgreSQL."""
    from auditwright.storage.postgresql import setup as postgresql

    return postgresql.setup_sql(url, catalog, create)


def make_roles(url: str, prefix: str) -> SetupResult:
    """Create the PostgreSQL roles `prefix`_owner, _writer and _reader and grant their rights. Idempotent."""
    from auditwright.storage.postgresql import roles

    return roles.make_roles(url, roles.Roles(prefix))


def roles_sql(url: str, prefix: str) -> str:
    """The script for psql that does what `make_roles` does."""
    from auditwright.storage.postgresql import roles

    return roles.roles_sql(url, roles.Roles(prefix))


def _set_up(url: str, catalog: Catalog, create: bool) -> SetupResult:
    if is_postgresql(url):
        from auditwright.storage.postgresql import setup as postgresql

        return postgresql.set_up(url, catalog, create)
    from auditwright.storage.sqlite import setup as sqlite

    return sqlite.set_up(sqlite_location(url), catalog, create)
