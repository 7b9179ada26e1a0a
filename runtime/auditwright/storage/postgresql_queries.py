"""The SQL that reads a scope from PostgreSQL: a page probes each branch's index, a stream is one scan.

Every statement names the account, whether row-level security binds the role or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditwright.storage.base import FORMULA
from auditwright.storage.text_search import regular_expression

if TYPE_CHECKING:
    from auditwright.storage.base import Branch, Scope

MOST_PROBED = 10_000
"""Rows up to which a limit is a page: each branch's index gives so many ids at most."""

Query = tuple[str, list[Any]]
"""SQL with its values."""

_FORMULA = ", ".join("'" + start.replace("'", "''") + "'" for start in FORMULA)


@dataclass(frozen=True, slots=True)
class _Group:
    """Branches that one condition describes."""

    events: tuple[str, ...] | None
    users: tuple[str, ...] | None
    """As many as there are events; None for all users but some."""
    not_users: tuple[str, ...]


def _groups(branches: Sequence[Branch]) -> Iterator[_Group]:
    found: dict[tuple[bool, bool, tuple[str, ...]], list[Branch]] = {}
    for branch in branches:
        key = branch.event is None, branch.user is None, branch.not_users
        found.setdefault(key, []).append(branch)
    for (all_events, all_users, not_users), same in found.items():
        events = None if all_events else tuple(each.event or "" for each in same)
        users = None if all_users else tuple(each.user or "" for each in same)
        yield _Group(events, users, not_users)


def select_rows(table: str, select: str, scope: Scope, newest_first: bool, limit: int | None) -> Query:
    """The rows of a scope in the order of their ids."""
    order = f"ORDER BY id {'DESC' if newest_first else 'ASC'}"
    if limit is None or limit > MOST_PROBED:
        where, values = _condition(scope)
        end = "" if limit is None else f" LIMIT {limit}"
        return f"SELECT {select} FROM {table} WHERE {where} {order}{end}", values
    probes, values = [], []
    for group in _groups(scope.branches):
        probe, bound = _probe(table, group, scope, f"{order} LIMIT {limit}")
        probes.append(probe)
        values += bound
    found = " UNION ALL ".join(probes)
    # LIMIT 1 keeps the planner to one probe of the primary key for each row of the page.
    return (
        f"SELECT {select} FROM (SELECT id AS found FROM ({found}) AS probed {order} LIMIT {limit}) AS page "
        f"CROSS JOIN LATERAL (SELECT * FROM {table} WHERE account_id = %s AND id = found LIMIT 1) AS entry "
        f"{order}"
    ), [*values, scope.account_id]


def select_count(table: str, scope: Scope) -> Query:
    """How many rows of a scope there are."""
    where, values = _condition(scope)
    return f"SELECT count(*) FROM {table} WHERE {where}", values


def _probe(table: str, group: _Group, scope: Scope, order: str) -> Query:
    """The first ids of each branch, out of an index that holds them in their order."""
    narrowed, bound = _narrowed(scope, group.not_users)
    inner = f"SELECT id FROM {table} WHERE account_id = %s{{}}{narrowed} {order}"
    if group.events is None:
        return f"({inner.format('')})", [scope.account_id, *bound]
    if group.users is None:
        branch, given, where = "branch(event)", [list(group.events)], " AND event = branch.event"
    else:
        branch, given = "branch(event, actor)", [list(group.events), list(group.users)]
        where = " AND actor_id = branch.actor AND event = branch.event"
    arrays = ", ".join(["CAST(%s AS text[])"] * len(given))
    return (
        f"(SELECT probe.id FROM unnest({arrays}) AS {branch} "
        f"CROSS JOIN LATERAL ({inner.format(where)}) AS probe)"
    ), [*given, scope.account_id, *bound]


def _condition(scope: Scope) -> Query:
    """What holds for the rows of a scope."""
    parts, values = [], []
    for group in _groups(scope.branches):
        part, bound = _of_group(group)
        parts.append(part)
        values += bound
    narrowed, bound = _narrowed(scope, ())
    return f"account_id = %s AND ({' OR '.join(parts)}){narrowed}", [scope.account_id, *values, *bound]


def _of_group(group: _Group) -> Query:
    if group.users is not None:
        pairs = "SELECT * FROM unnest(CAST(%s AS text[]), CAST(%s AS text[]))"
        return f"(event, actor_id) IN ({pairs})", [list(group.events or ()), list(group.users)]
    parts, values = ["true"], []
    if group.events is not None:
        parts, values = ["event = ANY(CAST(%s AS text[]))"], [list(group.events)]
    if group.not_users:
        parts.append(_NOT_USERS)
        values.append(list(group.not_users))
    return " AND ".join(parts), values


_NOT_USERS = "(actor_id IS NULL OR actor_id <> ALL(CAST(%s AS text[])))"


def _narrowed(scope: Scope, not_users: tuple[str, ...]) -> Query:
    """What stands after the account's condition for the range of ids, the search and the users left out."""
    conditions: list[tuple[str, Any]] = []
    if not_users:
        conditions.append((_NOT_USERS, list(not_users)))
    if scope.low is not None:
        conditions.append(("id >= CAST(%s AS uuid)", scope.low.hex()))
    if scope.high is not None:
        conditions.append(("id < CAST(%s AS uuid)", scope.high.hex()))
    if scope.search is not None:
        conditions.append(("description ~ %s", regular_expression(scope.search)))
    return "".join(f" AND {text}" for text, _ in conditions), [value for _, value in conditions]


def stored_events(table: str) -> str:
    """Hops from event to event in the index; takes `account`."""
    hops = _hops(table, "event", "account_id = %(account)s")
    return f"{hops} SELECT value FROM hop WHERE value IS NOT NULL"


def accounts(table: str) -> str:
    """Hops from account to account in the primary key; takes `most`."""
    hops = _hops(table, "account_id", "true")
    return f"{hops} SELECT value FROM hop WHERE value IS NOT NULL LIMIT %(most)s"


def users(table: str, most_looked_at: int) -> str:
    """Hops from user to user in the index, with the last row of each; takes `account, pattern, most`."""
    hops = _hops(table, "actor_id", "account_id = %(account)s")
    return f"""{hops}
        SELECT last.* FROM (SELECT value FROM hop WHERE value IS NOT NULL LIMIT {most_looked_at}) AS found
        CROSS JOIN LATERAL (
            SELECT actor_type, actor_id, actor_name FROM {table}
            WHERE account_id = %(account)s AND actor_id = found.value
            ORDER BY event DESC, id DESC LIMIT 1) AS last
        WHERE last.actor_id ~ %(pattern)s OR last.actor_name ~ %(pattern)s LIMIT %(most)s"""


def _hops(table: str, column: str, where: str) -> str:
    """The least value of a column, and from each the next one: so many probes as there are values."""
    return f"""
        WITH RECURSIVE hop(value) AS (
            SELECT min({column}) FROM {table} WHERE {where}
            UNION ALL
            SELECT (SELECT min({column}) FROM {table} WHERE {where} AND {column} > hop.value)
            FROM hop WHERE hop.value IS NOT NULL)"""


def csv_cells(columns: Sequence[str], full: bool) -> str:
    """SQL for a line of CSV: time, event, category, what stands before the address, it, and what after it."""
    time = "to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') || ','"
    name = _cell("coalesce(nullif(actor_name, ''), actor_id, 'System')")
    before = f"',' || {_cell('description')} || ',' || {name} || ','"
    rest = [
        _cell("event"), _cell("category"), _cell("level"), "actor_type", _cell_or_nothing("actor_id"),
        "id::text", _cell("account_id"), *(_cell_or_nothing(f'"{each}"') for each in columns),
    ]  # fmt: skip
    after = "',' || " + " || ',' || ".join(rest) + " || ','" if full else "''"
    return f"{time}, event, category, {before}, host(ip_address), {after}"


def _cell(expression: str) -> str:
    """SQL for a text cell of CSV: quoted (RFC 4180), and not to be run as a formula."""
    return (
        f"'\"' || CASE WHEN left({expression}, 1) IN ({_FORMULA}) THEN '''' ELSE '' END "
        f"|| replace({expression}, '\"', '\"\"') || '\"'"
    )


def _cell_or_nothing(expression: str) -> str:
    return f"CASE WHEN {expression} IS NULL THEN '' ELSE {_cell(expression)} END"
