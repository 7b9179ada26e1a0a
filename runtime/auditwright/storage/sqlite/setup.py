"""Creates an audit log in a SQLite file and reports what was created.

`create_database` and `upgrade_database` call it. The layout is in `schema.py`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditwright.storage.base import SetupResult
from auditwright.storage.sqlite.connections import path_of
from auditwright.storage.sqlite.engine import SQLiteStorage
from auditwright.storage.sqlite.schema import objects

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.setup_change import RecordSetup


def set_up(location: str, catalog: Catalog, create: bool, record: RecordSetup | None = None) -> SetupResult:
    """Create what is missing; `location` is the URL after `sqlite://`. Idempotent."""
    path = path_of(location)
    before = _objects(str(path)) if path.exists() else set()
    SQLiteStorage(location, catalog, create, record=record).close()
    new = _objects(str(path)) - before
    return SetupResult(str(path), tuple(f"{kind} {name}" for kind, name, _ in sorted(new)), False)


def _objects(path: str) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True)) as connection:
        return objects(connection)
