"""Making a database and bringing it up to date: `create_database` and `upgrade_database`, for every engine.

On PostgreSQL each revision, and then what the catalog adds, is a transaction of its own under a lock, so that
a run that was killed is taken up by the next, and of two that run at once one waits. Nothing that is stored
is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditwright.storage import is_postgresql, sqlite_location
from auditwright.storage.base import SetupResult

if TYPE_CHECKING:
    from auditwright.catalog import Catalog


def create_database(url: str, catalog: Catalog) -> SetupResult:
    """Make all that an audit log of the catalog needs in a database, or what is missing of it.

    Raises `StorageError`, and `SchemaMismatch` for tables of our names that are not ours.
    """
    return _set_up(url, catalog, create=True)


def upgrade_database(url: str, catalog: Catalog) -> SetupResult:
    """`create_database`, but a database without an audit log is an error."""
    return _set_up(url, catalog, create=False)


def setup_sql(url: str, catalog: Catalog, create: bool) -> str:
    """The SQL that `create_database` or `upgrade_database` would run on PostgreSQL, as a script for psql."""
    from auditwright.storage.postgresql import setup as postgresql

    return postgresql.setup_sql(url, catalog, create)


def _set_up(url: str, catalog: Catalog, create: bool) -> SetupResult:
    if is_postgresql(url):
        from auditwright.storage.postgresql import setup as postgresql

        return postgresql.set_up(url, catalog, create)
    from auditwright.storage.sqlite import setup as sqlite

    return sqlite.set_up(sqlite_location(url), catalog, create)
