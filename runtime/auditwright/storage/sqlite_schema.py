"""The layout of a SQLite database: STRICT table, three indexes, append-only triggers, a view for each event.

The generated SQLModel classes map onto it; a test holds the two together.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from auditwright.entry import columns
from auditwright.errors import SchemaMismatch

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event

CONFLICT = "auditwright: another entry has this id"
"""What the database says of a row whose id is there with other content."""

_TYPES = {"text": "TEXT", "id": "BLOB", "timestamp": "INTEGER", "digest": "BLOB", "json": "TEXT"}

INDEXES = {
    "audit_entry_event": ("account_id", "event", "id"),
    "audit_entry_user": ("account_id", "actor_id", "event", "id"),
}

_TRIGGERS = {
    # Equal content under one id is a retry and is passed over; other content is refused. A row id that was
    # given, rather than made by SQLite (-1 until then), would let INSERT OR REPLACE overwrite a row by it.
    "audit_entry_once": f"""
        BEFORE INSERT ON audit_entry
        WHEN NEW.rowid <> -1 OR EXISTS
            (SELECT 1 FROM audit_entry WHERE account_id = NEW.account_id AND id = NEW.id)
        BEGIN
            SELECT CASE
                WHEN NEW.rowid <> -1 THEN RAISE(ABORT, 'auditwright: audit_entry takes no row ids')
                WHEN NEW.digest = (SELECT digest FROM audit_entry
                                   WHERE account_id = NEW.account_id AND id = NEW.id)
                THEN RAISE(IGNORE)
                ELSE RAISE(ABORT, '{CONFLICT}')
            END;
        END""",
    # -1 given by hand looks like none before the insert; a row there could be overwritten by it.
    "audit_entry_no_row_id": """
        AFTER INSERT ON audit_entry
        WHEN NEW.rowid < 0
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_entry takes no row ids'); END""",
    "audit_entry_no_update": """
        BEFORE UPDATE ON audit_entry
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_entry is append-only'); END""",
    "audit_entry_no_delete": """
        BEFORE DELETE ON audit_entry
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_entry is append-only'); END""",
}

_REFERENCE_TABLES = {
    "audit_category": ("key TEXT NOT NULL PRIMARY KEY", "level TEXT NOT NULL", "title TEXT NOT NULL",
                       "description TEXT NOT NULL"),
    "audit_event": ("key TEXT NOT NULL PRIMARY KEY", "level TEXT NOT NULL", "category TEXT NOT NULL",
                    "title TEXT NOT NULL", "description TEXT NOT NULL"),
    "audit_catalog": ("version TEXT NOT NULL PRIMARY KEY", "json TEXT NOT NULL"),
}  # fmt: skip

_KEY = ("account_id", "id")


def set_up(connection: sqlite3.Connection, catalog: Catalog, name: str) -> None:
    """Make what is missing for a catalog, in one transaction; a database that has it all is only read.

    `name` is the database's, for errors. Raises `SchemaMismatch` for an audit_entry table that is not ours.
    """
    if _is_set_up(connection, catalog, name):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _create(connection, catalog, name)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _is_set_up(connection: sqlite3.Connection, catalog: Catalog, name: str) -> bool:
    """Whether nothing is missing for this catalog; its row in audit_catalog is the last thing made."""
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    if not {"audit_entry", *_REFERENCE_TABLES, *INDEXES, *_TRIGGERS} <= present:
        return False
    _check_fit(connection, catalog, name)
    known = connection.execute(
        "SELECT json = ? FROM audit_catalog WHERE version = ?",
        (catalog.json.decode(), catalog.version),
    ).fetchone()
    return known is not None and bool(known[0])


def _create(connection: sqlite3.Connection, catalog: Catalog, name: str) -> None:
    definitions = [
        f"{column} {_TYPES[kind]}{' NOT NULL' if never_null else ''}"
        for column, kind, never_null in columns(catalog)
    ]
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS audit_entry ({', '.join(definitions)}, "
        f"PRIMARY KEY ({', '.join(_KEY)})) STRICT"
    )
    for table, definition in _REFERENCE_TABLES.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(definition)}) STRICT")
    _check_fit(connection, catalog, name)
    for index, names in INDEXES.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON audit_entry ({', '.join(names)})")
    for trigger, body in _TRIGGERS.items():
        connection.execute(f"CREATE TRIGGER IF NOT EXISTS {trigger} {body}")
    _describe_catalog(connection, catalog)


def _check_fit(connection: sqlite3.Connection, catalog: Catalog, name: str) -> None:
    """Refuse a table of our name that is not ours; a column that the catalog has gained is added."""
    found = {
        column: _described(kind, bool(never_null), bool(in_key))
        for _, column, kind, never_null, _, in_key in connection.execute("PRAGMA table_info(audit_entry)")
    }
    for column, kind, never_null in columns(catalog):
        wanted = _described(_TYPES[kind], never_null, column in _KEY)
        if column not in found and column in catalog.columns:
            if connection.in_transaction:
                connection.execute(f"ALTER TABLE audit_entry ADD COLUMN {column} {_TYPES[kind]}")
        elif found.get(column) != wanted:
            raise SchemaMismatch(
                f"{name}: the table audit_entry does not fit: column {column} should be {wanted}, "
                f"and {f'is {found[column]}' if column in found else 'is missing'}; "
                "use another file, or rename that table"
            )


def _described(kind: str, never_null: bool, in_key: bool) -> str:
    return kind + " NOT NULL" * never_null + " in the primary key" * in_key


def _describe_catalog(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """Views and reference rows of this catalog, unless a newer one has been here."""
    versions = [row[0] for row in connection.execute("SELECT version FROM audit_catalog")]
    if all(_release(version) <= _release(catalog.version) for version in versions):
        for event in catalog.events.values():
            connection.execute(f'DROP VIEW IF EXISTS "{view_name(event)}"')
            connection.execute(_view(catalog, event))
        connection.executemany(
            "INSERT OR REPLACE INTO audit_category VALUES (?, ?, ?, ?)",
            [(each.key, each.level, each.title, each.description) for each in catalog.categories],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO audit_event VALUES (?, ?, ?, ?, ?)",
            [
                (each.key, each.level, each.category, each.title, each.description)
                for each in catalog.events.values()
            ],
        )
    connection.execute(
        "INSERT OR REPLACE INTO audit_catalog VALUES (?, ?)", (catalog.version, catalog.json.decode())
    )


def _view(catalog: Catalog, event: Event) -> str:
    envelope = [
        name
        for name, _, _ in columns(catalog)
        if name not in ("digest", "alterations", "metadata", *catalog.columns)
    ]
    fields = [
        field.name if field.column else f"json_extract(metadata, '$.{field.name}') AS {_quoted(field.name)}"
        for field in event.metadata
    ]
    keys = ", ".join(f"'{key}'" for key in (event.key, *event.aliases))
    return (
        f"CREATE VIEW {_quoted(view_name(event))} AS SELECT {', '.join([*envelope, *fields])} "
        f"FROM audit_entry WHERE event IN ({keys})"
    )


def view_name(event: Event) -> str:
    """The name of an event's view: `account_models_model_deployed`."""
    return event.key.replace(".", "_")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _release(version: str) -> tuple[int, ...]:
    """A version's numbers, for comparing; what follows them (`-rc.1`) does not count."""
    numbers = version.partition("-")[0].partition("+")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())
