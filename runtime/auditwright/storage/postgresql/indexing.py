"""What an upgrade does for stored entries while others record and read: indexes, and the targets of entries.

Each step is short, or without a lock that anybody waits for. A killed run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from auditwright.storage.layout import INDEXED_WHERE, index_definition
from auditwright.storage.postgresql.schema import columns_of, quoted

if TYPE_CHECKING:
    from psycopg import Connection

INDEX_TARGETS = "SELECT audit_index_targets()"
"""Indexes the targets of one partition's entries; returns null if there was none left."""
INDEX_ALL_TARGETS = """\
DO $$ BEGIN
    WHILE audit_index_targets() IS NOT NULL LOOP
        COMMIT;
    END LOOP;
END $$;"""
"""The same for all partitions, as a script."""
_MISSING = """
    SELECT part.relname, parent.relname, pg_get_indexdef(parent.oid),
        (SELECT indisvalid FROM pg_index AS left_over WHERE indexrelid = to_regclass(quote_ident(made)))
    FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid, pg_index JOIN pg_class AS parent
        ON parent.oid = indexrelid, replace(parent.relname, 'audit_entry', part.relname) AS made
    WHERE inhparent = to_regclass('audit_entry') AND indrelid = inhparent AND NOT indisvalid AND NOT EXISTS (
        SELECT FROM pg_index AS own JOIN pg_inherits AS attached ON attached.inhrelid = own.indexrelid
        WHERE own.indrelid = part.oid AND attached.inhparent = parent.oid)
    ORDER BY part.relname DESC, parent.relname"""

_COMING = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = to_regclass('audit_entry') ORDER BY relname DESC"""
REVISION = "012"
"""The revision that makes the indexes, of empty partitions only."""


def index_statements(connection: Connection[Any]) -> Iterator[str]:
    """The statements that make the missing indexes of partitions.

    Those with CONCURRENTLY run outside of a transaction. An index that a killed run has left is used if it is
    complete, and made again if not.
    """
    for partition, parent, definition, is_complete in connection.execute(_MISSING).fetchall():
        name = parent.replace("audit_entry", partition, 1)
        if is_complete is False:
            yield f"DROP INDEX CONCURRENTLY {quoted(name)}"
        if not is_complete:
            using = definition.partition(" USING ")[2]
            yield f"CREATE INDEX CONCURRENTLY {quoted(name)} ON {quoted(partition)} USING {using}"
        yield f"ALTER INDEX {quoted(parent)} ATTACH PARTITION {quoted(name)}"


def coming_statements(connection: Connection[Any]) -> Iterator[str]:
    """The same for a database before that revision, which will need them."""
    for (partition,) in connection.execute(_COMING).fetchall():
        table = quoted(partition)
        if connection.execute(f"SELECT EXISTS (SELECT FROM {table})".encode()).fetchone() == (True,):
            for parent in INDEXED_WHERE:
                name = parent.replace("audit_entry", partition, 1)
                definition = index_definition(parent)
                yield f"CREATE INDEX CONCURRENTLY {quoted(name)} ON {table} {definition}"
                yield f"ALTER INDEX {quoted(parent)} ATTACH PARTITION {quoted(name)}"


def is_left(connection: Connection[Any]) -> bool:
    """Whether targets of stored entries are not indexed yet."""
    if not columns_of(connection, "audit_target_field"):
        return False
    found = connection.execute(
        "SELECT FROM audit_target_field WHERE indexed_from > '00000000-0000-0000-0000-000000000000' LIMIT 1"
    )
    return bool(found.fetchall())
