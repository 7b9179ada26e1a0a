"""The triggers of a SQLite database, and the functions that permit what they refuse.

An entry is stored once and stays, and only Auditwright changes the other tables: by retention, by holds, and
when it opens the file. SQLite has no roles. So triggers call functions that a connection does not have, and a
statement fails with `no such function`. Auditwright registers them on its own connection for its own
statements. Whoever can drop triggers or register functions can do the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager

from auditwright.entry import LEADING, TRAILING
from auditwright.ids import LAST
from auditwright.limits import MAX_CONTEXT, MAX_FAILURE_REASON, MAX_ID, MAX_JSON, MAX_STRING
from auditwright.storage.base import MAX_NAMES

CONFLICT = "auditwright: another entry has this id"
"""The database's error for a row whose id is stored with other content."""

DAMAGED = "auditwright: no log writes such an entry"
"""The database's error for a row that a check refuses."""

ENTRIES_STAY = "audit_entry_is_append_only"
"""The function of an account and an id that is true where the entry must stay."""

GUARDED = {
    "audit_catalog": ("INSERT", "UPDATE", "DELETE"),
    "audit_category": ("INSERT", "UPDATE", "DELETE"),
    "audit_event": ("INSERT", "UPDATE", "DELETE"),
    "audit_hold": ("INSERT", "UPDATE", "DELETE"),
    "audit_target": ("UPDATE",),
    "audit_target_field": ("INSERT", "UPDATE", "DELETE"),
    "audit_user": ("UPDATE", "DELETE"),
}
"""The statements that need a permit, by table."""


def permit_of(table: str) -> str:
    """The name of the function that permits changes of a table; SQLite says it in the error without one."""
    return f"{table}_is_changed_by_auditwright_only"


_PATH = "'$.\"' || known.field || '\"'"


def targets_of(entry: str, fields: str = "") -> tuple[str, str]:
    """SQL for rows of audit_target: those by fields with one value, and those by lists.

    `entry` is `NEW`, `OLD`, or a table that `fields`, SQL for a FROM, has before `known`; its JSON is valid.
    A value that is no text or whole number, or too long, identifies nothing.
    """
    fields = fields or f"audit_target_field AS known WHERE known.event = {entry}.event"
    kind, value = (f"json_{what}({entry}.metadata, {_PATH})" for what in ("type", "extract"))
    each = f"json_each({entry}.metadata, {_PATH}) AS item"
    select = (
        f"SELECT {entry}.account_id, known.type || ':' || {{}}, {entry}.event, {entry}.id, {entry}.actor_id"
    )
    return (
        f"{select.format(value)} FROM {fields} AND {kind} IN ('text', 'integer') "
        f"AND length({value}) BETWEEN 1 AND {MAX_ID}",
        f"{select.format('item.value')} FROM {fields.replace('AS known', f'AS known CROSS JOIN {each}')} "
        f"AND {kind} = 'array' AND item.type IN ('text', 'integer') "
        f"AND length(item.value) BETWEEN 1 AND {MAX_ID}",
    )


ADD_TARGETS = "INSERT OR IGNORE INTO audit_target (account_id, target, event, id, actor_id) "
"""Before one of `targets_of`."""

_TRIGGERS = {
    # Equal content with a stored id is a retry and is skipped; other content is refused. An explicit row id
    # would let INSERT OR REPLACE overwrite a row. Without one, NEW.rowid is -1 in a BEFORE trigger.
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
    # A BEFORE trigger cannot tell an explicit row id of -1 from none; an AFTER trigger sees the stored id.
    "audit_entry_no_row_id": """
        AFTER INSERT ON audit_entry
        WHEN NEW.rowid < 0
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_entry takes no row ids'); END""",
    "audit_entry_no_update": """
        BEFORE UPDATE ON audit_entry
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_entry is append-only'); END""",
    "audit_entry_no_delete": f"""
        BEFORE DELETE ON audit_entry
        WHEN {ENTRIES_STAY}(OLD.account_id, OLD.id)
            OR EXISTS (SELECT 1 FROM audit_hold AS hold
                       WHERE hold.account_id = OLD.account_id
                       AND (hold.until IS NULL OR hold.until > strftime('%s', 'now') * 1000000))
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_entry is append-only'); END""",
    "audit_entry_users": f"""
        AFTER INSERT ON audit_entry
        WHEN NEW.actor_id IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM audit_user WHERE account_id = NEW.account_id AND actor_id = NEW.actor_id
             AND actor_type = NEW.actor_type AND actor_name = coalesce(NEW.actor_name, ''))
        BEGIN
            INSERT INTO audit_user (account_id, actor_id, actor_type, actor_name, first_id)
            SELECT NEW.account_id, NEW.actor_id, NEW.actor_type, coalesce(NEW.actor_name, ''), NEW.id
            WHERE NOT EXISTS
                (SELECT 1 FROM audit_user WHERE account_id = NEW.account_id AND actor_id = NEW.actor_id
                 LIMIT 1 OFFSET {MAX_NAMES - 1});
        END""",
    # INSERT SELECT would take half as long again if audit_target had a trigger for it. Whoever can add rows
    # to it can also add entries.
    "audit_entry_targets": f"""
        AFTER INSERT ON audit_entry
        WHEN EXISTS (SELECT 1 FROM audit_target_field WHERE event = NEW.event) AND json_valid(NEW.metadata)
        BEGIN
            {"; ".join(ADD_TARGETS + each for each in targets_of("NEW"))};
        END""",
    "audit_entry_no_targets": f"""
        AFTER DELETE ON audit_entry
        WHEN EXISTS (SELECT 1 FROM audit_target_field WHERE event = OLD.event) AND json_valid(OLD.metadata)
        BEGIN
            DELETE FROM audit_target WHERE account_id = OLD.account_id AND event = OLD.event AND id = OLD.id
            AND target IN (SELECT target FROM
                (SELECT '', '' AS target, '', x'', '' UNION ALL {" UNION ALL ".join(targets_of("OLD"))}));
        END""",
    "audit_target_no_delete": """
        BEFORE DELETE ON audit_target
        WHEN EXISTS (SELECT 1 FROM audit_entry WHERE account_id = OLD.account_id AND id = OLD.id)
        BEGIN SELECT RAISE(ABORT, 'auditwright: audit_target is append-only'); END""",
    # Whoever records adds users, by the trigger above, so a user must be the actor of a stored entry. A known
    # user is skipped; INSERT OR REPLACE would change it.
    "audit_user_no_insert": """
        BEFORE INSERT ON audit_user
        WHEN NOT EXISTS
            (SELECT 1 FROM audit_entry WHERE account_id = NEW.account_id AND id = NEW.first_id
             AND actor_id = NEW.actor_id AND actor_type = NEW.actor_type
             AND coalesce(actor_name, '') = NEW.actor_name)
            OR EXISTS
            (SELECT 1 FROM audit_user WHERE account_id = NEW.account_id AND actor_id = NEW.actor_id
             AND actor_type = NEW.actor_type AND actor_name = NEW.actor_name)
        BEGIN
            SELECT CASE
                WHEN EXISTS
                    (SELECT 1 FROM audit_user WHERE account_id = NEW.account_id AND actor_id = NEW.actor_id
                     AND actor_type = NEW.actor_type AND actor_name = NEW.actor_name)
                THEN RAISE(IGNORE)
                ELSE RAISE(ABORT, 'auditwright: audit_user has the actors of entries only')
            END;
        END""",
}

CHECKS = {
    "id": "length({id}) = 16",
    "occurred_at": f"{{occurred_at}} BETWEEN 0 AND {LAST}",
    "recorded_at": f"{{recorded_at}} BETWEEN 0 AND {LAST}",
    "actor": "CASE {actor_type} WHEN 'user' THEN {actor_id} IS NOT NULL "
    "WHEN 'app' THEN {actor_id} IS NOT NULL WHEN 'system' THEN 1 ELSE {actor_type} = 'anonymous' END "
    f"AND ({{actor_id}} IS NULL OR length({{actor_id}}) BETWEEN 1 AND {MAX_ID})",
    "texts": f"length({{account_id}}) BETWEEN 1 AND {MAX_ID} AND length({{event}}) BETWEEN 1 AND {MAX_ID} "
    f"AND length(CAST({{description}} AS BLOB)) <= {MAX_STRING}",
    "digest": "length({digest}) = 32",
    "alterations": "({alterations} IS NULL OR {alterations} >= '{{' AND json_valid({alterations}) "
    f"AND json_type({{alterations}}) = 'object' AND length(CAST({{alterations}} AS BLOB)) <= {MAX_JSON})",
    # What most entries have comes first.
    "outcome": "CASE WHEN {failure_reason} IS NULL THEN {outcome} IS 'success' OR {outcome} IS 'failure' "
    f"ELSE {{outcome}} IS 'failure' AND length({{failure_reason}}) BETWEEN 1 AND {MAX_FAILURE_REASON} END",
    "on_behalf_of": "CASE WHEN {on_behalf_of_type} IS NULL "
    "THEN coalesce({on_behalf_of_id}, {on_behalf_of_name}) IS NULL "
    "ELSE {on_behalf_of_type} IN ('user', 'app') "
    f"AND coalesce(length({{on_behalf_of_id}}), 0) BETWEEN 1 AND {MAX_ID} "
    f"AND coalesce(length(CAST({{on_behalf_of_name}} AS BLOB)), 0) <= {MAX_STRING} END",
    "context": "({context} IS NULL OR {context} >= '{{' AND {context} < '|' AND json_valid({context}) "
    f"AND length(CAST({{context}} AS BLOB)) <= {MAX_CONTEXT})",
    # Text that begins with { can only be an object.
    "metadata": "{metadata} >= '{{' AND {metadata} < '|' AND json_valid({metadata}) "
    f"AND length(CAST({{metadata}} AS BLOB)) <= {MAX_JSON}",
}
"""SQL that is true where a part of an entry is sound, with a placeholder for each column.

It is the cheap part of what PostgreSQL's constraints say: comparing the id with the time would cost too much.
"""


def checks(prefix: str = "") -> dict[str, str]:
    """The SQL of each check; `prefix` comes before the names of columns."""
    names = {name: f"{prefix}{name}" for name, _, _ in (*LEADING, *TRAILING)}
    return {part: check.format(**names) for part, check in CHECKS.items()}


_TRIGGERS["audit_entry_sound"] = f"""
        BEFORE INSERT ON audit_entry
        WHEN NOT ({" AND ".join(checks("NEW.").values())})
        BEGIN SELECT RAISE(ABORT, '{DAMAGED}'); END"""
_TRIGGERS |= {
    f"{table}_no_{statement.lower()}": f"""
        BEFORE {statement} ON {table}
        BEGIN SELECT {permit_of(table)}(); END"""
    for table, statements in GUARDED.items()
    for statement in statements
}


def triggers() -> dict[str, str]:
    """The CREATE statement of each trigger."""
    return {name: f"CREATE TRIGGER {name} {body}" for name, body in _TRIGGERS.items()}


@contextmanager
def changing(connection: sqlite3.Connection, *tables: str) -> Iterator[None]:
    """Permit changes of these tables, all of `GUARDED` if none is given, until the block ends."""
    with _registered(connection, {permit_of(table): lambda: None for table in tables or GUARDED}):
        yield


@contextmanager
def deleting(connection: sqlite3.Connection, account_id: str, bound: bytes) -> Iterator[None]:
    """Permit deletes of an account's entries with an id below the bound, until the block ends."""

    def stays(account: str, entry_id: bytes) -> bool:
        return account != account_id or entry_id >= bound

    with _registered(connection, {ENTRIES_STAY: stays}):
        yield


@contextmanager
def deleting_each(connection: sqlite3.Connection, keys: Set[tuple[str, bytes]]) -> Iterator[None]:
    """Permit deletes of the entries with these accounts and ids, until the block ends."""
    with _registered(connection, {ENTRIES_STAY: lambda account, entry_id: (account, entry_id) not in keys}):
        yield


@contextmanager
def _registered(
    connection: sqlite3.Connection, functions: dict[str, Callable[..., bool | None]]
) -> Iterator[None]:
    """Give the connection these functions, until the block ends."""
    for name, function in functions.items():
        connection.create_function(name, -1, function)
    try:
        yield
    finally:
        for name in functions:
            connection.create_function(name, -1, None)
