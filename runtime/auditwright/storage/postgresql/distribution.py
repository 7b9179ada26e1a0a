"""An audit log on a Citus cluster: what is distributed, and how to make it so.

Entries, targets and users of one account are on one node: audit_entry, audit_target and audit_user are
distributed by account. The other tables, which are small, are on every node. A trigger of a distributed table
runs on its shards, where it names the shards of other tables directly: see `migrations/distributed/`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from psycopg import Connection

COLUMN = "account_id"
"""The column by which tables are distributed."""
DISTRIBUTED = ("audit_entry", "audit_target", "audit_user")
"""The distributed tables; the others are colocated with the first."""
REFERENCE = (
    "audit_catalog",
    "audit_category",
    "audit_event",
    "audit_hold",
    "audit_retention",
    "audit_target_field",
)
"""The tables of which every node has a copy."""
PROPAGATE = "SET LOCAL citus.propagate_set_commands = 'local'"
"""Sends the later settings of a transaction to the nodes, where row-level security reads one of them."""
FOR_OWNERS = (
    # One connection to each node: it sees what the transaction has changed there, and takes locks only once.
    ("citus.multi_shard_modify_mode", "sequential"),
    ("citus.enable_unsafe_triggers", "on"),
)
"""Settings of transactions that change tables; without Citus nothing reads them."""

HAS_CITUS = "to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
"""SQL for whether the database has the extension."""
_IS_DISTRIBUTED = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition "
    "WHERE logicalrelid = to_regclass('audit_entry') AND partmethod = 'h')"
)


def is_distributed(connection: Connection[Any]) -> bool:
    """Whether audit_entry is distributed."""
    return _one(connection, f"SELECT {HAS_CITUS}") is True and _one(connection, _IS_DISTRIBUTED) is True


def _one(connection: Connection[Any], statement: str, *values: Any) -> Any:
    row = connection.execute(statement.encode(), values or None).fetchone()
    return None if row is None else row[0]


def transaction_id(connection: Connection[Any]) -> str:
    """The id of the open transaction, in which entries were read, as the trigger that refuses deletes has it.

    On a cluster every node has an id of its own for its part of the transaction, and all know this one.
    """
    if is_distributed(connection):
        return str(_one(connection, "SELECT transaction_number FROM get_current_transaction_id()"))
    return str(_one(connection, "SELECT pg_current_xact_id()"))


def check_cluster(connection: Connection[Any], name: str) -> None:
    """Raise `StorageError` for a database that cannot distribute tables; `name` is its name in the error."""
    if not _one(connection, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"):
        raise StorageError(
            f"{name}: cannot distribute: expected a coordinator of a Citus cluster, got a database without "
            "the extension citus; run CREATE EXTENSION citus in this database on every node, and "
            "SELECT citus_add_node(host, port) for each worker on the coordinator"
        )
    if _one(connection, "SELECT groupid FROM pg_dist_local_group") != 0:
        raise StorageError(
            f"{name}: cannot distribute: expected the coordinator of the Citus cluster, got a worker; use "
            "the URL of the coordinator"
        )
    if not _one(connection, "SELECT EXISTS (SELECT FROM pg_dist_node WHERE isactive AND shouldhaveshards)"):
        raise StorageError(
            f"{name}: cannot distribute: expected at least one node for shards, got none; run "
            "SELECT citus_add_node(host, port) for each worker on the coordinator"
        )


def statements(connection: Connection[Any], schema: str) -> Iterator[tuple[str, str]]:
    """The missing statements, each with a description, until the log is distributed; for the owner.

    `schema` is a quoted identifier.
    """
    yield from function_statements(connection, schema)
    found = _found(connection)
    for table in REFERENCE:
        if table not in found:
            yield f"SELECT create_reference_table('{table}')", "on every node"
            yield from _without_local_rows(table)
    for table in DISTRIBUTED:
        if table not in found:
            colocated = "default" if table == DISTRIBUTED[0] else DISTRIBUTED[0]
            yield (
                f"SELECT create_distributed_table('{table}', '{COLUMN}', colocate_with => '{colocated}')",
                f"distributed by {COLUMN}",
            )
            yield from _without_local_rows(table)
    # It has no primary key. Without one, and without this, its shards cannot be moved while others record.
    if _one(connection, "SELECT relreplident <> 'f' FROM pg_class WHERE oid = to_regclass('audit_user')"):
        yield "ALTER TABLE audit_user REPLICA IDENTITY FULL", "movable"


def in_words(made: Iterable[str]) -> Iterator[str]:
    """What `statements` describe, counted."""
    for what, count in Counter(made).items():
        if what:
            yield f"{count} {'function' if what == 'for a cluster' else 'table'}{'s' * (count > 1)} {what}"


def _without_local_rows(table: str) -> Iterator[tuple[str, str]]:
    """Citus copies the rows of a table, and leaves those on the coordinator behind, unseen."""
    yield f"SELECT truncate_local_data_after_distributing_table('{table}')", ""


def function_statements(connection: Connection[Any], schema: str) -> Iterator[tuple[str, str]]:
    """The statements that make functions as a cluster needs them, where they are others."""
    from auditwright.storage.postgresql.migrations import definition, distributed_sources, stored_definitions

    found = stored_definitions(connection)
    for name, source in distributed_sources(schema, FOR_OWNERS).items():
        if found.get(name) != definition(source):
            yield source, "for a cluster"


def placement_differences(connection: Connection[Any]) -> Iterator[tuple[str, str]]:
    """What is not placed on the cluster as it should be, each with a hint, which is empty for an upgrade."""
    found = _found(connection)
    for table in REFERENCE:
        if found.get(table, ("", 0))[0] != "reference":
            yield f"the table {table} is not a reference table, which every node has", ""
    group = found[DISTRIBUTED[0]][1]
    for table in _trees(connection):
        by, of_table = found.get(table, ("", None))
        if by != COLUMN:
            yield f"the table {table} is not distributed by {COLUMN}", ""
        elif of_table != group:
            yield (
                f"the table {table} is not colocated with {DISTRIBUTED[0]}",
                f"SELECT update_distributed_table_colocation('{table}', colocate_with => '{DISTRIBUTED[0]}')",
            )


def _trees(connection: Connection[Any]) -> list[str]:
    """The distributed tables, with their partitions."""
    rows = connection.execute(
        "SELECT relname FROM unnest(%s::text[]) WITH ORDINALITY AS parent(name, place), "
        "pg_partition_tree(to_regclass(name)) JOIN pg_class ON pg_class.oid = relid ORDER BY place, relname",
        (list(DISTRIBUTED[:2]),),
    )
    return [*(name for (name,) in rows.fetchall()), DISTRIBUTED[2]]


def shard_differences(connection: Connection[Any]) -> Iterator[str]:
    """How shards differ from their tables on the coordinator, and functions of nodes from the coordinator's.

    Compared are triggers, row-level security and rights to change entries.
    """
    tables = _trees(connection)
    wanted = {
        table: (secured, set(triggers or ()))
        for table, secured, triggers in connection.execute(
            """
            SELECT relname, relrowsecurity, (SELECT array_agg(tgname::text) FROM pg_trigger
                WHERE tgrelid = pg_class.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A'))
            FROM pg_class WHERE oid = ANY (%s::regclass[])""",
            (tables,),
        ).fetchall()
    }
    functions = _one(connection, f"SELECT {_FUNCTIONS}")
    schema = _one(connection, "SELECT quote_ident(current_schema())")
    of_node = _OF_NODE.replace("@functions@", _FUNCTIONS.replace("'audit_entry'", "'@schema@.audit_entry'"))
    of_node = of_node.replace("@schema@", schema.replace("'", "''"))
    nodes = connection.execute(
        "SELECT nodename || ':' || nodeport, success, result FROM run_command_on_all_nodes(%s) AS ran "
        "JOIN pg_dist_node ON pg_dist_node.nodeid = ran.nodeid ORDER BY 1",
        (of_node,),
    ).fetchall()
    for node, success, result in nodes:
        if not success:
            yield f"the node {node} cannot be read: {result.partition(chr(10))[0]}"
            continue
        found = json.loads(result)
        for name in sorted(name for name, text in functions.items() if found["functions"].get(name) != text):
            yield f"the function {name} of the node {node} is not that of the coordinator"
        for table, shard, secured, triggers, rights in found["shards"]:
            is_secured, names = wanted.get(table, (False, set()))
            if is_secured and not secured:
                yield f"row-level security of the shard {shard} of the node {node} is switched off"
            for name in sorted(names.difference(triggers or ())):
                yield f"the trigger {name} of the shard {shard} of the node {node} is missing or switched off"
            for right in rights or ():
                yield f"{right} on the shard {shard} of the node {node}"


_FUNCTIONS = """(SELECT json_object_agg(proname, md5(prosrc)) FROM pg_proc
    WHERE pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('audit_entry'))
        AND starts_with(proname, 'audit_'))"""
# Copies that are being made of shards, or are left of them, have no placement on the node.
# The triggers of a shard are named after it, or after the shard that it is a partition of.
_OF_NODE = """SELECT json_build_object(
    'functions', @functions@,
    'shards', (SELECT coalesce(json_agg(json_build_array(table_name, shard.oid::regclass::text,
        relrowsecurity,
        (SELECT array_agg(regexp_replace(tgname, '_[0-9]{5,}$', '')) FROM pg_trigger
            WHERE tgrelid = shard.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A')),
        (SELECT array_agg(DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END
            || ' has the right to ' || privilege_type) FROM aclexplode(relacl)
            WHERE grantee <> relowner
                AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'))
        ) ORDER BY table_name, shardid), '[]')
    FROM (SELECT relname AS table_name, shardid, to_regclass(shard_name(logicalrelid, shardid)) AS own
            FROM pg_dist_placement JOIN pg_dist_local_group USING (groupid) JOIN pg_dist_shard USING (shardid)
                JOIN pg_class ON pg_class.oid = logicalrelid
            WHERE relname ~ '^audit_(entry|target|user)($|_(first|[0-9]))') AS known
        JOIN pg_class AS shard ON shard.oid = own))"""


def _found(connection: Connection[Any]) -> dict[str, tuple[str, int | None]]:
    """The tables that Citus knows, with their method of distribution and their group of colocated tables."""
    rows = connection.execute(
        """
        SELECT relname, CASE WHEN partmethod = 'n' AND repmodel = 't' THEN 'reference' ELSE
            coalesce(column_to_column_name(logicalrelid, partkey), '') END, colocationid
        FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid
        WHERE relnamespace = quote_ident(current_schema())::regnamespace"""
    )
    return {name: (by, group) for name, by, group in rows.fetchall()}
