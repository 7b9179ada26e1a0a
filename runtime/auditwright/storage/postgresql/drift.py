"""How the tables of a PostgreSQL database differ from those that `auditwright database create` makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditwright.entry import columns
from auditwright.storage.base import Difference
from auditwright.storage.layout import INDEXES, view_name
from auditwright.storage.postgresql.roles import FUNCTIONS, OWN_TABLES, USERS, relations
from auditwright.storage.postgresql.schema import (
    AHEAD,
    REFERENCE_TABLES,
    TYPES,
    State,
    column_type,
    partition_changes,
    type_name,
    view_needs_drop,
)

if TYPE_CHECKING:
    from psycopg import Connection

    from auditwright.catalog import Catalog

UPGRADE = "run `auditwright database upgrade`"
BY_HAND = (
    "somebody has changed it; `auditwright database create --dry-run` on an empty database shows how it is "
    "made"
)
RIGHTS = "`auditwright database roles` makes roles without it: REVOKE it from any other"

Table = dict[str, tuple[str, bool]]
"""Type and whether it is never null, by column."""


def differences(
    connection: Connection[Any], state: State, catalog: Catalog, schema: str
) -> Iterator[Difference]:
    """What differs, each with the way out; needs a transaction."""
    revisions = list(_revisions(connection))
    yield from revisions
    is_behind = any(each.hint == UPGRADE for each in revisions)
    for each in _all(connection, state, catalog, schema):
        # What is missing of an older database is what the upgrade makes, before it is anybody's doing.
        yield replace(each, hint=UPGRADE) if is_behind and each.what.endswith(" is missing") else each


def _all(connection: Connection[Any], state: State, catalog: Catalog, schema: str) -> Iterator[Difference]:
    yield from _tables(connection, catalog)
    yield from _indexes(connection)
    yield from _triggers(connection)
    yield from _policies(connection)
    yield from _functions(connection, schema)
    yield from _partitions(connection)
    yield from _dependants(state, catalog)
    yield from _owners(connection)
    yield from _rights(connection)


def _rows(connection: Connection[Any], statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(statement.encode(), values or None).fetchall()


def _revisions(connection: Connection[Any]) -> Iterator[Difference]:
    from auditwright.storage.errors import SchemaMismatch
    from auditwright.storage.postgresql import migrations

    found = _rows(connection, f"SELECT version_num FROM {migrations.VERSION_TABLE}")
    revision = found[0][0] if found else None
    try:
        pending = migrations.pending(revision)
    except SchemaMismatch as error:
        yield Difference(str(error).partition("; ")[0], "install that one")
        return
    if pending:
        yield Difference(
            f"the tables are at revision {revision}, and {pending[-1][0]} is the last one", UPGRADE
        )


def _tables(connection: Connection[Any], catalog: Catalog) -> Iterator[Difference]:
    for table, wanted in _wanted_tables(catalog).items():
        found = _columns(connection, table)
        if not found:
            yield Difference(f"the table {table} is missing", UPGRADE)
            continue
        for name, column in wanted.items():
            gained = table == "audit_entry" and name in catalog.columns
            if name not in found:
                yield Difference(f"{table}.{name} is missing", UPGRADE if gained else BY_HAND)
            elif found[name] != column:
                is_, should = _described(found[name]), _described(column)
                yield Difference(f"{table}.{name} is {is_}, and should be {should}", BY_HAND)


def _wanted_tables(catalog: Catalog) -> dict[str, Table]:
    text = _full(TYPES["text"])
    found: dict[str, Table] = {
        "audit_entry": {
            name: (_full(column_type(name, kind)), never_null) for name, kind, never_null in columns(catalog)
        }
    }
    for table, (key, *rest) in REFERENCE_TABLES.items():
        found[table] = {key: (text, True), **dict.fromkeys(rest, ("text", True))}
    time = "timestamp with time zone"
    found["audit_hold"] = {
        "account_id": (text, True),
        "until": (time, False),
        "reason": ("text", True),
        "created_at": (time, True),
    }
    found["audit_retention"] = {
        "transaction_id": ("xid8", True),
        "before": ("uuid", True),
        "account_id": (text, False),
    }
    names = ("account_id", "actor_id", "actor_type", "actor_name")
    found[USERS] = {**dict.fromkeys(names, (text, True)), "first_id": ("uuid", True)}
    return found


def _full(sql_type: str) -> str:
    return type_name(sql_type) + ' COLLATE "C"' * sql_type.endswith('COLLATE "C"')


def _columns(connection: Connection[Any], table: str) -> Table:
    found = _rows(
        connection,
        """
        SELECT attname, format_type(atttypid, atttypmod)
            || coalesce(' COLLATE ' || quote_ident(nullif(collname, 'default')), ''), attnotnull
        FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped""",
        table,
    )
    return {name: (kind, never_null) for name, kind, never_null in found}


def _described(column: tuple[str, bool]) -> str:
    return column[0] + " NOT NULL" * column[1]


def _indexes(connection: Connection[Any]) -> Iterator[Difference]:
    found = {
        name: (tuple(names), unique, valid)
        for name, names, unique, valid in _rows(
            connection,
            """
            SELECT relname::text, (SELECT array_agg(pg_get_indexdef(indexrelid, place, true) ORDER BY place)
                FROM generate_series(1, indnkeyatts) AS place),
                indisunique, indisvalid AND indpred IS NULL
            FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            WHERE indrelid IN ('audit_entry'::regclass, to_regclass('audit_user'))""",
        )
    }
    wanted: dict[str, tuple[tuple[str, ...], bool]] = {"audit_entry_pkey": (("account_id", "id"), True)}
    wanted |= {name: (names, False) for name, names in INDEXES.items()}
    wanted["audit_user_actor"] = (("account_id", "actor_id"), False)
    for name, (names, unique) in wanted.items():
        if name not in found:
            yield Difference(f"the index {name} is missing", BY_HAND)
        elif found[name] != (names, unique, True):
            yield Difference(f"the index {name} should be over {', '.join(names)} of every row", BY_HAND)


def _triggers(connection: Connection[Any]) -> Iterator[Difference]:
    """On the table and on each partition, which has a TRUNCATE trigger of its own and a copy of another."""
    found = {
        (table, name): (function, state, kind)
        for table, name, function, state, kind in _rows(
            connection,
            """
            SELECT tgrelid::regclass::text, tgname, tgfoid::regproc::text, tgenabled::text, tgtype
            FROM pg_trigger WHERE tgrelid IN (SELECT relid FROM pg_partition_tree('audit_entry'))""",
        )
    }
    # Of tgtype 1 is for each row, 2 before, 4 INSERT, 8 DELETE, 16 UPDATE, 32 TRUNCATE.
    on_all = {
        "audit_entry_no_change": ("audit_refuse", 1 + 2 + 8 + 16),
        "audit_entry_no_truncate": ("audit_refuse", 2 + 32),
    }
    for table, level in _rows(
        connection, "SELECT relid::regclass::text, level FROM pg_partition_tree('audit_entry')"
    ):
        wanted = on_all if level else on_all | {"audit_entry_users": ("audit_add_users", 4)}
        for name, (body, kind) in wanted.items():
            function, state, is_ = found.get((table, name), (None, None, None))
            if function is None:
                yield Difference(f"the trigger {name} on {table} is missing", BY_HAND)
            elif state not in ("O", "A"):
                hint = f"ALTER TABLE {table} ENABLE TRIGGER {name}"
                yield Difference(f"the trigger {name} on {table} is switched off", hint)
            elif is_ != kind or function.rpartition(".")[2] != body:
                yield Difference(f"the trigger {name} on {table} is another one", BY_HAND)


_BOUND = "SELECT relid FROM pg_partition_tree('audit_entry') UNION ALL SELECT to_regclass('audit_user')"
"""The tables of which a reader sees an account's rows."""
_ACCOUNT_RULE = "(account_id = NULLIF(current_setting('auditwright.account_id'::text, true), ''::text))"


def _policies(connection: Connection[Any]) -> Iterator[Difference]:
    for (table,) in _rows(
        connection,
        f"SELECT oid::regclass::text FROM pg_class WHERE oid IN ({_BOUND}) AND NOT relrowsecurity",
    ):
        hint = f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield Difference(f"row-level security of {table} is switched off", hint)
    found = {
        (table, name): rule
        for table, name, rule in _rows(
            connection,
            f"""
            SELECT polrelid::regclass::text, polname, CASE WHEN polcmd = 'r' AND polpermissive
                AND polroles = '{{0}}' THEN pg_get_expr(polqual, polrelid) END
            FROM pg_policy WHERE polrelid IN ({_BOUND})""",
        )
    }
    names = ("audit_entry_of_account", f"{USERS}_of_account")
    for wanted in names:
        own = next((rule for (_, name), rule in found.items() if name == wanted), "")
        if own == "":
            yield Difference(f"the policy {wanted} is missing", BY_HAND)
        elif own != _ACCOUNT_RULE:
            yield Difference(f"the policy {wanted} is another one", BY_HAND)
    for table, name in sorted(found):
        if name not in names and not re.fullmatch(".+_writer_(inserts|knows)", name):
            text = f"the policy {name} on {table} is not Auditwright's: it may show entries of every account"
            yield Difference(text, f'DROP POLICY "{name}" ON {table}')


def _functions(connection: Connection[Any], schema: str) -> Iterator[Difference]:
    from auditwright.storage.postgresql.migrations import newest_sources

    found = {
        name: (body.strip(), definer, config or [])
        for name, body, definer, config in _rows(
            connection,
            """
            SELECT proname, prosrc, prosecdef, proconfig FROM pg_proc
            WHERE pronamespace = quote_ident(current_schema())::regnamespace AND proname = ANY (%s)""",
            list(FUNCTIONS),
        )
    }
    for name, source in newest_sources(schema).items():
        wanted = (
            source.split("$$")[1].strip(),
            "SECURITY DEFINER" in source,
            ["search_path=pg_catalog, pg_temp"],
        )
        if name not in found:
            yield Difference(f"the function {name} is missing", BY_HAND)
        elif found[name] != wanted:
            yield Difference(f"the function {name} is another one", BY_HAND)


def _partitions(connection: Connection[Any]) -> Iterator[Difference]:
    rows = _rows(
        connection,
        """
        SELECT relname, pg_get_expr(relpartbound, inhrelid) FROM pg_inherits
        JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit_entry'::regclass""",
    )
    bounds = []
    for name, bound in rows:
        match = re.fullmatch(r"FOR VALUES FROM \((MINVALUE|'.*')\) TO \((?:'(.*)'|MAXVALUE)\)", bound)
        if match is None or match[2] is None:
            yield Difference(f"the partition {name} is one that has no end: {bound}", BY_HAND)
        else:
            bounds.append(("" if match[1] == "MINVALUE" else match[1].strip("'"), match[2], name))
    end = ""
    for low, high, name in sorted(bounds):
        if low != end:
            yield Difference(f"there is no partition for the ids before those of {name}", BY_HAND)
        end = high
    if partition_changes(connection):
        yield Difference(f"partitions are missing for the next {AHEAD} months", UPGRADE)


def _dependants(state: State, catalog: Catalog) -> Iterator[Difference]:
    for event in catalog.every_event.values():
        stored = state.views.get(view_name(event))
        if stored is not None and stored.dependants and view_needs_drop(state, catalog, event):
            yield Difference(
                f"the view {view_name(event)} changes its columns, and others depend on it: "
                f"{', '.join(stored.dependants)}",
                f"drop these, {UPGRADE}, and make them anew",
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
        text = f"{', '.join(names[:5])}{more}: the owner is {other}, and that of audit_entry is {owner}"
        yield Difference(text, "run `auditwright database roles`")


def _rights(connection: Connection[Any]) -> Iterator[Difference]:
    """Who else may change entries, by a right of their own; superusers and owners always may."""
    for role, table, privileges in _rows(
        connection,
        """
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, relid::regclass::text,
            string_agg(DISTINCT privilege_type, ', ' ORDER BY privilege_type)
        FROM pg_partition_tree('audit_entry') JOIN pg_class ON pg_class.oid = relid, aclexplode(relacl)
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
