"""How the tables of a PostgreSQL database differ from those that `auditwright database create` makes.

The expected layout is `layout.tsv`, a snapshot of pg_catalog that a test compares with what the migrations
make. A scratch schema made at run time is no option: a check runs in a read-only transaction, also on a
standby, and as the role `audit_owner`, which may not create schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from auditwright.storage.base import Difference
from auditwright.storage.layout import VERSION_TABLE, target_fields, unindexed, view_name
from auditwright.storage.postgresql import distribution
from auditwright.storage.postgresql.distribution import is_distributed
from auditwright.storage.postgresql.roles import OWN_TABLES, USERS, relations
from auditwright.storage.postgresql.schema import (
    AHEAD,
    REFERENCE_TABLES,
    TYPES,
    State,
    columns_of,
    partition_changes,
    quoted,
    view_needs_drop,
)

if TYPE_CHECKING:
    from psycopg import Connection

    from auditwright.catalog import Catalog

UPGRADE = "run `auditwright database upgrade`"
BY_HAND = (
    "it was changed by hand; `auditwright database create --dry-run` on an empty database shows how it is "
    "made"
)
ON_NODE = "it was changed by hand on that node: do there what the table has on the coordinator"
RIGHTS = "`auditwright database roles` revokes it from PUBLIC and its own roles; REVOKE it from other roles"


def differences(
    connection: Connection[Any], state: State, catalog: Catalog, schema: str
) -> Iterator[Difference]:
    """The differences, each with a hint; needs a transaction."""
    revisions = list(_revisions(connection))
    yield from revisions
    is_behind = any(each.hint == UPGRADE for each in revisions)
    for each in _all(connection, state, catalog, schema):
        # In an older database, what is missing or another function is most likely what the upgrade makes.
        is_older = is_behind and (each.what.endswith(" is missing") or each.what.startswith("the function "))
        yield replace(each, hint=UPGRADE) if is_older else each


def _all(connection: Connection[Any], state: State, catalog: Catalog, schema: str) -> Iterator[Difference]:
    yield from _layout(connection, catalog)
    yield from _functions(connection, schema)
    yield from _partitions(connection, "audit_entry")
    yield from _partitions(connection, "audit_target")
    if partition_changes(connection):
        yield Difference(f"partitions are missing for the next {AHEAD} months", UPGRADE)
    yield from _unindexed(connection, state, catalog)
    yield from _dependants(state, catalog)
    yield from _owners(connection)
    yield from _rights(connection)
    if is_distributed(connection):
        yield from _distribution(connection)


def _distribution(connection: Connection[Any]) -> Iterator[Difference]:
    for what, hint in distribution.placement_differences(connection):
        yield Difference(what, hint or UPGRADE)
    for what in distribution.shard_differences(connection):
        yield Difference(what, ON_NODE)


def _rows(connection: Connection[Any], statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(statement.encode(), values or None).fetchall()


def _revisions(connection: Connection[Any]) -> Iterator[Difference]:
    from auditwright.storage.errors import SchemaMismatch
    from auditwright.storage.postgresql import migrations

    found = _rows(connection, f"SELECT version_num FROM {VERSION_TABLE}")
    revision = found[0][0] if found else None
    try:
        pending = migrations.pending(revision)
    except SchemaMismatch as error:
        yield Difference(str(error).partition("; ")[0], "install that version")
        return
    if pending:
        yield Difference(
            f"the tables are at revision {revision}, and {pending[-1][0]} is the last one", UPGRADE
        )


@dataclass(frozen=True, slots=True)
class Part:
    """A column, constraint, index, policy, rule or trigger of a table, or its row-level security."""

    kind: str
    stands_for: str
    """The table, or `PARTITION` for each partition of audit_entry, `TARGET PARTITION` of audit_target."""
    name: str
    """Empty for row-level security."""
    definition: str
    table: str = ""
    """The table in the database."""
    is_on: bool = True


def expected_layout() -> list[Part]:
    """The parts that the migrations make, without the columns that a catalog adds."""
    text = (resources.files("auditwright.storage.postgresql") / "layout.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return [Part(kind, stands_for, name, definition) for kind, stands_for, name, definition in rows]


def read_layout(connection: Connection[Any]) -> list[Part]:
    """The parts of Auditwright's tables in a database; row-level security of each table is on or off."""
    return [Part(*row) for row in _rows(connection, _LAYOUT)]


_LAYOUT = """
    WITH own AS (
        SELECT oid AS own_oid, oid::regclass::text AS own_name, relrowsecurity AS is_secured,
            CASE WHEN NOT relispartition THEN oid::regclass::text
                WHEN starts_with(relname, 'audit_target') THEN 'TARGET PARTITION'
                ELSE 'PARTITION' END AS stands_for
        FROM pg_class WHERE oid IN (SELECT relid FROM pg_partition_tree('audit_entry') UNION ALL
                SELECT relid FROM pg_partition_tree(to_regclass('audit_target')))
            OR relkind = 'r' AND NOT relispartition AND starts_with(relname, 'audit_')
            AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'audit_entry'::regclass))
    SELECT 'column' AS kind, stands_for, attname::text AS name, format_type(atttypid, atttypmod)
            || coalesce(' COLLATE ' || quote_ident(nullif(collname, 'default')), '')
            || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END, own_name, true
        FROM own JOIN pg_attribute ON attrelid = own_oid
        LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE stands_for NOT LIKE '%PARTITION' AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'index', stands_for, relname, concat(
            CASE WHEN indisunique THEN 'UNIQUE ' END,
            (SELECT '(' || string_agg(pg_get_indexdef(indexrelid, place, true), ', ' ORDER BY place) || ')'
                FROM generate_series(1, indnkeyatts) AS place),
            ' WHERE ' || pg_get_expr(indpred, indrelid), CASE WHEN NOT indisvalid THEN ' INVALID' END),
            own_name, true
        FROM own JOIN pg_index ON indrelid = own_oid JOIN pg_class ON pg_class.oid = indexrelid
        WHERE stands_for NOT LIKE '%PARTITION'
    UNION ALL SELECT 'policy', stands_for, polname, concat(
            CASE WHEN NOT polpermissive THEN 'RESTRICTIVE ' END, 'FOR ',
            CASE polcmd WHEN 'r' THEN 'SELECT' ELSE polcmd::text END,
            CASE WHEN polroles <> '{0}' THEN ' TO ' || polroles::regrole[]::text END,
            ' USING ' || pg_get_expr(polqual, polrelid),
            ' WITH CHECK ' || pg_get_expr(polwithcheck, polrelid)), own_name, true
        FROM own JOIN pg_policy ON polrelid = own_oid
    UNION ALL SELECT 'constraint', stands_for, conname,
            regexp_replace(regexp_replace(pg_get_constraintdef(pg_constraint.oid), '[[:space:]]+', ' ', 'g'),
                ' NOT VALID$', ''), own_name, convalidated
        FROM own JOIN pg_constraint ON conrelid = own_oid
        WHERE contype = 'c' AND stands_for NOT LIKE '%PARTITION'  -- partitions inherit them
    UNION ALL SELECT 'row-level security', stands_for, '', 'on', own_name, is_secured FROM own
    UNION ALL SELECT 'rule', stands_for, rulename, '', own_name, true
        FROM own JOIN pg_rewrite ON ev_class = own_oid
    UNION ALL SELECT 'trigger', stands_for, tgname, concat(
            substring(definition FROM '((?:BEFORE|AFTER) .*?) ON '), ' ',
            substring(definition FROM '((?:REFERENCING|FOR EACH) .*)$')), own_name, tgenabled IN ('O', 'A')
        FROM own JOIN pg_trigger ON tgrelid = own_oid, pg_get_triggerdef(pg_trigger.oid, true) AS definition
    ORDER BY kind, stands_for, own_name, name"""


def _layout(connection: Connection[Any], catalog: Catalog) -> Iterator[Difference]:
    parts = read_layout(connection)
    found = {(part.kind, part.table, part.name): part for part in parts}
    tables: dict[str, set[str]] = {"PARTITION": set(), "TARGET PARTITION": set()}
    for part in parts:
        tables.setdefault(part.stands_for, set()).add(part.table)
    added = [Part("column", "audit_entry", name, TYPES["text"]) for name in catalog.columns]
    expected = expected_layout()
    missing = {part.stands_for for part in expected} - tables.keys()
    for table in sorted(missing):
        yield Difference(f"the table {table} is missing", UPGRADE)
    for part in (*added, *expected):
        if part.stands_for in missing and part.kind in ("column", "row-level security"):
            continue
        hint = UPGRADE if part in added else BY_HAND
        for table in sorted(tables.get(part.stands_for, {part.stands_for})):
            yield from _compared(part, table, found.get((part.kind, table, part.name)), hint)
    yield from _other_policies(parts, expected)
    yield from _other_programs(parts, expected)


def _other_programs(parts: list[Part], expected: list[Part]) -> Iterator[Difference]:
    """Rules and triggers of others that run before a row is stored; they can change it, or drop it."""
    known = {(part.stands_for, part.name) for part in expected if part.kind == "trigger"}
    tables = {part.stands_for for part in expected}
    others = [
        part
        for part in parts
        if part.kind == "rule" or (part.kind == "trigger" and part.definition.startswith("BEFORE"))
        if part.stands_for in tables and (part.stands_for, part.name) not in known
    ]
    of_whole = {(part.kind, part.name) for part in others if part.stands_for == "audit_entry"}
    for part in others:
        if part.stands_for == "PARTITION" and (part.kind, part.name) in of_whole:
            continue  # PostgreSQL has copied it from audit_entry, and drops it with that one
        yield Difference(
            f"the {part.kind} {part.name} on {part.table} is not Auditwright's: it may change or drop "
            "what is recorded",
            f"DROP {part.kind.upper()} {quoted(part.name)} ON {part.table}",
        )


def _other_policies(parts: list[Part], expected: list[Part]) -> Iterator[Difference]:
    secured = {part.stands_for for part in expected if part.kind == "row-level security"}
    known = {part.name for part in expected if part.kind == "policy"}
    for part in parts:
        if part.kind != "policy" or part.stands_for not in secured:
            continue
        if part.name not in known and not _OF_WRITERS.fullmatch(part.name):
            yield Difference(
                f"the policy {part.name} on {part.table} is not Auditwright's: it may show entries of every "
                "account",
                f"DROP POLICY {quoted(part.name)} ON {part.table}",
            )


_OF_WRITERS = re.compile(".+_writer_(inserts|knows)")
"""The policies that `auditwright database roles` makes."""


_COMPARISON = r"\([^()]*(?:\([^()]*\))?[^()]*\)"
_NESTED = re.compile(rf"\(\(({_COMPARISON} AND {_COMPARISON})\) AND ")


def _restored(definition: str) -> str:
    """The definition as a dump and a restore leave it: `(a AND b) AND c` is read as `a AND b AND c`."""
    return _NESTED.sub(r"(\1 AND ", definition)


def _compared(expected: Part, table: str, found: Part | None, hint: str) -> Iterator[Difference]:
    name = expected.name
    what = {
        "column": f"{table}.{name}",
        "trigger": f"the trigger {name} on {table}",
        "row-level security": f"row-level security of {table}",
    }.get(expected.kind, f"the {expected.kind} {name}")
    if found is None:
        yield Difference(f"{what} is missing", hint)
    elif expected.kind == "constraint" and not found.is_on:
        yield Difference(f"{what} is not valid: stored entries violate it, or were not read yet", UPGRADE)
    elif not found.is_on:
        change = f"TRIGGER {name}" if name else "ROW LEVEL SECURITY"
        yield Difference(f"{what} is switched off", f"ALTER TABLE {table} ENABLE {change}")
    elif _restored(found.definition) != _restored(expected.definition):
        yield Difference(f"{what} is {found.definition}, and should be {expected.definition}", BY_HAND)


def _functions(connection: Connection[Any], schema: str) -> Iterator[Difference]:
    from auditwright.storage.postgresql.migrations import (
        definition,
        distributed_sources,
        newest_sources,
        stored_definitions,
    )

    found = stored_definitions(connection)
    of_cluster = distributed_sources(schema, distribution.FOR_OWNERS) if is_distributed(connection) else {}
    for name, source in (newest_sources(schema) | of_cluster).items():
        if name not in found:
            yield Difference(f"the function {name} is missing", BY_HAND)
        elif found[name] != definition(source):
            yield Difference(f"the function {name} was changed", BY_HAND)


def _unindexed(connection: Connection[Any], state: State, catalog: Catalog) -> Iterator[Difference]:
    """Fields whose values filters do not find in all entries, until an upgrade has indexed these.

    They are half-way through an upgrade, or of a catalog for which there was none.
    """
    if not columns_of(connection, "audit_target_field"):
        return
    statement = "SELECT event, field FROM audit_target_field WHERE indexed_from > %s ORDER BY 1, 2"
    found = _rows(connection, statement, "00000000-0000-0000-0000-000000000000")
    missing = {row[:2] for row in target_fields(catalog) if row not in state.target_fields}
    for what in unindexed(sorted({*found, *missing})):
        yield Difference(what, UPGRADE)


def _partitions(connection: Connection[Any], table: str) -> Iterator[Difference]:
    rows = _rows(
        connection,
        """
        SELECT relname, pg_get_expr(relpartbound, inhrelid) FROM pg_inherits
        JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = to_regclass(%s)""",
        table,
    )
    bounds = []
    for name, bound in rows:
        match = re.fullmatch(r"FOR VALUES FROM \((MINVALUE|'.*')\) TO \((?:'(.*)'|MAXVALUE)\)", bound)
        if match is None or match[2] is None:
            yield Difference(f"the partition {name} has no end: {bound}", BY_HAND)
        else:
            bounds.append(("" if match[1] == "MINVALUE" else match[1].strip("'"), match[2], name))
    end = ""
    for low, high, name in sorted(bounds):
        if low != end:
            yield Difference(f"no partition holds the ids just before those of {name}", BY_HAND)
        end = high


def _dependants(state: State, catalog: Catalog) -> Iterator[Difference]:
    for event in catalog.every_event.values():
        stored = state.views.get(view_name(event))
        if stored is not None and stored.dependants and view_needs_drop(state, catalog, event):
            yield Difference(
                f"the view {view_name(event)} changes its columns, and others depend on it: "
                f"{', '.join(stored.dependants)}",
                f"drop these, {UPGRADE}, and create them again",
            )


def _owners(connection: Connection[Any]) -> Iterator[Difference]:
    owners = dict(
        _rows(
            connection,
            "SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE oid = ANY "
            "(SELECT to_regclass(quote_ident(name)) FROM unnest(%s::text[]) AS name)",
            list(relations(connection)),
        )
    )
    owner = owners.get("audit_entry")
    others = {each for each in owners.values() if each != owner}
    for other in sorted(others):
        names = sorted(name for name, each in owners.items() if each == other)
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        text = f"{', '.join(names[:5])}{more}: the owner is {other}, and should be {owner}, as of audit_entry"
        yield Difference(text, "run `auditwright database roles`")


def _rights(connection: Connection[Any]) -> Iterator[Difference]:
    """Granted rights to change entries; superusers and owners always have them."""
    for role, table, privileges in _rows(
        connection,
        """
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, relid::regclass::text,
            string_agg(DISTINCT privilege_type, ', ' ORDER BY privilege_type)
        FROM (SELECT relid FROM pg_partition_tree('audit_entry') UNION ALL
            SELECT relid FROM pg_partition_tree(to_regclass('audit_target'))) AS tree
        JOIN pg_class ON pg_class.oid = relid, aclexplode(relacl)
        WHERE grantee <> relowner
            AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES')
        GROUP BY 1, 2 ORDER BY 1, 2""",
    ):
        yield Difference(f"{role} has the right to {privileges} on {table}", RIGHTS)
    tables = [USERS, *OWN_TABLES, *REFERENCE_TABLES]
    for role, table, privileges in _rows(
        connection,
        """
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, relname,
            string_agg(DISTINCT privilege_type, ', ' ORDER BY privilege_type)
        FROM pg_class, aclexplode(relacl)
        WHERE grantee <> relowner AND privilege_type <> 'SELECT'
            AND pg_class.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
        GROUP BY 1, 2 ORDER BY 1, 2""",
        tables,
    ):
        yield Difference(f"{role} has the right to {privileges} on {table}", RIGHTS)
