"""The SQL that reads a scope from PostgreSQL: a page probes the index of each branch, a stream is one scan.

Every statement has a condition on the account, whether row-level security binds the role or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from auditwright.ids import id_head, to_microseconds
from auditwright.storage.case_folding import same_characters

if TYPE_CHECKING:
    from datetime import datetime

    from auditwright.storage.query import Branch, Scope


def contains(text: str, parameter: str = "%s") -> tuple[str, str]:
    """SQL for "the column {} contains the text", ignoring case, and the value of its parameter."""
    if text.isascii():
        return f"strpos(lower({{}}), {parameter}) > 0", text.lower()
    return f"{{}} ~ {parameter}", regular_expression(text)


def regular_expression(text: str) -> str:
    """A regular expression of PostgreSQL that matches the text, ignoring case."""
    return "".join(map(_expression, text))


def _expression(character: str) -> str:
    same = same_characters().get(character)
    if same is not None:
        return f"[{same}]"
    return character if character.isalnum() or not character.isascii() else f"\\{character}"


MAX_PROBED = 10_000
"""The largest limit that is read as a page, by probing the index of each branch."""

FEW_BRANCHES = 10
"""Branches up to which all partitions are probed at once; with more, recent partitions come first."""
FEW_ENTRIES = 300
"""The most entries of a sparse user, whose entries are all read at once."""
OF_EACH = 16
"""Entries read at first of each of many branches: few branches have more on a page."""
RECENT_DAYS = 366
"""The length of the recent part of a scope, from where reading begins."""

Query = tuple[str, list[Any]]
"""SQL with its values."""


@dataclass(frozen=True, slots=True)
class Group:
    """Branches that share one condition."""

    events: tuple[str, ...] | None
    users: tuple[str, ...] | None
    """One for each event; None for all users, except `not_users`."""
    not_users: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of branches."""
        return 1 if self.events is None else len(self.events)


def groups(branches: Sequence[Branch]) -> Iterator[Group]:
    """The branches, grouped by condition."""
    found: dict[tuple[bool, bool, tuple[str, ...]], list[Branch]] = {}
    for branch in branches:
        key = branch.event is None, branch.user is None, branch.not_users
        found.setdefault(key, []).append(branch)
    for (all_events, all_users, not_users), same in found.items():
        events = None if all_events else tuple(each.event or "" for each in same)
        users = None if all_users else tuple(each.user or "" for each in same)
        yield Group(events, users, not_users)


_OF_EVENT = " AND event = branch.event AND event BETWEEN branch.event AND branch.event"


def unnested(group: Group, numbers: Sequence[int]) -> tuple[dict[str, str], list[Any], str]:
    """How branches of a group are passed to a statement, as arrays: the SQL of each array by its column name,
    the values, and the condition that joins a row of them to entries.

    BETWEEN repeats the equality: without it, where statistics say that a partition has only one event, the
    planner reads all of its primary key for any other event.
    """
    if group.events is None:
        return {}, [], ""
    array = "CAST(%s AS text[])"
    events = [group.events[number] for number in numbers]
    if group.users is None:
        return {"event": array}, [events], _OF_EVENT
    users = [group.users[number] for number in numbers]
    return (
        {"event": array, "actor": array},
        [events, users],
        f" AND actor_id = branch.actor AND actor_id BETWEEN branch.actor AND branch.actor{_OF_EVENT}",
    )


def unnest(columns: Mapping[str, str]) -> str:
    """SQL that makes rows of arrays: `branch`, with these columns."""
    return f"unnest({', '.join(columns.values())}) AS branch({', '.join(columns)})"


def select_rows(table: str, select: str, scope: Scope, newest_first: bool, limit: int | None) -> Query:
    """The rows of a scope in the order of their ids."""
    order = f"ORDER BY id {'DESC' if newest_first else 'ASC'}"
    if limit is None or limit > MAX_PROBED:
        where, values = _condition(scope)
        end = "" if limit is None else f" LIMIT {limit}"
        return f"SELECT {select} FROM {table} WHERE {where} {order}{end}", values
    ids, values = first_ids(table, scope, newest_first, limit, limit)
    # LIMIT 1 keeps the planner to one probe of the primary key for each row of the page.
    return (
        f"SELECT {select} FROM (SELECT id AS _found FROM ({ids}) AS first_ids) AS page "
        f"CROSS JOIN LATERAL (SELECT * FROM {table} WHERE account_id = %s AND id = _found LIMIT 1) AS entry "
        f"{order}"
    ), [*values, scope.account_id]


def first_ids(table: str, scope: Scope, newest_first: bool, limit: int, of_each: int) -> Query:
    """The first ids in order, at most so many of each branch, with event and user of the branch."""
    order = f"ORDER BY id {'DESC' if newest_first else 'ASC'} LIMIT"
    probes, values = [], []
    for group in groups(scope.branches):
        probe, bound = _probe(table, group, scope, f"{order} {of_each}")
        probes.append(probe)
        values += bound
    return f"SELECT id, event, actor FROM ({' UNION ALL '.join(probes)}) AS probed {order} {limit}", values


def sparse_users(table: str, account_id: str, users: Sequence[str], limit: int) -> Query:
    """User, event and id of at most so many entries of each user, unordered."""
    return (
        "SELECT found.* FROM unnest(CAST(%s AS text[])) AS branch(actor) CROSS JOIN LATERAL "
        f"(SELECT actor_id, event, id FROM {table} WHERE account_id = %s AND actor_id = branch.actor "
        f"AND actor_id BETWEEN branch.actor AND branch.actor LIMIT {limit}) AS found",
        [list(users), account_id],
    )


def recent_first(scope: Scope, newest_first: bool, now: datetime) -> Iterator[Scope]:
    """The scope in two parts of time, in reading order: the recent part, and the rest.

    Frequent events fill a page from few partitions; rare events do not make it probe all the others.
    """
    start = scope.high if newest_first else scope.low
    if start is None and not newest_first:
        yield scope
        return
    at = int.from_bytes((start or id_head(to_microseconds(now)))[:6])
    milliseconds = at + RECENT_DAYS * 86_400_000 * (-1 if newest_first else 1)
    edge = min(max(milliseconds, 0), 2**48 - 1).to_bytes(6) + (bytes(10) if newest_first else b"\xff" * 10)
    if newest_first and (scope.low is None or scope.low < edge):
        yield replace(scope, low=edge)
        yield replace(scope, high=edge)
    elif not newest_first and (scope.high is None or edge < scope.high):
        yield replace(scope, high=edge)
        yield replace(scope, low=edge)
    else:
        yield scope


PARTITION_BOUNDS = """
    SELECT CAST(substring(pg_get_expr(relpartbound, inhrelid) FROM 'TO [(]''([0-9a-f-]{36})') AS uuid)
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = CAST(%s AS oid)"""
"""The upper bounds of a table's partitions; takes its oid."""


def by_partition(scope: Scope, bounds: Iterable[bytes], newest_first: bool) -> list[Scope]:
    """The scope split at partition bounds, in reading order."""
    low, high = scope.low or b"", scope.high
    inside = {bound for bound in bounds if low < bound and (high is None or bound < high)}
    edges = [scope.low, *sorted(inside), scope.high]
    parts = [replace(scope, low=start, high=end) for start, end in pairwise(edges)]
    return parts[::-1] if newest_first else parts


def select_count(table: str, scope: Scope) -> Query:
    """The number of rows of a scope."""
    where, values = _condition(scope)
    return f"SELECT count(*) FROM {table} WHERE {where}", values


def _probe(table: str, group: Group, scope: Scope, order: str) -> Query:
    """The first ids of each branch, with its event and user, from an index that has them in order."""
    conditions, bound = narrowed(scope, group.not_users)
    columns, arrays, where = unnested(group, range(group.size))
    inner = f"SELECT id FROM {table} WHERE account_id = %s{where}{conditions} {order}"
    nothing = "CAST(NULL AS text)"
    if group.events is None:
        return f"(SELECT id, {nothing} AS event, {nothing} AS actor FROM ({inner}) AS probe)", [
            scope.account_id,
            *bound,
        ]
    actor = nothing if group.users is None else "branch.actor"
    return (
        f"(SELECT probe.id, branch.event, {actor} AS actor FROM {unnest(columns)} "
        f"CROSS JOIN LATERAL ({inner}) AS probe)"
    ), [*arrays, scope.account_id, *bound]


def _condition(scope: Scope) -> Query:
    """The condition for the rows of a scope."""
    parts, values = [], []
    for group in groups(scope.branches):
        part, bound = _of_group(group)
        parts.append(part)
        values += bound
    narrow, bound = narrowed(scope, ())
    return f"account_id = %s AND ({' OR '.join(parts)}){narrow}", [scope.account_id, *values, *bound]


def _of_group(group: Group) -> Query:
    if group.users is None:
        return _all_hold([_among("event", group.events), _not_among(group.not_users)])
    events: dict[str, list[str]] = {}
    for event, user in zip(group.events or (), group.users, strict=True):
        events.setdefault(user, []).append(event)
    users: dict[tuple[str, ...], list[str]] = {}
    for user, of_user in events.items():
        users.setdefault(tuple(of_user), []).append(user)
    parts = [_all_hold([_among("actor_id", some), _among("event", same)]) for same, some in users.items()]
    return " OR ".join(text for text, _ in parts), [value for _, bound in parts for value in bound]


def _all_hold(conditions: Iterable[Query]) -> Query:
    given = [each for each in conditions if each[0]]
    text = " AND ".join(text for text, _ in given) or "true"
    return f"({text})", [value for _, bound in given for value in bound]


def _among(column: str, values: Sequence[str] | None) -> Query:
    """Empty for any value."""
    if values is None:
        return "", []
    if len(values) == 1:
        return f"{column} = %s", list(values)
    return f"{column} = ANY(CAST(%s AS text[]))", [list(values)]


def _not_among(users: Sequence[str]) -> Query:
    return (_NOT_USERS, [list(users)]) if users else ("", [])


_NOT_USERS = "(actor_id IS NULL OR actor_id <> ALL(CAST(%s AS text[])))"


def narrowed(scope: Scope, not_users: tuple[str, ...], in_range: bool = True) -> Query:
    """Further conditions of a scope: the range of ids, the search, and the excluded users."""
    conditions: list[tuple[str, Any]] = []
    if not_users:
        conditions.append((_NOT_USERS, list(not_users)))
    if in_range and scope.low is not None:
        conditions.append(("id >= CAST(%s AS uuid)", scope.low.hex()))
    if in_range and scope.high is not None:
        conditions.append(("id < CAST(%s AS uuid)", scope.high.hex()))
    if scope.search is not None:
        fits, pattern = contains(scope.search)
        conditions.append((fits.format("description"), pattern))
    return "".join(f" AND {text}" for text, _ in conditions), [value for _, value in conditions]


def select_ids(table: str, select: str, account_id: str, ids: Sequence[bytes], newest_first: bool) -> Query:
    """The rows of ids; the range that they span limits the partitions."""
    return (
        f"SELECT {select} FROM {table} WHERE account_id = %s AND id = ANY(CAST(%s AS uuid[])) "
        "AND id BETWEEN CAST(%s AS uuid) AND CAST(%s AS uuid) "
        f"ORDER BY id {'DESC' if newest_first else 'ASC'}",
        [account_id, [each.hex() for each in ids], min(ids).hex(), max(ids).hex()],
    )


def count_up_to(table: str, scope: Scope, limit: int) -> Query:
    """Scans at most so many entries of each group of branches: how many match, and how many were scanned."""
    parts, values = [], []
    for group in groups(scope.branches):
        fits, bound = narrowed(scope, group.not_users, in_range=False)
        inside, edges = narrowed(replace(scope, search=None), ())
        columns, arrays, where = unnested(group, range(group.size))
        inner = (
            f"SELECT (true{fits}) AS fits FROM {table} WHERE account_id = %s{where}{inside} "
            f"ORDER BY id DESC LIMIT {limit}"
        )
        if group.events is not None:
            inner = (
                f"SELECT fits FROM {unnest(columns)} CROSS JOIN LATERAL ({inner}) AS scanned LIMIT {limit}"
            )
        parts.append(f"({inner})")
        values += [*arrays, *bound, scope.account_id, *edges]
    scanned = " UNION ALL ".join(parts)
    return (
        "SELECT count(*) FILTER (WHERE fits), count(*) "
        f"FROM (SELECT fits FROM ({scanned}) AS all_scanned LIMIT {limit}) AS scanned"
    ), values


RECORDED_EVENTS = """
    SELECT key FROM unnest(CAST(%s AS text[])) AS known(key) CROSS JOIN LATERAL
        (SELECT 1 FROM {table} WHERE account_id = %s
         AND event = key AND event BETWEEN key AND key LIMIT 1) AS one"""
"""Those of some events that an account has entries of; for BETWEEN see `unnested`."""


LAST_KEY = "\U0010ffff"
"""A text above all keys."""


def events_between(table: str, account_id: str, known: Sequence[str]) -> Query:
    """Events of an account that are not known: at most one of each gap between known keys."""
    keys = sorted(known)
    return (
        "SELECT found.event FROM unnest(CAST(%s AS text[]), CAST(%s AS text[])) AS gap(low, high) "
        f"CROSS JOIN LATERAL (SELECT event FROM {table} "
        "WHERE account_id = %s AND event > gap.low AND event < gap.high LIMIT 1) AS found",
        [["", *keys], [*keys, LAST_KEY], account_id],
    )


def accounts(table: str) -> str:
    """The accounts, by a loose index scan of the primary key; takes `limit`."""
    return f"{loose_index_scan(table, 'account_id', 'true')} LIMIT %(limit)s"


def users(table: str, account_id: str, text: str, limit: int) -> tuple[str, dict[str, Any]]:
    """The users whose id or any name contains the text, by id, each with the name added last.

    `table` is audit_user.
    """
    fits, pattern = contains(text, "%(pattern)s")
    return (
        f"""
        SELECT last.* FROM (
            SELECT actor_id FROM {table} WHERE account_id = %(account)s
            AND ({fits.format("actor_id")} OR {fits.format("actor_name")})
            GROUP BY actor_id ORDER BY actor_id LIMIT %(limit)s) AS found
        CROSS JOIN LATERAL (
            SELECT actor_type, actor_id, nullif(actor_name, '') FROM {table}
            WHERE account_id = %(account)s AND actor_id = found.actor_id
            ORDER BY actor_name = '', first_id DESC LIMIT 1) AS last
        ORDER BY last.actor_id""",
        {"account": account_id, "pattern": pattern, "limit": limit},
    )


def loose_index_scan(table: str, column: str, where: str) -> str:
    """The distinct values of a column, by one index probe for each."""
    return f"""
        WITH RECURSIVE hop(value) AS (
            SELECT min({column}) FROM {table} WHERE {where}
            UNION ALL
            SELECT (SELECT min({column}) FROM {table} WHERE {where} AND {column} > hop.value)
            FROM hop WHERE hop.value IS NOT NULL)
        SELECT value FROM hop WHERE value IS NOT NULL"""
