"""The layout of a SQLite database: STRICT tables, indexes, and a view for each event.

It checks and creates them, with the triggers of `triggers.py`. Rows are written by `engine.py`. A test
compares the generated SQLModel classes with this layout.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from auditwright.catalog import columns_in, is_stored_name, release
from auditwright.entry import columns, usual_part
from auditwright.storage.base import replaced_catalog
from auditwright.storage.errors import SchemaMismatch
from auditwright.storage.layout import (
    DEFAULTS,
    INDEXED_WHERE,
    INDEXES,
    index_definition,
    reference_rows,
    target_fields,
    view_name,
)
from auditwright.storage.sqlite.connections import begin
from auditwright.storage.sqlite.triggers import changing, triggers

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event, Field
    from auditwright.storage.setup_change import RecordSetup

T = TypeVar("T")

_TYPES = {
    "text": "TEXT",
    "id": "BLOB",
    "timestamp": "INTEGER",
    "digest": "BLOB",
    "json": "TEXT",
    "jsonb": "TEXT",
}

_USERS = "audit_entry_users"

_KEY = ("account_id", "id")
_LATER = (
    "row_digest",
    "outcome",
    "failure_reason",
    "on_behalf_of_type",
    "on_behalf_of_id",
    "on_behalf_of_name",
    "context",
)
"""Columns that files from before do not have."""

_TARGET_KEY = ("account_id", "target", "event", "id")
_FIELD_KEY = ("event", "field", "type")
_USER_KEY = ("account_id", "actor_id", "actor_type", "actor_name")

_WITHOUT_ROWID = ("audit_user", "audit_target", "audit_target_field")

Column = tuple[str, str, bool, int]
"""Name, type, NOT NULL, and position in the primary key, from 1; 0 if it is not part of it."""


def _text(*names: str) -> tuple[Column, ...]:
    """Text columns, NOT NULL; the first is the primary key."""
    return tuple((name, "TEXT", True, int(number == 0)) for number, name in enumerate(names))


def tables(catalog: Catalog) -> dict[str, tuple[Column, ...]]:
    """The columns of each table."""
    entry = tuple(
        (name, _TYPES[kind], never_null, _KEY.index(name) + 1 if name in _KEY else 0)
        for name, kind, never_null in columns(catalog)
    )
    return {
        "audit_entry": entry,
        "audit_category": _text("key", "level", "title", "description"),
        "audit_event": _text("key", "level", "category", "title", "description"),
        "audit_catalog": _text("version", "json"),
        "audit_hold": (
            *_text("account_id", "reason"),
            ("until", "INTEGER", False, 0),
            ("created_at", "INTEGER", True, 0),
        ),
        "audit_user": (
            *((name, "TEXT", True, position) for position, name in enumerate(_USER_KEY, 1)),
            ("first_id", "BLOB", True, 0),
        ),
        "audit_target": (
            *((name, "BLOB" if name == "id" else "TEXT", True, at) for at, name in enumerate(_TARGET_KEY, 1)),
            ("actor_id", "TEXT", False, 0),
        ),
        "audit_target_field": (
            *((name, "TEXT", True, position) for position, name in enumerate(_FIELD_KEY, 1)),
            # The targets of entries up to this row id are not indexed yet.
            ("unindexed", "INTEGER", True, 0),
        ),
    }


def insert_statement(catalog: Catalog, usual: bool = False) -> str:
    """The INSERT of a row; with `usual`, that of a row's `usual_part`."""
    written = usual_part(columns(catalog)) if usual else columns(catalog)
    names = [quoted(name) for name, _, _ in written]
    return f"INSERT INTO audit_entry ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def set_up(
    connection: sqlite3.Connection, catalog: Catalog, name: str, record: RecordSetup | None = None
) -> None:
    """Create what is missing for a catalog, in one transaction. Idempotent; a complete database is only read.

    `record` makes the rows about what was changed, which are stored in that transaction.
    Then it indexes the targets of stored entries by fields that did not identify objects before: in batches,
    between which others write. After a crash it goes on where it was.
    `name` is the name of the database for errors. Raises `SchemaMismatch` if existing tables do not fit.
    """
    check_fit(connection, catalog, name)
    if not _is_set_up(connection, catalog):
        with _changing(connection):
            if not _is_set_up(connection, catalog):  # else another process has done it meanwhile
                _add_missing(connection, catalog, record)
    while connection.execute("SELECT max(unindexed) FROM audit_target_field").fetchone()[0]:
        from auditwright.storage.sqlite.indexing import index_targets

        with _changing(connection, "audit_target_field"):
            index_targets(connection)


def _add_missing(connection: sqlite3.Connection, catalog: Catalog, record: RecordSetup | None) -> None:
    versions, before = _versions(connection), objects(connection)
    _create(connection, catalog)
    if record is not None:
        from auditwright.storage.setup_change import SetupChange, previous_version  # rarely needed

        is_new = not any(each == "audit_entry" for _, each, _ in before)
        made = len(objects(connection) - before)
        change = SetupChange(is_new, made, previous_version=previous_version(catalog, versions))
        connection.executemany(insert_statement(catalog), record(change))


@contextmanager
def _changing(connection: sqlite3.Connection, *tables: str) -> Iterator[None]:
    """A transaction that may change these tables, by default all."""
    ((milliseconds,),) = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute("PRAGMA busy_timeout=0")
    try:
        begin(connection, milliseconds / 1000)
    finally:
        connection.execute(f"PRAGMA busy_timeout={milliseconds}")
    try:
        with changing(connection, *tables):
            yield
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def objects(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Kind, name and statement of everything in the file."""
    return set(connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema").fetchall())


def _versions(connection: sqlite3.Connection) -> list[str]:
    """The versions of the catalogs that were used with the file."""
    if not _columns_of(connection, "audit_catalog"):
        return []
    return [version for (version,) in connection.execute("SELECT version FROM audit_catalog")]


def check_fit(connection: sqlite3.Connection, catalog: Catalog, name: str) -> None:
    """Raise `SchemaMismatch` for tables, indexes and views with our names that differ from ours."""
    hint = "use another file, or rename it"
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_schema").fetchall())
    wanted_kinds = dict.fromkeys(tables(catalog), "table") | dict.fromkeys(INDEXES, "index")
    wanted_kinds |= {view_name(event): "view" for event in catalog.every_event.values()}
    for each, kind in wanted_kinds.items():
        if kinds.get(each, kind) != kind:
            should, is_ = (f"{'an' if it == 'index' else 'a'} {it}" for it in (kind, kinds[each]))
            raise SchemaMismatch(f"{name}: {each} should be {should} and is {is_}; {hint}")
    strict = {table: bool(is_strict) for _, table, *_, is_strict in connection.execute("PRAGMA table_list")}
    for table, wanted in tables(catalog).items():
        if table in kinds:
            difference = _difference(connection, catalog, table, wanted)
            if difference is None and not strict[table]:
                difference = "it is not STRICT"
            if difference is not None:
                raise SchemaMismatch(f"{name}: the table {table} does not fit: {difference}; {hint}")
    # An index that is unique is not ours, nor one that is partial where ours is not.
    listed = connection.execute("PRAGMA index_list(audit_entry)")
    is_other = {
        index: unique or bool(partial) != (index in INDEXED_WHERE) for _, index, unique, _, partial in listed
    }
    for index, names in INDEXES.items():
        found = tuple(column for _, _, column in connection.execute(f"PRAGMA index_info({index})"))
        if index in kinds and (found != names or is_other.get(index, True)):
            raise SchemaMismatch(
                f"{name}: the index {index} does not fit: expected an index on audit_entry "
                f"{index_definition(index)}; drop it"
            )


def _difference(
    connection: sqlite3.Connection, catalog: Catalog, table: str, wanted: tuple[Column, ...]
) -> str | None:
    """The first difference of a table, or None; columns that opening adds are no difference."""
    found = {
        column: (column, kind, bool(never_null), key)
        for _, column, kind, never_null, _, key in connection.execute(f"PRAGMA table_info({table})")
    }
    for column in wanted:
        name = column[0]
        if name not in found and table == "audit_entry" and name in (*catalog.columns, *_LATER):
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


def _columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def later_columns(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The columns that a file from before does not have yet, except those of a catalog."""
    present = _columns_of(connection, "audit_entry")
    return tuple(name for name in _LATER if name not in present)


def other_columns(connection: sqlite3.Connection, catalog: Catalog) -> dict[str, str]:
    """The columns of fields that have a column in other catalogs only; they may contain values.

    With the names of the fields in the JSON form.
    """
    ours = {column[0] for column in tables(catalog)["audit_entry"]}
    found = [name for name in _columns_of(connection, "audit_entry") if name not in ours]
    if not found:
        return {}
    catalogs = connection.execute("SELECT json FROM audit_catalog")
    theirs = {column: name for (text,) in catalogs for column, name in columns_in(text).items()}
    return {
        column: theirs[column]
        for column in found
        if re.fullmatch("[a-z][a-z0-9_]*", column) and is_stored_name(theirs.get(column, ""))
    }


def whole_metadata(others: Mapping[str, str]) -> str:
    """SQL for the metadata, merged with the values in the columns of other catalogs."""
    if not others:
        return "metadata"
    unchanged = f"{all_null(map(quoted, others))} OR NOT json_valid(metadata)"
    values = columns_or_json(others, "metadata")
    return f"iif({unchanged}, metadata, {with_fields('metadata', values)})"


def all_null(columns: Iterable[str]) -> str:
    """SQL for whether all of these columns are NULL."""
    groups = [", ".join((*group, "NULL")) for group in in_groups(columns, 100)]
    return f"coalesce({', '.join([*(f'coalesce({each})' for each in groups), 'NULL'])}) IS NULL"


def with_fields(metadata: str, values: Mapping[str, str]) -> str:
    """SQL for the metadata with more fields, given as SQL by name; NULL is no value."""
    if not values:
        return metadata
    # A call for each group of fields, one around the other, would overflow SQLite's parser with many fields.
    fields = (f"{_literal(f'{json.dumps(name)}:')} || json_quote({value})" for name, value in values.items())
    patch = _COMMA.join(f"({_COMMA.join(group)})" for group in in_groups(fields, 100))
    return f"json_patch({metadata}, '{{' || {patch} || '}}')"  # a NULL in the patch removes the field


_COMMA = " || ',' || "


def _literal(text: str) -> str:
    """A text in SQL."""
    return "'{}'".format(text.replace("'", "''"))


def in_groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in groups of this size: a function takes at most 127 arguments in any build of SQLite."""
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])


def columns_or_json(columns: Mapping[str, str], metadata: str) -> dict[str, str]:
    """SQL by name for fields that have a column of their own in some catalogs or some events only."""
    sources: dict[str, list[str]] = {}
    for column, name in columns.items():
        sources.setdefault(name, []).append(quoted(column))
    return {
        name: f"coalesce({', '.join(found)}, {_json_value(name, metadata)})"
        for name, found in sources.items()
    }


def _programs(catalog: Catalog, others: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Kind and CREATE statement of each trigger and view; those that differ are created again."""
    found = {name: ("TRIGGER", statement) for name, statement in triggers().items()}
    return found | {name: ("VIEW", statement) for name, statement in views(catalog, others).items()}


def views(catalog: Catalog, others: Mapping[str, str]) -> dict[str, str]:
    """The CREATE statement of each event's view; `others` is the result of `other_columns`."""
    events = catalog.every_event.values()
    return {view_name(event): _view(catalog, event, others) for event in events}


def _is_set_up(connection: sqlite3.Connection, catalog: Catalog) -> bool:
    """Whether the database has everything that this catalog needs."""
    present = dict(connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    if not {*tables(catalog), *INDEXES} <= present.keys() or _has_permits(connection):
        return False
    gained = set(_columns_of(connection, "audit_entry"))
    if not gained.issuperset((*catalog.columns, *_LATER)):
        return False
    newest = is_newest(connection, catalog)
    for name, (kind, statement) in _programs(catalog, other_columns(connection, catalog)).items():
        if name not in present or ((newest or kind == "TRIGGER") and present[name] != statement):
            return False
    for table, rows in reference_rows(catalog).items():
        names = ", ".join(column[0] for column in tables(catalog)[table])
        found = set(connection.execute(f"SELECT {names} FROM {table}").fetchall())
        if not (
            found.issuperset(rows) if newest else {key for key, *_ in rows} <= {key for key, *_ in found}
        ):
            return False
    if not set(target_fields(catalog)) <= _target_fields(connection):
        return False
    stored = connection.execute(
        "SELECT json = ? FROM audit_catalog WHERE version = ?", (catalog.json.decode(), catalog.version)
    ).fetchone()
    return stored is not None and bool(stored[0])


def _target_fields(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return set(connection.execute("SELECT event, field, type FROM audit_target_field").fetchall())


def is_newest(connection: sqlite3.Connection, catalog: Catalog) -> bool:
    """Whether no newer catalog was used with the database; its views and reference rows would be kept."""
    return all(release(version) <= release(catalog.version) for version in _versions(connection))


def _create(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """Create what is missing; what exists and is current is not changed."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    knows_users = "audit_user" in found and found.get(_USERS) == triggers()[_USERS]
    _create_tables(connection, catalog)
    newest = is_newest(connection, catalog)
    if not knows_users and "audit_entry" in found:
        from auditwright.storage.sqlite.indexing import find_users

        find_users(connection)
    for name, (kind, statement) in _programs(catalog, other_columns(connection, catalog)).items():
        if newest or kind == "TRIGGER" or name not in found:
            connection.execute(f"DROP {kind} IF EXISTS {quoted(name)}")
            connection.execute(statement)
    if _has_permits(connection):
        connection.execute("DROP TABLE audit_retention")
    # Reference rows of a newer catalog are kept; rows that only this catalog has are added for its entries.
    insert = f"INSERT OR {'REPLACE' if newest else 'IGNORE'} INTO"
    for table, rows in reference_rows(catalog).items():
        names = tuple(column[0] for column in tables(catalog)[table])
        connection.executemany(
            f"{insert} {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows
        )
    connection.executemany(
        "INSERT OR IGNORE INTO audit_target_field "
        "SELECT ?, ?, ?, coalesce((SELECT max(rowid) FROM audit_entry), 0)",
        target_fields(catalog),
    )
    content = catalog.json.decode()
    stored = dict(connection.execute("SELECT version, json FROM audit_catalog").fetchall())
    kept = replaced_catalog(catalog.version, content, stored)
    connection.executemany(
        "INSERT OR REPLACE INTO audit_catalog VALUES (?, ?)",
        [row for row in ((catalog.version, content), kept) if row is not None],
    )


def _has_permits(connection: sqlite3.Connection) -> bool:
    """Whether the file has the table by which an earlier version permitted deletes, to anybody."""
    return _columns_of(connection, "audit_retention") == ["account_id", "before"]


def _create_tables(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """Create missing tables, columns and indexes."""
    for table, wanted in tables(catalog).items():
        definitions = [_definition(name, kind, never_null) for name, kind, never_null, _ in wanted]
        key = [name for position, name in sorted((column[3], column[0]) for column in wanted) if position]
        options = "STRICT, WITHOUT ROWID" if table in _WITHOUT_ROWID else "STRICT"
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} "
            f"({', '.join(definitions)}, PRIMARY KEY ({', '.join(key)})) {options}"
        )
    present = set(_columns_of(connection, "audit_entry"))
    for name, kind, never_null, _ in tables(catalog)["audit_entry"]:
        if name not in present:
            connection.execute(f"ALTER TABLE audit_entry ADD COLUMN {_definition(name, kind, never_null)}")
    for index in INDEXES:
        connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON audit_entry {index_definition(index)}")


def _definition(name: str, kind: str, never_null: bool) -> str:
    """The SQL of a column."""
    default = f" DEFAULT {DEFAULTS[name]}" if name in DEFAULTS else ""
    return f"{quoted(name)} {kind}{' NOT NULL' * never_null}{default}"


def _view(catalog: Catalog, event: Event, others: Mapping[str, str]) -> str:
    envelope = [
        name
        for name, _, _ in columns(catalog)
        if name not in ("digest", "row_digest", "alterations", "metadata", *catalog.columns)
    ]
    # By name: a field of a system event that has the name of a service's column is stored in that column.
    in_columns = {*catalog.columns, *others}
    fields = [
        f"{value} AS {quoted(name)}"
        for field in event.metadata
        for name, value in _field_values(field, field.identifier in in_columns)
    ]
    keys = ", ".join(f"'{key}'" for key in (event.key, *event.aliases))
    return (
        f"CREATE VIEW {quoted(view_name(event))} AS SELECT {', '.join([*envelope, *fields])} "
        f"FROM audit_entry WHERE event IN ({keys})"
    )


_TYPED = {
    "integer": "CASE WHEN {kind} = 'integer' THEN {value} WHEN {kind} = 'real' AND abs({value}) < 9.2e18 "
    "AND CAST({value} AS INTEGER) = {value} THEN CAST({value} AS INTEGER) END",
    "number": "CASE WHEN {kind} IN ('integer', 'real') AND abs({value}) < 1.7976e308 "
    "THEN CAST({value} AS REAL) END",
    "boolean": "CASE {kind} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    "bigint": "CASE WHEN {kind} = 'text' AND CAST(CAST({value} AS INTEGER) AS TEXT) = {value} "
    "THEN CAST({value} AS INTEGER) END",
    "list": "CASE {kind} WHEN 'array' THEN {value} END",
    "text": "CASE {kind} WHEN 'text' THEN {value} END",
    "json": "CASE WHEN {kind} IS NOT NULL THEN {value} END",
}
"""SQL for a value of a kind, from the JSON; a value of another type, in an older entry, is null."""


def _field_values(field: Field, has_column: bool) -> list[tuple[str, str]]:
    """The columns of a field in a view, with the SQL of each: one, or both sides of a change."""
    if field.change:
        return [(f"{field.identifier}_{side}", _side_value(field, side)) for side in ("from", "to")]
    return [(field.identifier, _field_value(field, has_column))]


def _side_value(field: Field, side: str) -> str:
    """SQL for one side of a change; null where the stored value is no change."""
    path = f"{_path(field.name)[:-1]}.{side}'"
    kind, value = f"json_type(metadata, {path})", f"json_extract(metadata, {path})"
    if field.identifiers:
        typed = _identifier(field, kind, value)
    else:
        typed = _TYPED[field.kind if field.kind in _TYPED else "text"].format(kind=kind, value=value)
    return f"CASE WHEN json_valid(metadata) THEN {typed} END"


def _field_value(field: Field, has_column: bool) -> str:
    """SQL for a field in a view."""
    form = _TYPED["list" if field.many else field.kind if field.kind in _TYPED else "text"]
    kind, value = f"json_type(metadata, {_path(field.name)})", _json_value(field.name, "metadata")
    if field.identifiers:
        typed = _identifiers(field, kind) if field.many else _identifier(field, kind, value)
    else:
        typed = form.format(kind=kind, value=_json_text(field.name) if field.kind == "json" else value)
    sound = f"CASE WHEN json_valid(metadata) THEN {typed} END"
    if not has_column:
        return sound
    column = quoted(field.identifier)
    if field.identifiers:
        column = f"CASE {column} {_cases(field, str)} ELSE {column} END"
    return f"coalesce({column}, {sound})"


def _identifier(field: Field, kind: str, value: str) -> str:
    """SQL for the name of an enum's value; a value that the enum does not have is shown as it is stored."""
    return (
        f"CASE {kind} WHEN 'text' THEN CASE {value} {_cases(field, str)} ELSE {value} END "
        f"WHEN 'integer' THEN CASE {value} {_cases(field, int)} ELSE CAST({value} AS TEXT) END END"
    )


def _identifiers(field: Field, kind: str) -> str:
    """SQL for a list of such names."""
    named = (
        f"CASE type WHEN 'text' THEN CASE value {_cases(field, str)} ELSE value END "
        f"WHEN 'integer' THEN CASE value {_cases(field, int)} ELSE value END ELSE value END"
    )
    return (
        f"CASE {kind} WHEN 'array' THEN (SELECT json_group_array({named}) "
        f"FROM (SELECT type, value FROM json_each(metadata, {_path(field.name)}) ORDER BY key)) END"
    )


def _cases(field: Field, kind: type) -> str:
    """`WHEN 'READY' THEN 'ready'` for each value of a type; without one, a case that never holds."""
    cases = [
        f"WHEN {literal(stored) if isinstance(stored, str) else stored} THEN {literal(identifier)}"
        for stored, identifier in field.identifiers.items()
        if type(stored) is kind
    ]
    return " ".join(cases) or "WHEN NULL THEN NULL"


def _json_text(name: str) -> str:
    """SQL for the JSON of a value; `json_extract` gives it only for objects, lists, and several values."""
    several = f"json_extract(metadata, {_path(name)}, '$[0]')"  # such as [7,null]: an object has no item 0
    return f"substr(substr({several}, -6, -1048576), 2)"


def _json_value(name: str, metadata: str) -> str:
    return f"json_extract({metadata}, {_path(name)})"


def _path(name: str) -> str:
    """The path of a field in the metadata, as an SQL literal. No name has a quote or a backslash."""
    return f"'$.{name}'" if re.fullmatch("[a-z][a-z0-9_]*", name) else f"'$.\"{name}\"'"


def literal(text: str) -> str:
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """The name as an SQL identifier: every name of a field is one then, whatever SQL word it is."""
    return '"' + name.replace('"', '""') + '"'
