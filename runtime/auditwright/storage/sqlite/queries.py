"""The SQL that reads from SQLite: each branch of a scope by its index, in id order, combined by UNION ALL.

`engine.py` and `export_sql.py` run it. Nothing is executed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from auditwright.storage.case_folding import same_characters
from auditwright.storage.scan import scan_budget

if TYPE_CHECKING:
    from auditwright.storage.query import Branch, Scope


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
"""The most entries of a sparse user, whose entries are all read at once."""
SPARSE_USERS = (
    "SELECT event, id FROM audit_entry INDEXED BY audit_entry_user "
    "WHERE account_id = ? AND actor_id = ? LIMIT ?"
)
"""Event and id of the entries of a user, unordered, up to a limit."""
ACCOUNTS = """
    WITH RECURSIVE found(account) AS (
        SELECT min(account_id) FROM audit_entry
        UNION ALL
        SELECT (SELECT min(account_id) FROM audit_entry WHERE account_id > found.account)
        FROM found WHERE found.account IS NOT NULL)
    SELECT account FROM found WHERE account IS NOT NULL"""
"""All accounts in order, by a loose index scan of the primary key."""


def statements(scope: Scope, select: str, fits: str = "") -> Iterator[Query]:
    """Statements that select the entries of a scope, as many as its branches need.

    With `fits` they also select entries that do not match; a last column of that name says whether an entry
    matches. The caller may append ORDER BY and LIMIT.
    """
    searched, pattern = contains("description", scope.search) if scope.search else ("", None)
    for start in range(0, len(scope.branches), MAX_BRANCHES):
        parts, values = [], []
        for branch in scope.branches[start : start + MAX_BRANCHES]:
            index, where, bound = _branch(branch)
            bound = [scope.account_id, *bound]
            for bounded, edge in ((" AND id >= ?", scope.low), (" AND id < ?", scope.high)):
                if edge:
                    where += bounded
                    bound.append(edge)
            conditions = ["actor_id IS NOT ?"] * len(branch.not_users) + [searched] * bool(searched)
            compared = [*branch.not_users, *filter(None, [pattern])]
            if fits:
                columns = f"{select}, {' AND '.join(conditions) or '1'} AS {fits}"
                values += [*compared, *bound]
            else:
                columns, where = select, "".join([where, *(f" AND {each}" for each in conditions)])
                values += [*bound, *compared]
            parts.append(f"SELECT {columns} FROM audit_entry INDEXED BY {index} WHERE account_id = ?{where}")
        yield " UNION ALL ".join(parts), values


def by_row_ids(select: str, row_ids: str) -> str:
    """SQL that selects entries by row id, in the given order; `row_ids` is SQL for a JSON list."""
    return (
        f"SELECT {select} FROM (SELECT value AS _row_id FROM json_each({row_ids})) "
        "CROSS JOIN audit_entry ON audit_entry.rowid = _row_id"
    )


def _branch(branch: Branch) -> tuple[str, str, list[Any]]:
    """The index of a branch, the conditions besides the account, and their values."""
    if branch.user is not None:
        return "audit_entry_user", " AND actor_id = ? AND event = ?", [branch.user, branch.event or ""]
    if branch.event is not None:
        return "audit_entry_event", " AND event = ?", [branch.event]
    return "sqlite_autoindex_audit_entry_1", "", []


def scan_budget_of_branch(scope: Scope) -> int:
    """How many entries each statement of a scope may scan for one page."""
    return max(1, scan_budget(scope) // max(1, -(-len(scope.branches) // MAX_BRANCHES)))


def in_order(newest_first: bool, column: int = 1) -> str:
    """The ORDER BY for a column with ids."""
    return f" ORDER BY {column} {'DESC' if newest_first else 'ASC'}"
