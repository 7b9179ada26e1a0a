"""What opening a SQLite file from before does once: it finds the users and the targets of stored entries.

It runs in transactions of `schema.py`.
"""

from __future__ import annotations

import sqlite3

from auditwright.storage.base import MAX_NAMES
from auditwright.storage.sqlite.queries import ACCOUNTS
from auditwright.storage.sqlite.triggers import ADD_TARGETS, targets_of

BATCH = 10_000
"""Entries whose targets are indexed in one transaction."""


def index_targets(connection: sqlite3.Connection) -> None:
    """Index the targets of the newest entries whose targets are not indexed yet."""
    (top,) = connection.execute("SELECT max(unindexed) FROM audit_target_field").fetchone()
    found = connection.execute(
        "SELECT rowid - 1 FROM audit_entry WHERE rowid <= ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
        (top, BATCH - 1),
    ).fetchone()
    low = found[0] if found else 0
    fields = (
        "(SELECT account_id, event, id, actor_id, iif(json_valid(metadata), metadata, '{}') AS metadata "
        "FROM audit_entry WHERE rowid > ? AND rowid <= ?) AS entry CROSS JOIN audit_target_field AS known "
        "WHERE known.event = entry.event AND known.unindexed = ?"
    )
    for select in targets_of("entry", fields):
        connection.execute(ADD_TARGETS + select, (low, top, top))
    connection.execute("UPDATE audit_target_field SET unindexed = ? WHERE unindexed = ?", (low, top))


def find_users(connection: sqlite3.Connection) -> None:
    """Add the users of entries that were recorded before the trigger existed, each with the newest name.

    Loose index scans over accounts, users and events make the time independent of the number of entries. An
    app and a user with the same id are both found if each has the newest entry of some event.
    """
    for (account,) in connection.execute(ACCOUNTS).fetchall():
        # With max(), SQLite takes the other columns from the row of the maximum: a name precedes no name.
        users = connection.execute(
            """
            WITH RECURSIVE newest(actor, event, type, name, id) AS (
                SELECT actor_id, event, actor_type, coalesce(actor_name, ''), id
                FROM audit_entry WHERE rowid = (
                    SELECT rowid FROM audit_entry INDEXED BY audit_entry_user
                    WHERE account_id = :account AND actor_id IS NOT NULL
                    ORDER BY actor_id DESC, event DESC, id DESC LIMIT 1)
                UNION ALL
                SELECT entry.actor_id, entry.event, entry.actor_type, coalesce(entry.actor_name, ''), entry.id
                FROM newest CROSS JOIN audit_entry AS entry ON entry.rowid = coalesce(
                    (SELECT rowid FROM audit_entry INDEXED BY audit_entry_user
                     WHERE account_id = :account AND actor_id = newest.actor AND event < newest.event
                     ORDER BY event DESC, id DESC LIMIT 1),
                    (SELECT rowid FROM audit_entry INDEXED BY audit_entry_user
                     WHERE account_id = :account AND actor_id < newest.actor
                     ORDER BY actor_id DESC, event DESC, id DESC LIMIT 1)))
            SELECT :account, actor, type, name, id, max(iif(name = '', '', id))
            FROM newest GROUP BY actor, type""",
            {"account": account},
        ).fetchall()
        connection.executemany(
            "INSERT OR IGNORE INTO audit_user SELECT ?, ?, ?, ?, ? WHERE "
            "NOT EXISTS (SELECT 1 FROM audit_user WHERE account_id = ? AND actor_id = ? "
            f"LIMIT 1 OFFSET {MAX_NAMES - 1})",
            [(*user[:5], *user[:2]) for user in users],
        )
