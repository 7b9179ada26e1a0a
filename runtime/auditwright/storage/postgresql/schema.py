"""What a catalog adds to a PostgreSQL database: columns, views and reference rows.

`migrations/` makes the tables, partitions, triggers and policies. Statements made here only add, and change
no entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from auditwright.catalog import columns_in, is_stored_name, release
from auditwright.entry import LEADING, TRAILING
from auditwright.storage.base import replaced_catalog
from auditwright.storage.errors import SchemaMismatch
from auditwright.storage.layout import reference_rows, target_fields, view_name
from auditwright.storage.postgresql.distribution import is_distributed

if TYPE_CHECKING:
    from typing import Any

    from psycopg import Connection

    from auditwright.catalog import Catalog, Event, Field

MINIMUM = 15
"""The least PostgreSQL version: the first with `security_invoker` views."""
AHEAD = 3
"""Months of partitions made ahead."""
PARTITIONS = "partitions ahead"
"""What the making of partitions is called among the changes."""
ACCOUNT = "auditwright.account_id"
"""The setting that names the account whose entries a reader sees."""
TYPES = {
    "text": 'text COLLATE "C"',
    "id": "uuid",
    "timestamp": "timestamptz",
    "digest": "bytea",
    "json": "json",
    "jsonb": "jsonb",
}
"""The type of each kind of column; the collation "C" orders by bytes, as SQLite does."""
_OTHER_TYPES = {"ip_address": "inet"}
_FULL_NAMES = {"timestamptz": "timestamp with time zone"}

REFERENCE_TABLES = {
    "audit_category": ("key", "level", "title", "description"),
    "audit_event": ("key", "level", "category", "title", "description"),
    "audit_catalog": ("version", "json"),
}
_JSON_TYPES = {"integer": "bigint", "number": "double precision", "boolean": "boolean"}


def column_type(name: str, kind: str) -> str:
    """The SQL type of a column of `entry.columns`."""
    return _OTHER_TYPES.get(name, TYPES[kind])


def type_name(sql_type: str) -> str:
    """The type as PostgreSQL writes it, without its collation."""
    plain = sql_type.partition(" COLLATE")[0]
    return _FULL_NAMES.get(plain, plain)


# --- the current state -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view in the database."""

    comment: str
    definition: str
    """The server's major version and a hash of its deparsed definition, as in the comment."""
    security_invoker: bool
    columns: dict[str, str]
    grants: tuple[tuple[str, str], ...]
    """Privilege and role, except the owner's."""
    dependants: tuple[str, ...]
    """Objects that depend on it, such as `view reports.paid`."""

    @property
    def ours(self) -> bool:
        """Whether Auditwright made it."""
        return self.comment.startswith("auditwright ")

    def is_made_by(self, statement: str) -> bool:
        """Whether this statement made it, and nobody has changed it since."""
        hashed, _, definition = self.comment.removeprefix("auditwright ").partition(" ")
        same_server = definition.partition(" ")[0] == self.definition.partition(" ")[0]
        untouched = definition == self.definition or not same_server
        return self.ours and self.security_invoker and hashed == _hash(statement) and untouched


@dataclass(frozen=True, slots=True)
class State:
    """What catalogs have added to a database; empty without tables."""

    columns: dict[str, str] = field(default_factory=dict)
    """The columns of audit_entry with their types."""
    views: dict[str, StoredView] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    """Names of other relations in the schema, which no view may have."""
    rows: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    """Reference rows by table and key."""
    target_fields: frozenset[tuple[str, str, str]] = frozenset()
    """The rows of audit_target_field: event, field and type."""
    is_distributed: bool = False
    """Whether the tables are on a Citus cluster."""
    readers: tuple[str, ...] = ()
    """The roles with SELECT on audit_entry, except the owner; "PUBLIC" for everybody."""

    def is_newest(self, catalog: Catalog) -> bool:
        """Whether the database has seen no newer catalog, whose views and reference rows would stay."""
        versions = self.rows.get("audit_catalog", {})
        return all(release(version) <= release(catalog.version) for version in versions)

    def other_columns(self, catalog: Catalog) -> dict[str, str]:
        """The columns of other catalogs' fields that this catalog does not have; they may hold values.

        With the names of the fields in the JSON form.
        """
        ours = {name for name, _, _ in (*LEADING, *TRAILING)} | set(catalog.columns)
        seen = self.rows.get("audit_catalog", {}).values()
        theirs = {column: name for _, text in seen for column, name in columns_in(text).items()}
        return {
            column: theirs[column]
            for column in self.columns
            if column not in ours and is_stored_name(theirs.get(column, ""))
        }


def read_state(connection: Connection[Any]) -> State:
    """Read what catalogs have added to this database."""
    columns = columns_of(connection, "audit_entry")
    if not columns:
        return State(others=frozenset(_relations(connection)))
    rows = {
        table: {
            key: (key, *rest)
            for key, *rest in connection.execute(f"SELECT {', '.join(names)} FROM {table}".encode())
        }
        for table, names in REFERENCE_TABLES.items()
        if columns_of(connection, table)
    }
    views = read_views(connection)
    readers = connection.execute("""
        SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'audit_entry'::regclass AND privilege_type = 'SELECT' AND grantee <> relowner""")
    names = tuple(sorted(name for (name,) in readers))
    fields = (
        connection.execute("SELECT event, field, type FROM audit_target_field").fetchall()
        if columns_of(connection, "audit_target_field")
        else ()
    )
    others = frozenset(_relations(connection)) - views.keys()
    return State(columns, views, others, rows, frozenset(fields), is_distributed(connection), names)


def _relations(connection: Connection[Any]) -> list[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace"
    )
    return [name for (name,) in found]


def read_views(connection: Connection[Any]) -> dict[str, StoredView]:
    """The views in the schema of audit_entry, by name; needs a transaction."""
    # How PostgreSQL deparses a view depends on the search path.
    path = connection.execute("SELECT current_setting('search_path')").fetchone()
    found = connection.execute("SELECT 'audit_entry'::regclass::oid").fetchone()
    assert path is not None  # noqa: S101 - for type checkers
    assert found is not None  # noqa: S101 - for type checkers
    (oid,) = found
    connection.execute("SELECT set_config('search_path', 'pg_catalog', true)")
    try:
        rows = connection.execute(_VIEWS, (oid,)).fetchall()
    finally:
        connection.execute("SELECT set_config('search_path', %s, true)", path)
    return {
        name: StoredView(
            comment,
            definition,
            invoker,
            columns or {},
            tuple((privilege, role) for privilege, role in grants or ()),
            tuple(dependants or ()),
        )
        for name, comment, definition, invoker, columns, grants, dependants in rows
    }


# A view depends on another view by its rewrite rule; a function or a column, by the view's row type.
_VIEWS = """
    SELECT relname, coalesce(obj_description(view.oid, 'pg_class'), ''),
        current_setting('server_version_num')::integer / 10000 || ' ' || md5(pg_get_viewdef(view.oid)),
        coalesce('security_invoker=true' = ANY (reloptions), false),
        (SELECT json_object_agg(attname, concat_ws(' ', format_type(atttypid, NULL),
            nullif(collname, 'default')) ORDER BY attnum)
        FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE attrelid = view.oid AND attnum > 0 AND NOT attisdropped),
        (SELECT json_agg(ARRAY[privilege_type,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END])
        FROM aclexplode(relacl) WHERE grantee <> relowner),
        (SELECT json_agg(DISTINCT what ORDER BY what) FROM (
            SELECT CASE WHEN classid = 'pg_rewrite'::regclass
                THEN pg_describe_object('pg_class'::regclass, ev_class, 0)
                ELSE pg_describe_object(classid, objid, objsubid) END AS what
            FROM pg_depend LEFT JOIN pg_rewrite ON classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = objid
            WHERE deptype = 'n' AND ev_class IS DISTINCT FROM view.oid
                AND (refclassid = 'pg_class'::regclass AND refobjid = view.oid
                OR refclassid = 'pg_type'::regclass AND refobjid IN
                    (SELECT unnest(ARRAY[pg_type.oid, typarray]) FROM pg_type WHERE typrelid = view.oid))
        ) AS dependant)
    FROM pg_class AS view
    WHERE relkind = 'v' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = %s)"""


# --- what a catalog adds -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One statement and its description."""

    statement: str
    what: str = ""
    """Such as `column region`; empty for a statement that is part of another change."""


def catalog_changes(state: State, catalog: Catalog) -> list[Change]:
    """The missing columns, views and reference rows of a catalog; empty if it has all.

    An older catalog never replaces the views and rows of a newer one. Raises `SchemaMismatch` if a view with
    dependants would have to be dropped.
    """
    changes = [
        Change(f"ALTER TABLE audit_entry ADD COLUMN {quoted(name)} {TYPES['text']}", f"column {name}")
        for name in catalog.columns
        if name not in state.columns
    ]
    newest = state.is_newest(catalog)
    others = state.other_columns(catalog)
    for event in catalog.every_event.values():
        changes += _view_changes(state, catalog, event, others, newest)
    for table, rows in reference_rows(catalog).items():
        changes += _row_changes(state, table, rows, newest)
    changes += _target_changes(state, catalog)
    content = catalog.json.decode()
    stored = {version: row[1] for version, row in state.rows.get("audit_catalog", {}).items()}
    kept = replaced_catalog(catalog.version, content, stored)
    own: tuple[str, ...] = (catalog.version, content)
    changes += _row_changes(state, "audit_catalog", [own] if kept is None else [own, kept], True)
    return changes


def _view_changes(
    state: State, catalog: Catalog, event: Event, others: Mapping[str, str], newest: bool
) -> Iterator[Change]:
    name, statement = view_name(event), _view(catalog, event, others)
    stored = state.views.get(name)
    if name in state.others or (stored is not None and not stored.ours):
        raise SchemaMismatch(f"{name}: expected a view of Auditwright's, got another relation; rename it")
    if stored is None:
        yield Change(statement, f"view {name}")
        for role in state.readers:
            yield Change(f"GRANT SELECT ON {quoted(name)} TO {_role(role)}")
    elif not newest or stored.is_made_by(statement):
        return
    elif _only_adds(stored, catalog, event, others):
        again = _view(catalog, event, others, tuple(stored.columns))
        yield Change(again.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1), f"changed view {name}")
    elif stored.dependants:
        raise SchemaMismatch(
            f"the view {name} changes its columns, and others depend on it: {', '.join(stored.dependants)}; "
            "drop these, run `auditwright database upgrade` again, and create them again"
        )
    else:
        yield Change(f"DROP VIEW {quoted(name)}", f"changed view {name}")
        yield Change(statement)
        for privilege, role in stored.grants:
            yield Change(f"GRANT {privilege} ON {quoted(name)} TO {_role(role)}")
    yield Change(f"SELECT audit_mark_view({_literal(name)}, {_literal(_hash(statement))})")


def partition_changes(connection: Connection[Any]) -> list[Change]:
    """The statement that makes partitions ahead, if some are missing."""
    function = connection.execute("SELECT to_regprocedure('audit_last_month()')").fetchone()
    if function is None or function[0] is None:
        return []  # a pending revision makes them
    found = connection.execute(
        "SELECT audit_last_month() <= date_trunc('month', now() AT TIME ZONE 'UTC') "
        "+ make_interval(months => %s)",
        (AHEAD,),
    ).fetchone()
    are_missing = found is not None and found[0] is not False
    return [Change(f"SELECT audit_make_partitions({AHEAD})", PARTITIONS)] if are_missing else []


def view_needs_drop(state: State, catalog: Catalog, event: Event) -> bool:
    """Whether an upgrade has to drop the event's view, because it cannot be replaced in place."""
    stored = state.views.get(view_name(event))
    others = state.other_columns(catalog)
    if stored is None or not state.is_newest(catalog) or stored.is_made_by(_view(catalog, event, others)):
        return False
    return not _only_adds(stored, catalog, event, others)


def _only_adds(stored: StoredView, catalog: Catalog, event: Event, others: Mapping[str, str]) -> bool:
    """Whether all columns keep their types: only then can a view be replaced in place."""
    wanted = view_columns(catalog, event, others)
    return all(wanted.get(name, ("", ""))[1] == kind for name, kind in stored.columns.items())


def _row_changes(state: State, table: str, rows: list[tuple[str, ...]], replace: bool) -> Iterator[Change]:
    stored = state.rows.get(table, {})
    missing = [row for row in rows if stored.get(row[0]) != row and (replace or row[0] not in stored)]
    if not missing:
        return
    key, *rest = REFERENCE_TABLES[table]
    changed = ", ".join(f"{column} = excluded.{column}" for column in rest)
    values = ",\n".join(f"({', '.join(map(_literal, row))})" for row in missing)
    conflict = f"UPDATE SET {changed}" if replace else "NOTHING"
    yield Change(
        f"INSERT INTO {table} VALUES\n{values}\nON CONFLICT ({key}) DO {conflict}",
        f"{len(missing)} row{'s' * (len(missing) > 1)} of {table}",
    )


_INDEXED_FROM = (
    "CAST(CASE WHEN EXISTS (SELECT FROM audit_entry) THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' "
    "ELSE '00000000-0000-0000-0000-000000000000' END AS uuid)"
)
"""SQL for the least id from which the entries are indexed."""


def _target_changes(state: State, catalog: Catalog) -> Iterator[Change]:
    """The missing rows of audit_target_field. `audit_index_targets` then indexes the stored entries.

    The lock waits for transactions whose trigger has not seen the rows; those after it see them.
    """
    missing = [row for row in target_fields(catalog) if row not in state.target_fields]
    if missing:
        values = ",\n".join(f"({', '.join(map(_literal, row))})" for row in missing)
        yield Change("LOCK TABLE audit_entry IN SHARE ROW EXCLUSIVE MODE")
        if state.is_distributed:  # Citus cannot plan the other; with this, empty partitions are indexed, too
            ends = f"CAST('{'f' * 32}' AS uuid)"
            values = ",\n".join(f"({', '.join(map(_literal, row))}, {ends})" for row in missing)
            rows = f"VALUES\n{values}"
        else:
            rows = f"SELECT *, {_INDEXED_FROM}\nFROM (VALUES\n{values}) AS added"
        yield Change(
            f"INSERT INTO audit_target_field {rows}\nON CONFLICT DO NOTHING",
            f"{len(missing)} row{'s' * (len(missing) > 1)} of audit_target_field",
        )


def _hash(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()[:32]


def views(catalog: Catalog, others: Mapping[str, str]) -> dict[str, str]:
    """The statement of each event's view, by its name; `others` as from `other_columns`."""
    return {view_name(event): _view(catalog, event, others) for event in catalog.every_event.values()}


def _view(catalog: Catalog, event: Event, others: Mapping[str, str], first: tuple[str, ...] = ()) -> str:
    """The statement of a view; the columns that it already has come `first`."""
    columns = view_columns(catalog, event, others)
    selected = ", ".join(
        f"{columns[name][0]} AS {quoted(name)}" for name in dict.fromkeys((*first, *columns))
    )
    keys = ", ".join(_literal(key) for key in (event.key, *event.aliases))
    return (
        f"CREATE VIEW {quoted(view_name(event))} WITH (security_invoker = true) AS "
        f"SELECT {selected} FROM audit_entry WHERE event IN ({keys})"
    )


def view_columns(catalog: Catalog, event: Event, others: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The columns of an event's view: the SQL of each value, and its type as PostgreSQL writes it."""
    left_out = ("digest", "row_digest", "alterations", "metadata")
    found = {
        name: (name, _with_collation(column_type(name, kind)))
        for name, kind, _ in (*LEADING, *TRAILING)
        if name not in left_out
    }
    in_columns = {*catalog.columns, *others}
    of_fields = (_values(each, each.identifier in in_columns) for each in event.metadata)
    return found | {name: value for values in of_fields for name, value in values.items()}


def _with_collation(sql_type: str) -> str:
    return type_name(sql_type) + " C" * sql_type.endswith('COLLATE "C"')


def _values(field: Field, has_column: bool) -> dict[str, tuple[str, str]]:
    """The columns of a field: one, or both sides of a change."""
    if field.change:
        stored = f"(metadata -> '{field.name}')"
        sides = ("from", "to")
        return {f"{field.identifier}_{side}": _value(field, False, stored, side) for side in sides}
    return {field.identifier: _value(field, has_column, "metadata", field.name)}


def _value(field: Field, has_column: bool, stored: str, member: str) -> tuple[str, str]:
    """SQL for a value, which is a member of stored JSON, and its type.

    A value of another type, in an older entry, is null.
    """
    value, text = f"{stored} -> '{member}'", f"{stored} ->> '{member}'"
    kind = _JSON_TYPES.get(field.kind)
    if field.kind == "json":
        return f"({value})", "jsonb"
    if field.many:
        shown = _identifiers(field, value) if field.identifiers else value
        return f"CASE jsonb_typeof({value}) WHEN 'array' THEN {shown} END", "jsonb"
    if field.identifiers:
        text = _identifier(field, value, text)
    else:
        text = f"CASE jsonb_typeof({value}) WHEN 'string' THEN {text} END"
    if has_column:
        column = quoted(field.identifier)
        if field.identifiers:
            column = f"CASE {column} {_cases(field, str)} ELSE {column} END"
        return f'coalesce({column}, {text}) COLLATE "C"', "text C"
    if field.kind == "bigint":
        return _bigint(text), "bigint"
    if kind is None:
        return f'({text}) COLLATE "C"', "text C"
    typed, number = f"({value})::{kind}", f"({value})::numeric"
    if field.kind == "integer":
        typed = f"CASE WHEN {number} % 1 = 0 AND abs({number}) < 9.2e18 THEN {typed} END"
    elif field.kind == "number":
        typed = f"CASE WHEN {number} = 0 OR abs({number}) BETWEEN 1e-307 AND 1.7976e308 THEN {typed} END"
    wanted = "boolean" if field.kind == "boolean" else "number"
    return f"CASE jsonb_typeof({value}) WHEN '{wanted}' THEN {typed} END", kind


def _bigint(text: str) -> str:
    """SQL for a whole number of 64 bits that is stored as text; null where it is none."""
    number = f"CASE WHEN {text} ~ '^(0|-?[1-9][0-9]{{0,18}})$' THEN ({text})::numeric END"
    return f"CASE WHEN {number} BETWEEN {-(2**63)} AND {2**63 - 1} THEN ({text})::bigint END"


def _identifier(field: Field, value: str, text: str) -> str:
    """SQL for the name of an enum's value; a value that the enum does not have is shown as it is stored."""
    return (
        f"CASE jsonb_typeof({value}) WHEN 'string' THEN CASE {text} {_cases(field, str)} ELSE {text} END "
        f"WHEN 'number' THEN CASE {text} {_cases(field, int)} ELSE {text} END END"
    )


def _identifiers(field: Field, value: str) -> str:
    """SQL for a list of such names."""
    cases = " ".join(
        f"WHEN {_literal(orjson.dumps(stored).decode())}::jsonb THEN to_jsonb({_literal(identifier)}::text)"
        for stored, identifier in field.identifiers.items()
    )
    return (
        f"(SELECT coalesce(jsonb_agg(CASE item {cases} ELSE item END ORDER BY place), '[]'::jsonb) "
        f"FROM jsonb_array_elements({value}) WITH ORDINALITY AS items (item, place))"
    )


def _cases(field: Field, kind: type) -> str:
    """`WHEN 'READY' THEN 'ready'` for each value of a type; without one, a case that never holds."""
    cases = [
        f"WHEN {_literal(str(stored))} THEN {_literal(identifier)}"
        for stored, identifier in field.identifiers.items()
        if type(stored) is kind
    ]
    return " ".join(cases) or "WHEN NULL THEN NULL"


def other_columns(connection: Connection[Any], catalog: Catalog) -> dict[str, str]:
    """The columns of other catalogs' fields that this catalog does not have; see `State.other_columns`."""
    ours = {name for name, _, _ in (*LEADING, *TRAILING)} | set(catalog.columns)
    found = columns_of(connection, "audit_entry")
    if found.keys() <= ours:
        return {}
    found_rows = connection.execute("SELECT version, json FROM audit_catalog")
    rows: dict[str, tuple[str, ...]] = {version: (version, text) for version, text in found_rows}
    return State(found, rows={"audit_catalog": rows}).other_columns(catalog)


def columns_of(connection: Connection[Any], table: str) -> dict[str, str]:
    """The columns of a table with their types as PostgreSQL writes them; empty without the table."""
    # With quote_all_identifiers=on a type is written as "text".
    found = connection.execute(
        """
        SELECT attname, btrim(format_type(atttypid, NULL), '"') FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
        (table,),
    )
    return dict(found.fetchall())


def check_version(connection: Connection[Any], name: str) -> None:
    """Raise `SchemaMismatch` for an old server; `name` is the database's, for errors."""
    if connection.info.server_version < MINIMUM * 10000:
        raise SchemaMismatch(
            f"{name}: PostgreSQL {connection.info.server_version // 10000} is too old; "
            f"{MINIMUM} or newer is needed"
        )


def check_fit(connection: Connection[Any], catalog: Catalog, name: str) -> None:
    """Raise `SchemaMismatch` for a database without all that the catalog needs, with the command to run.

    `name` is the database's, for errors.
    """
    check_version(connection, name)
    found = columns_of(connection, "audit_entry")
    if not found:
        raise SchemaMismatch(f"{name}: there is no table audit_entry; run `auditwright database create`")
    for column, kind, _ in (*LEADING, *TRAILING):
        wanted = type_name(column_type(column, kind))
        if found.get(column) != wanted:
            got, command = (found[column], "check") if column in found else ("nothing", "upgrade")
            raise SchemaMismatch(
                f"{name}: the table audit_entry does not fit: column {column}: expected {wanted}, got {got}; "
                f"run `auditwright database {command}`"
            )
    missing = [column for column in catalog.columns if column not in found]
    if missing:
        raise SchemaMismatch(
            f"{name}: the table audit_entry has no column {missing[0]}, which catalog {catalog.version} "
            "needs; run `auditwright database upgrade`"
        )


def _literal(text: str) -> str:
    """The text as an SQL literal, under any `standard_conforming_strings`."""
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return f" E{quoted}" if "\\" in text else quoted


def _role(name: str) -> str:
    return name if name == "PUBLIC" else quoted(name)


def as_object(columns: Mapping[str, str]) -> str:
    """SQL for a JSON object of the columns that are not null, by the names of their fields."""
    sources: dict[str, list[str]] = {}
    for column, name in columns.items():
        sources.setdefault(name, []).append(quoted(column))
    values = {
        name: found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
        for name, found in sources.items()
    }
    pairs = [f"'{name}', {value}" for name, value in values.items()]
    groups = [", ".join(pairs[at : at + 50]) for at in range(0, len(pairs), 50)]  # of 100 arguments at most
    return f"jsonb_strip_nulls({' || '.join(f'jsonb_build_object({each})' for each in groups)})"


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
