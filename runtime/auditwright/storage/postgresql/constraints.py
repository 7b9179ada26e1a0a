"""The constraints that refuse damaged entries: which are valid, and what violates the others.

A revision adds them NOT VALID, for new entries. Stored entries are then read without keeping anybody from
recording, and where they satisfy a constraint it becomes valid.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg

from auditwright.damage import LATER_PARTS, PARTS
from auditwright.storage.base import Damage
from auditwright.storage.postgresql.schema import columns_of

if TYPE_CHECKING:
    from psycopg import Connection

PREFIX = "audit_entry_"
"""A constraint has this prefix and the name of the part of the entry that it is about."""

REVISION = "011"
"""The latest revision that adds some."""
VALIDATE_ALL = f"ALTER TABLE audit_entry {', '.join(f'VALIDATE CONSTRAINT {PREFIX}{part}' for part in PARTS)}"


def conditions() -> dict[str, str]:
    """The SQL of each constraint, by the part that it is about."""
    text = (resources.files("auditwright.storage.postgresql") / "layout.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    found = {
        name.removeprefix(PREFIX): definition.removeprefix("CHECK ")
        for kind, table, name, definition in rows
        if (kind, table) == ("constraint", "audit_entry")
    }
    return {part: found[part] for part in PARTS}


def not_valid(connection: Connection[Any], table: str = "audit_entry") -> tuple[str, ...]:
    """The parts whose constraint is missing or not valid: stored entries may violate it.

    `table` is the name or the oid of audit_entry.
    """
    valid = connection.execute(
        "SELECT conname FROM pg_constraint "
        "WHERE conrelid = to_regclass(%s) AND contype = 'c' AND convalidated",
        (table,),
    )
    names = {name for (name,) in valid}
    return tuple(part for part in PARTS if f"{PREFIX}{part}" not in names)


NOT_VALID = """
    SELECT pg_class.oid::regclass::text, array_agg(quote_ident(conname) ORDER BY conname)
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE conrelid IN (SELECT relid FROM pg_partition_tree('audit_entry'))
        AND contype = 'c' AND NOT convalidated
    GROUP BY pg_class.oid, relkind ORDER BY relkind = 'p', pg_class.oid"""
"""The tables with constraints that are not valid, partitions first."""


def validation_statements(connection: Connection[Any]) -> Iterator[tuple[str, ...]]:
    """For each table, the statements that validate its constraints: all at once, and else one by one."""
    for table, names in connection.execute(NOT_VALID.encode()).fetchall():
        validated = [f"VALIDATE CONSTRAINT {name}" for name in names]
        every = f"ALTER TABLE {table} {', '.join(validated)}"
        yield (every,) if len(names) == 1 else (every, *(f"ALTER TABLE {table} {each}" for each in validated))


def validate(connection: Connection[Any], statements: tuple[str, ...]) -> bool:
    """Run the first of the statements, in the open transaction, or else all others that succeed.

    Returns whether all constraints of the table are valid. Writers are not kept waiting.
    """
    every, *single = statements
    if _succeeds(connection, every):
        return True
    for each in single:
        _succeeds(connection, each)
    return False


def _succeeds(connection: Connection[Any], statement: str) -> bool:
    try:
        with connection.transaction():  # a savepoint
            connection.execute(statement.encode())
    except psycopg.errors.CheckViolation:
        return False
    return True


def damage(connection: Connection[Any], account_id: str | None) -> Iterator[Damage]:
    """How many entries violate each constraint; those with valid constraints are not read."""
    present = columns_of(connection, "audit_entry")
    parts = [part for part in not_valid(connection) if LATER_PARTS.get(part, "id") in present]
    if not parts:
        return
    sql = conditions()
    found = ", ".join(
        f"count(*) FILTER (WHERE {sql[part]} IS FALSE), "
        f"min(id::text || account_id) FILTER (WHERE {sql[part]} IS FALSE)"
        for part in parts
    )
    where, values = ("", ()) if account_id is None else (" WHERE account_id = %s", (account_id,))
    (row,) = connection.execute(f"SELECT {found} FROM audit_entry{where}".encode(), values or None).fetchall()
    for number, part in enumerate(parts):
        entries, example = row[2 * number], row[2 * number + 1]
        if entries:
            entry_id = bytes.fromhex(example[:36].replace("-", ""))
            yield Damage(part, entries, example[36:], entry_id)
