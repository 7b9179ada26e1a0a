"""Inspects a SQLite file, also while a service writes to it; see `Inspection`.

`auditwright database check` uses it. It never changes the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditwright.damage import LATER_PARTS, PARTS
from auditwright.entry import METADATA, columns
from auditwright.storage.base import Damage, Difference, Rows, Stored, Views
from auditwright.storage.errors import StorageError
from auditwright.storage.layout import DEFAULTS, INDEXES, unindexed
from auditwright.storage.sqlite.connections import BUSY_SECONDS, path_of, translated_errors
from auditwright.storage.sqlite.schema import (
    check_fit,
    is_newest,
    later_columns,
    other_columns,
    quoted,
    tables,
    views,
    whole_metadata,
)
from auditwright.storage.sqlite.triggers import checks, triggers

if TYPE_CHECKING:
    from pathlib import Path

    from auditwright.catalog import Catalog


class SQLiteInspection:
    """One SQLite file in one read transaction; see `Inspection`."""

    opening_updates_views = True

    def __init__(self, location: str, catalog: Catalog) -> None:
        path = path_of(location)
        self.name = str(path)
        self._catalog = catalog
        if not path.exists():
            raise StorageError(f"{path}: there is no such database")
        with self._errors():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={_mode(path)}",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
            )
        try:
            with self._errors():
                self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        connection.text_factory = _text
        self._tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        if "audit_entry" not in self._tables:
            raise StorageError(f"{self.name}: there is no audit log in this database")
        check_fit(connection, self._catalog, self.name)
        self._others = other_columns(connection, self._catalog) if "audit_catalog" in self._tables else {}

    def _errors(self) -> AbstractContextManager[None]:
        busy = "another program has locked the whole file; try again when it is done"
        return translated_errors(self.name, "read", busy)

    def catalogs(self) -> dict[str, str]:
        """See `Inspection.catalogs`."""
        if "audit_catalog" not in self._tables:
            return {}
        with self._errors():
            return dict(self._connection.execute("SELECT version, json FROM audit_catalog").fetchall())

    def views(self) -> Views:
        """See `Inspection.views`."""
        with self._errors():
            present = dict(self._connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())
            newest = "audit_catalog" not in present or is_newest(self._connection, self._catalog)
        wanted = views(self._catalog, self._others)
        return Views(
            tuple(sorted(wanted.keys() - present.keys())),
            tuple(sorted(name for name in wanted if present.get(name, wanted[name]) != wanted[name])),
            not newest,
        )

    def differences(self) -> tuple[Difference, ...]:
        """See `Inspection.differences`; opening a file with tables that do not fit fails."""
        with self._errors():
            present = dict(self._connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())
            missing = later_columns(self._connection)
            fields = (
                self._connection.execute(
                    "SELECT event, field FROM audit_target_field WHERE unindexed > 0 ORDER BY 1, 2"
                ).fetchall()
                if "audit_target_field" in present
                else []
            )
        found = [f"the table {name} is missing" for name in tables(self._catalog) if name not in present]
        found += [f"the column audit_entry.{name} is missing" for name in missing]
        found += [f"the index {name} is missing" for name in INDEXES if name not in present]
        for name, statement in triggers().items():
            if present.get(name) != statement:
                found.append(f"the trigger {name} is {'another one' if name in present else 'missing'}")
        return (
            *(Difference(what, "the next AuditLog.open makes it anew") for what in found),
            *(Difference(what, "the next AuditLog.open goes on with it") for what in unindexed(fields)),
            *self._other_triggers(),
        )

    def _other_triggers(self) -> Iterator[Difference]:
        """Triggers of others on our tables: one that runs before an entry is stored can drop it."""
        with self._errors():
            found = self._connection.execute(
                "SELECT name, lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
            ).fetchall()
        ours, own_tables = triggers(), tables(self._catalog)
        for name, table in found:
            if table in own_tables and name not in ours:
                yield Difference(
                    f"the trigger {name} on {table} is not Auditwright's: it may drop what is recorded",
                    f"DROP TRIGGER {quoted(name)}",
                )

    def damaged(self, account_id: str | None) -> tuple[Damage, ...]:
        """See `Inspection.damaged`."""
        where, values = _narrowed(account_id)
        sql = checks()
        later = later_columns(self._connection)
        # With max(), SQLite takes the other columns from the row of the maximum.
        found = [
            f"SELECT '{part}', count(*), account_id, max(id) FROM audit_entry "
            f"{where or 'WHERE 1'} AND NOT ({sql[part]})"
            for part in PARTS
            if LATER_PARTS.get(part) not in later
        ]
        with self._errors():
            rows = self._connection.execute(" UNION ALL ".join(found), values * len(found)).fetchall()
        return tuple(Damage(*row) for row in rows if row[1])

    def stored(self, account_id: str | None) -> Generator[Stored, None, None]:
        """See `Inspection.stored`."""
        where, values = _narrowed(account_id)
        with self._errors():
            for row in self._connection.execute(
                f"SELECT account_id, event, count(*), min(id), max(id) FROM audit_entry{where} "
                "GROUP BY account_id, event",
                values,
            ):
                yield Stored(*row)

    def time_and_version(self, account_id: str, entry_id: bytes) -> tuple[int, str]:
        """See `Inspection.place`."""
        with self._errors():
            found: tuple[int, str] | None = self._connection.execute(
                "SELECT occurred_at, catalog_version FROM audit_entry WHERE account_id = ? AND id = ?",
                (account_id, entry_id),
            ).fetchone()
        return found or (0, "")

    def entries(self, account_id: str | None) -> Rows:
        """See `Inspection.entries`."""
        where, values = _narrowed(account_id)
        with self._errors():
            present = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(audit_entry)")}
            parts = [
                quoted(name) if name in present else DEFAULTS.get(name, "NULL")
                for name, _, _ in columns(self._catalog)
            ]
            parts[METADATA] = whole_metadata(self._others)
            yield from self._connection.execute(f"SELECT {', '.join(parts)} FROM audit_entry{where}", values)

    def close(self) -> None:
        """See `Inspection.close`."""
        self._connection.close()


def _mode(path: Path) -> str:
    """The mode in which opening leaves the file unchanged and no other file behind.

    SQLite needs the write-ahead log for reading. An existing one can be read in mode `ro`. A missing one is
    created, and only a connection in mode `rw` removes it again.
    """
    return "ro" if path.with_name(f"{path.name}-wal").exists() else "rw"


def _narrowed(account_id: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if account_id is None else (" WHERE account_id = ?", (account_id,))


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
