"""The SQL that reads from SQLite: each branch of a scope by its index, in id order, combined by UNION ALL.

`engine.py` and `export_sql.py` run it. Nothing is executed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from auditwright.storage.case_folding import same_characters
from auditwright.storage.scan import scan_budget

if TYPE_CHECKING:
    from auditwright.storage.query import Branch, By, Scope, Test, Tested


def contains(column: str, text: str) -> tuple[str, str]:
    """SQL that is true if the column contains the text, ignoring case, and its parameter."""
    if text.isascii():
        literal = re.sub(r"([%_\\])", r"\\\1", text)
        return f"{column} LIKE ? ESCAPE '\\'", f"%{literal}%"
    classes = _classes()
    return f"{column} GLOB ?", f"*{''.join(classes.get(each, each) for each in text)}*"


@cache
def _classes() -> dict[str, str]:
    """The GLOB pattern of each special character, and of each with case variants: `[Éé]` for `é`."""
    classes = {each: f"[{same}]" for each, same in same_characters().items()}
    return classes | {each: f"[{each}]" for each in "*?["}


MAX_BRANCHES = 400
"""The most branches in one statement; SQLite's limit is 500 (SQLITE_MAX_COMPOUND_SELECT)."""
Query = tuple[str, list[Any]]
"""SQL with its values."""


FEW_ENTRIES = 300
"""The most entries of a sparse value, such as a user, whose entries are all read at once."""
ACCOUNTS = """
    WITH RECURSIVE found(account) AS (
        SELECT min(account_id) FROM audit_entry
        UNION ALL
        SELECT (SELECT min(account_id) FROM audit_entry WHERE account_id > found.account)
        FROM found WHERE found.account IS NOT NULL)
    SELECT account FROM found WHERE account IS NOT NULL"""
"""All accounts in order, by a loose index scan of the primary key."""


_READ_BY: dict[By | None, tuple[str, str]] = {
    None: ("audit_entry_event", ""),
    "user": ("audit_entry_user", " AND actor_id = ?"),
    "on_behalf_of": ("audit_entry_on_behalf_of", " AND on_behalf_of_id = ?"),
    "failure": ("audit_entry_failure", " AND outcome = 'failure'"),
    "target": ("audit_target", " AND target = ?"),
}
"""For what a branch is read by: the index, and the condition besides the account and the event."""
_COLUMNS: dict[Tested, str] = {"user": "actor_id", "on_behalf_of": "on_behalf_of_id", "outcome": "outcome"}
"""The columns that are tested."""
_IN_INDEX = ("user", "target")
"""What audit_target alone can be tested for."""


def statements(scope: Scope, select: str, fits: str = "") -> Iterator[Query]:
    """Statements that select the entries of a scope, as many as its branches need.

    With `fits` they also select entries that do not match; a last column of that name says whether an entry
    matches. The caller may append ORDER BY and LIMIT.
    """
    for start in range(0, len(scope.branches), MAX_BRANCHES):
        parts, values = [], []
        for branch in scope.branches[start : start + MAX_BRANCHES]:
            statement, bound = _selected(scope, branch, select, fits)
            parts.append(statement)
            values += bound
        yield " UNION ALL ".join(parts), values


def sparse(scope: Scope, branch: Branch) -> Query:
    """Event, id and whether it matches, of the entries with the branch's value, unordered, up to a limit."""
    statement, values = _selected(replace(scope, low=None, high=None), branch, "event, id", "fits")
    return f"{statement} LIMIT {FEW_ENTRIES + 1}", values


def _selected(scope: Scope, branch: Branch, select: str, fits: str) -> Query:
    """The SELECT of a branch; of all events with its value, if it has none."""
    index, where = _READ_BY[branch.by]
    if branch.by is None and branch.event is None:
        index = "sqlite_autoindex_audit_entry_1"
    bound: list[Any] = [scope.account_id, *([] if branch.value is None else [branch.value])]
    for text, value in (("event =", branch.event), ("id >=", scope.low), ("id <", scope.high)):
        if value is not None:
            where += f" AND {text} ?"
            bound.append(value)
    table = source = "audit_entry"
    if branch.by != "target":
        source = f"audit_entry INDEXED BY {index} WHERE account_id = ?{where}"
    elif select in _OF_INDEX and not scope.search and all(each.field in _IN_INDEX for each in branch.tests):
        table = "audit_target"
        source = f"audit_target WHERE account_id = ?{where}"
    else:
        source = (
            f"(SELECT account_id, id FROM audit_target WHERE account_id = ?{where}) "
            "CROSS JOIN audit_entry USING (account_id, id) WHERE true"
        )
    tests = [_test(each, table) for each in branch.tests]
    if scope.search:
        fitting, pattern = contains("description", scope.search)
        tests.append((fitting, [pattern]))
    compared = [value for _, values in tests for value in values]
    if fits:
        passed = " AND ".join(test for test, _ in tests) or "1"
        return f"SELECT {select}, {passed} AS {fits} FROM {source}", [*compared, *bound]
    return f"SELECT {select} FROM {source}{''.join(f' AND {test}' for test, _ in tests)}", [*bound, *compared]


_OF_INDEX = ("1", "id", "event, id")
"""What audit_target alone has."""


def _test(test: Test, table: str) -> Query:
    """SQL for whether an entry passes a test, with its values; NULL is no."""
    marks = ", ".join("?" * len(test.values))
    if test.field == "target":
        has = (
            f"EXISTS (SELECT 1 FROM audit_target AS other WHERE other.account_id = {table}.account_id "
            f"AND other.target IN ({marks}) AND other.event = {table}.event AND other.id = {table}.id)"
        )
        return has if test.wanted else f"NOT {has}", list(test.values)
    column = _COLUMNS[test.field]
    if test.wanted:
        return f"{column} IN ({marks})", list(test.values)
    return " AND ".join([f"{column} IS NOT ?"] * len(test.values)), list(test.values)


def by_row_ids(select: str, row_ids: str) -> str:
    """SQL that selects entries by row id, in the given order; `row_ids` is SQL for a JSON list."""
    return (
        f"SELECT {select} FROM (SELECT value AS _row_id FROM json_each({row_ids})) "
        "CROSS JOIN audit_entry ON audit_entry.rowid = _row_id"
    )


def scan_budget_of_branch(scope: Scope) -> int:
    """How many entries each statement of a scope may scan for one page."""
    return max(1, scan_budget(scope) // max(1, -(-len(scope.branches) // MAX_BRANCHES)))


def in_order(newest_first: bool, column: int = 1) -> str:
    """The ORDER BY for a column with ids."""
    return f" ORDER BY {column} {'DESC' if newest_first else 'ASC'}"
