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

_KEY = ("account_id", "id")

Column = tuple[str, str, bool, int]
"""Name, type, whether it is never null, and its place in the primary key, from 1; 0 is outside of it."""


def _text(*names: str) -> tuple[Column, ...]:
    """Text columns, never null, the first of them the primary key."""
    return tuple((name, "TEXT", True, int(number == 0)) for number, name in enumerate(names))


def _tables(catalog: Catalog) -> dict[str, tuple[Column, ...]]:
    """Every table with its columns."""
    entry = tuple(
        (name, _TYPES[kind], never_null, _KEY.index(name) + 1 if name in _KEY else 0)
        for name, kind, never_null in columns(catalog)
    )
    return {
        "audit_entry": entry,
        "audit_category": _text("key", "level", "title", "description"),
        "audit_event": _text("key", "level", "category", "title", "description"),
        "audit_catalog": _text("version", "json"),
    }


def set_up(connection: sqlite3.Connection, catalog: Catalog, name: str) -> None:
    """Make what is missing for a catalog, in one transaction; a database that has it all is only read.

    `name` is the database's, for errors. Raises `SchemaMismatch` for anything of our names that is not ours.
    """
    _check_fit(connection, catalog, name)
    if _is_set_up(connection, catalog):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _create(connection, catalog)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _check_fit(connection: sqlite3.Connection, catalog: Catalog, name: str) -> None:
    """Refuse tables and indexes of our names that are not as ours are, before anything is changed."""
    advice = "use another file, or rename it"
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_schema").fetchall())
    wanted_kinds = dict.fromkeys(_tables(catalog), "table") | dict.fromkeys(INDEXES, "index")
    wanted_kinds |= {view_name(event): "view" for event in catalog.every_event.values()}
    for each, kind in wanted_kinds.items():
        if kinds.get(each, kind) != kind:
            should, is_ = (f"{'an' if it == 'index' else 'a'} {it}" for it in (kind, kinds[each]))
            raise SchemaMismatch(f"{name}: {each} should be {should} and is {is_}; {advice}")
    strict = {row[1]: bool(row[5]) for row in connection.execute("PRAGMA table_list")}
    for table, wanted in _tables(catalog).items():
        if table in kinds:
            difference = _difference(connection, catalog, table, wanted)
            if difference is None and not strict[table]:
                difference = "it is not STRICT"
            if difference is not None:
                raise SchemaMismatch(f"{name}: the table {table} does not fit: {difference}; {advice}")
    ours = {row[1]: row[2] or row[4] for row in connection.execute("PRAGMA index_list(audit_entry)")}
    for index, names in INDEXES.items():
        found = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({index})"))
        if index in kinds and (found != names or ours.get(index, True)):
            raise SchemaMismatch(
                f"{name}: the index {index} does not fit: it should be a plain one over "
                f"{', '.join(names)} of audit_entry; drop it"
            )


def _difference(
    connection: sqlite3.Connection, catalog: Catalog, table: str, wanted: tuple[Column, ...]
) -> str | None:
    """The first thing that sets a table apart; columns that the catalog has gained will be added."""
    found = {
        column: (column, kind, bool(never_null), key)
        for _, column, kind, never_null, _, key in connection.execute(f"PRAGMA table_info({table})")
    }
    for column in wanted:
        name = column[0]
        if name not in found and table == "audit_entry" and name in catalog.columns:
            continue
        if found.get(name) != column:
            is_ = f"is {_described(found[name])}" if name in found else "is missing"
            return f"column {name} should be {_described(column)}, and {is_}"
    ours = {column[0] for column in wanted}
    for name, column in found.items():
        if name not in ours and (column[2] or column[3]):
            return f"column {name}, {_described(column)}, is not ours"
    return None


def _described(column: Column) -> str:
    _, kind, never_null, key = column
    return kind + " NOT NULL" * never_null + f" at place {key} of the primary key" * bool(key)


def _programs(catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Triggers and views: the kind and the statement that makes it. Those that differ are made anew."""
    triggers = {name: ("TRIGGER", f"CREATE TRIGGER {name} {body}") for name, body in _TRIGGERS.items()}
    views = {view_name(event): ("VIEW", _view(catalog, event)) for event in catalog.every_event.values()}
    return triggers | views


def _is_set_up(connection: sqlite3.Connection, catalog: Catalog) -> bool:
    """Whether nothing is missing for this catalog."""
    present = dict(connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    if not {*_tables(catalog), *INDEXES} <= present.keys():
        return False
    gained = {row[1] for row in connection.execute("PRAGMA table_info(audit_entry)")}
    if not gained.issuperset(catalog.columns):
        return False
    newest = _is_newest(connection, catalog)
    for name, (kind, statement) in _programs(catalog).items():
        if (newest or kind == "TRIGGER") and present.get(name) != statement:
            return False
    for table, rows in _reference_rows(catalog).items():
        names = ", ".join(column[0] for column in _tables(catalog)[table])
        found = set(connection.execute(f"SELECT {names} FROM {table}").fetchall())
        if newest and not found.issuperset(rows):
            return False
    stored = connection.execute(
        "SELECT json = ? FROM audit_catalog WHERE version = ?", (catalog.json.decode(), catalog.version)
    ).fetchone()
    return stored is not None and bool(stored[0])


def _is_newest(connection: sqlite3.Connection, catalog: Catalog) -> bool:
    """Whether no newer catalog has been here: its views and reference rows stay then."""
    versions = [row[0] for row in connection.execute("SELECT version FROM audit_catalog")]
    return all(_release(version) <= _release(catalog.version) for version in versions)


def _reference_rows(catalog: Catalog) -> dict[str, list[tuple[str, ...]]]:
    """The rows that describe the catalog, by table; the columns are those of `_tables`."""
    return {
        "audit_category": [
            (each.key, each.level, each.title, each.description) for each in catalog.every_category
        ],
        "audit_event": [
            (each.key, each.level, each.category, each.title, each.description)
            for each in catalog.every_event.values()
        ],
    }


def _create(connection: sqlite3.Connection, catalog: Catalog) -> None:
    for table, wanted in _tables(catalog).items():
        definitions = [f"{name} {kind}{' NOT NULL' * never_null}" for name, kind, never_null, _ in wanted]
        key = [name for place, name in sorted((column[3], column[0]) for column in wanted) if place]
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} "
            f"({', '.join(definitions)}, PRIMARY KEY ({', '.join(key)})) STRICT"
        )
    present = {row[1] for row in connection.execute("PRAGMA table_info(audit_entry)")}
    for name in catalog.columns:
        if name not in present:
            connection.execute(f"ALTER TABLE audit_entry ADD COLUMN {name} TEXT")
    for index, names in INDEXES.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON audit_entry ({', '.join(names)})")
    newest = _is_newest(connection, catalog)
    for name, (kind, statement) in _programs(catalog).items():
        if newest or kind == "TRIGGER":
            connection.execute(f"DROP {kind} IF EXISTS {_quoted(name)}")
            connection.execute(statement)
    if newest:
        for table, rows in _reference_rows(catalog).items():
            names = tuple(column[0] for column in _tables(catalog)[table])
            connection.executemany(
                f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                rows,
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
    # By name: a field of Auditwright's own that is called like a column of the service's is stored in it.
    fields = [
        name if name in catalog.columns else f"json_extract(metadata, '$.{name}') AS {_quoted(name)}"
        for name in (field.name for field in event.metadata)
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
