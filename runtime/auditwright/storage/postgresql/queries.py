"""The SQL that reads a scope from PostgreSQL: a page probes the index of each branch, a stream is one scan.

Every statement has a condition on the account, whether row-level security binds the role or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from auditwright.ids import id_head, to_microseconds
from auditwright.storage import scan
from auditwright.storage.case_folding import same_characters
from auditwright.storage.postgresql.schema import ACCOUNT

if TYPE_CHECKING:
    from datetime import datetime

    from auditwright.storage.query import Branch, By, Scope, Test


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

LOOKUP_COST = 5
"""What an entry costs that is looked up in another table than the one that is scanned, in scanned entries."""

Query = tuple[str, list[Any]]
"""SQL with its values."""


@dataclass(frozen=True, slots=True)
class Group:
    """Branches that are read in the same way, and have the same tests."""

    by: By | None
    events: tuple[str, ...] | None
    values: tuple[str, ...] | None
    """What the branches are read by, one for each event; None where that has no value."""
    tests: tuple[Test, ...]

    @property
    def size(self) -> int:
        """The number of branches."""
        return 1 if self.events is None else len(self.events)


def groups(branches: Sequence[Branch]) -> Iterator[Group]:
    """The branches in groups."""
    found: dict[tuple[By | None, bool, tuple[Test, ...]], list[Branch]] = {}
    for branch in branches:
        found.setdefault((branch.by, branch.event is None, branch.tests), []).append(branch)
    for (by, all_events, tests), same in found.items():
        events = None if all_events else tuple(each.event or "" for each in same)
        values = None if by not in _COLUMNS else tuple(each.value or "" for each in same)
        yield Group(by, events, values, tests)


_COLUMNS = {"user": "actor_id", "on_behalf_of": "on_behalf_of_id", "outcome": "outcome", "target": "target"}
"""The columns with what branches are read by, and of what entries are tested for."""
_IN_TARGETS = ("user", "target")
"""What audit_target alone can be tested for."""
_OF_EVENT = " AND entry.event = branch.event AND entry.event BETWEEN branch.event AND branch.event"
_FAILURE = " AND entry.outcome = 'failure'"


def scan_budget(scope: Scope) -> int:
    """How many entries of a scope one page may scan: fewer where each is also looked up in another table.

    At least one, so that each page gets further.
    """
    is_looked_up = any(
        scope.search is not None or any(test.field not in _IN_TARGETS for test in group.tests)
        if group.by == "target"
        else any(test.field == "target" for test in group.tests)
        for group in groups(scope.branches)
    )
    return max(1, scan.scan_budget(scope) // (LOOKUP_COST if is_looked_up else 1))


def source(table: str, group: Group) -> str:
    """The table that has the ids of a group's entries, as `entry`."""
    return f"{_targets(table) if group.by == 'target' else table} AS entry"


def _targets(table: str) -> str:
    return table.removesuffix("audit_entry") + "audit_target"


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
    if group.values is None:
        return {"event": array}, [events], _OF_EVENT + _FAILURE * (group.by == "failure")
    values = [group.values[number] for number in numbers]
    return {"event": array, "value": array}, [events, values], f"{_of_value(group)}{_OF_EVENT}"


def _of_value(group: Group) -> str:
    column = f"entry.{_COLUMNS[group.by or 'user']}"
    return f" AND {column} = branch.value AND {column} BETWEEN branch.value AND branch.value"


def unnest(columns: Mapping[str, str]) -> str:
    """SQL that makes rows of arrays: `branch`, with these columns."""
    return f"unnest({', '.join(columns.values())}) AS branch({', '.join(columns)})"


def select_rows(table: str, select: str, scope: Scope, newest_first: bool, limit: int | None) -> Query:
    """The rows of a scope in the order of their ids."""
    order = f"ORDER BY id {'DESC' if newest_first else 'ASC'}"
    if limit is None or limit > MAX_PROBED:
        rows, values = _every_row(table, "entry.*", scope)
        end = "" if limit is None else f" LIMIT {limit}"
        return f"SELECT {select} FROM ({rows}) AS entry {order}{end}", values
    ids, values = first_ids(table, scope, newest_first, limit, limit)
    # LIMIT 1 keeps the planner to one probe of the primary key for each row of the page.
    return (
        f"SELECT {select} FROM (SELECT id AS _found FROM ({ids}) AS first_ids) AS page "
        f"CROSS JOIN LATERAL (SELECT * FROM {table} WHERE account_id = %s AND id = _found LIMIT 1) AS entry "
        f"{order}"
    ), [*values, scope.account_id]


def first_ids(table: str, scope: Scope, newest_first: bool, limit: int, of_each: int) -> Query:
    """The first ids in order, at most so many of each branch, with its group's number, event and value."""
    order = f"ORDER BY id {'DESC' if newest_first else 'ASC'} LIMIT"
    probes, values = [], []
    for number, group in enumerate(groups(scope.branches)):
        probe, bound = _probe(table, number, group, scope, f"{order} {of_each}")
        probes.append(probe)
        values += bound
    union = " UNION ALL ".join(probes)
    return f"SELECT id, number, event, value FROM ({union}) AS probed {order} {limit}", values


def sparse(table: str, scope: Scope, group: Group, values: Sequence[str], limit: int) -> Query:
    """Value, event and id of at most so many entries of each value, unordered, and whether each fits."""
    fits, bound = narrowed(table, replace(scope, low=None, high=None), group)
    return (
        "SELECT branch.value, found.* FROM unnest(CAST(%s AS text[])) AS branch(value) CROSS JOIN LATERAL "
        f"(SELECT entry.event, entry.id, (true{fits}) AS fits FROM {source(table, group)} "
        f"WHERE entry.account_id = %s{_of_value(group)} LIMIT {limit}) AS found",
        [list(values), *bound, scope.account_id],
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
    rows, values = _every_row(table, "1", scope)
    return f"SELECT count(*) FROM ({rows}) AS entry", values


def _probe(table: str, number: int, group: Group, scope: Scope, order: str) -> Query:
    """The first ids of each branch, with its event and value, from an index that has them in order."""
    conditions, bound = narrowed(table, scope, group)
    columns, arrays, where = unnested(group, range(group.size))
    inner = f"SELECT id FROM {source(table, group)} WHERE entry.account_id = %s{where}{conditions} {order}"
    found = {"event": "branch.event", "value": "branch.value"}
    selected = ", ".join(
        f"{sql if name in columns else 'CAST(NULL AS text)'} AS {name}" for name, sql in found.items()
    )
    branch = f"{unnest(columns)} CROSS JOIN LATERAL " if columns else ""
    return (
        f"(SELECT probe.id, {number} AS number, {selected} FROM {branch}({inner}) AS probe)",
        [*arrays, scope.account_id, *bound],
    )


def _every_row(table: str, select: str, scope: Scope) -> Query:
    """All rows of a scope, unordered: those that audit_target leads to, and all others in one scan."""
    parts, values = [], []
    every = list(groups(scope.branches))
    others = [group for group in every if group.by != "target"]
    if others:
        conditions = [_of_group(table, scope.account_id, group) for group in others]
        narrow, bound = narrowed(table, scope, None)
        any_of = " OR ".join(text for text, _ in conditions)
        parts.append(
            f"SELECT {select} FROM {table} AS entry WHERE entry.account_id = %s AND ({any_of}){narrow}"
        )
        values += [scope.account_id, *(value for _, of_group in conditions for value in of_group), *bound]
    for group in every:
        if group.by == "target":
            condition, of_group = _of_group(table, scope.account_id, group)
            narrow, bound = narrowed(table, scope, group)
            ids = (
                f"SELECT entry.id AS _found FROM {source(table, group)} "
                f"WHERE entry.account_id = %s AND {condition}{narrow}"
            )
            parts.append(
                f"SELECT {select} FROM ({ids}) AS found CROSS JOIN LATERAL "
                f"(SELECT * FROM {table} WHERE account_id = %s AND id = _found LIMIT 1) AS entry"
            )
            values += [scope.account_id, *of_group, *bound, scope.account_id]
    return " UNION ALL ".join(parts), values


def _of_group(table: str, account_id: str, group: Group) -> Query:
    """The condition for the rows of a group; of one that audit_target leads to, without its tests."""
    tests = () if group.by == "target" else group.tests
    tested = [_test(table, account_id, test) for test in tests]
    if group.values is None:
        failed: list[Query] = [("entry.outcome = 'failure'", [])] if group.by == "failure" else []
        return _all_hold([_among("event", group.events), *failed, *tested])
    events: dict[str, list[str]] = {}
    for event, value in zip(group.events or (), group.values, strict=True):
        events.setdefault(value, []).append(event)
    values: dict[tuple[str, ...], list[str]] = {}
    for value, of_value in events.items():
        values.setdefault(tuple(of_value), []).append(value)
    column = _COLUMNS[group.by or "user"]
    parts = [_all_hold([_among(column, some), _among("event", same)]) for same, some in values.items()]
    any_of = " OR ".join(text for text, _ in parts), [value for _, bound in parts for value in bound]
    return _all_hold([(f"({any_of[0]})", any_of[1]), *tested])


def _all_hold(conditions: Iterable[Query]) -> Query:
    given = [each for each in conditions if each[0]]
    text = " AND ".join(text for text, _ in given) or "true"
    return f"({text})", [value for _, bound in given for value in bound]


def _among(column: str, values: Sequence[str] | None) -> Query:
    """Empty for any value."""
    if values is None:
        return "", []
    if len(values) == 1:
        return f"entry.{column} = %s", list(values)
    return f"entry.{column} = ANY(CAST(%s AS text[]))", [list(values)]


def _test(table: str, account_id: str, test: Test, alias: str = "entry") -> Query:
    """The condition that an entry passes a test.

    A lookup in another table has the account as a value, too: a Citus cluster finds the node by it.
    """
    values, column = [list(test.values)], f"{alias}.{_COLUMNS[test.field]}"
    if test.field == "target":
        # LIMIT 1 keeps the planner to one probe for each entry.
        found = (
            f"(SELECT true FROM {_targets(table)} AS other WHERE other.account_id = %s AND "
            "other.target = ANY(CAST(%s AS text[])) AND other.event = entry.event AND other.id = entry.id "
            "LIMIT 1)"
        )
        return f"{found} IS {'NOT ' * test.wanted}NULL", [account_id, *values]
    if test.wanted:
        return f"{column} = ANY(CAST(%s AS text[]))", values
    return f"({column} IS NULL OR {column} <> ALL(CAST(%s AS text[])))", values


def narrowed(table: str, scope: Scope, group: Group | None, in_range: bool = True) -> Query:
    """Further conditions of a scope for the entries of a group: the range of ids, the search, and the tests.

    Without a group there are no tests. What audit_target does not have is looked up in the entry.
    """
    conditions: list[Query] = []
    if in_range and scope.low is not None:
        conditions.append(("entry.id >= CAST(%s AS uuid)", [scope.low.hex()]))
    if in_range and scope.high is not None:
        conditions.append(("entry.id < CAST(%s AS uuid)", [scope.high.hex()]))
    tests = () if group is None else group.tests
    is_apart = group is not None and group.by == "target"
    alias = "tested" if is_apart else "entry"
    account_id = scope.account_id
    of_entry = [_test(table, account_id, test, alias) for test in tests if test.field not in _IN_TARGETS]
    if scope.search is not None:
        fits, pattern = contains(scope.search)
        of_entry.append((fits.format(f"{alias}.description"), [pattern]))
    if is_apart and of_entry:
        passed, values = _all_hold(of_entry)
        of_entry = [
            (
                f"(SELECT true FROM {table} AS tested WHERE tested.account_id = %s "
                f"AND tested.id = entry.id AND {passed} LIMIT 1) IS NOT NULL",
                [account_id, *values],
            )
        ]
    conditions += [_test(table, account_id, test) for test in tests if test.field in _IN_TARGETS]
    conditions += of_entry
    return "".join(f" AND {text}" for text, _ in conditions), [
        value for _, values in conditions for value in values
    ]


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
        fits, bound = narrowed(table, scope, group, in_range=False)
        inside, edges = narrowed(table, replace(scope, search=None), None)
        columns, arrays, where = unnested(group, range(group.size))
        inner = (
            f"SELECT (true{fits}) AS fits FROM {source(table, group)} "
            f"WHERE entry.account_id = %s{where}{inside} ORDER BY id DESC LIMIT {limit}"
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


EXISTING_TARGETS = """
    SELECT wanted.target FROM unnest(CAST(%s AS text[])) AS wanted(target) CROSS JOIN LATERAL
        (SELECT 1 FROM {table} AS entry WHERE entry.account_id = %s AND entry.target = wanted.target
         AND entry.target BETWEEN wanted.target AND wanted.target LIMIT 1) AS one"""
"""Those of some targets that an account has entries of; for BETWEEN see `unnested`."""


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


def accounts_of_nodes(table: str) -> str:
    """The same on a Citus cluster, which asks each node for its accounts; takes `limit`."""
    return f"SELECT DISTINCT account_id FROM {table} ORDER BY account_id LIMIT %(limit)s"


def account_seen(table: str) -> str:
    """The account of the transaction as the node of an account sees it; takes that account."""
    return (
        f"SELECT coalesce(max(CAST(id AS text)), current_setting('{ACCOUNT}', true)) FROM {table} "
        "WHERE account_id = %s AND id = '00000000-0000-0000-0000-000000000000'"
    )


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
