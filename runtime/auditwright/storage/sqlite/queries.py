"""The SQL that reads a scope from SQLite: each branch by its index, in the order of ids, merged lazily."""

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
    """SQL that holds where the column contains the text, a letter in any case, and its parameter."""
    if text.isascii():
        literal = re.sub(r"([%_\\])", r"\\\1", text)
        return f"{column} LIKE ? ESCAPE '\\'", f"%{literal}%"
    classes = _classes()
    return f"{column} GLOB ?", f"*{''.join(classes.get(each, each) for each in text)}*"


@cache
def _classes() -> dict[str, str]:
    """What stands in a pattern for characters that do not stand for themselves: `[Éé]` for `é`."""
    classes = {each: f"[{same}]" for each, same in same_characters().items()}
    return classes | {each: f"[{each}]" for each in "*?["}


MAX_BRANCHES = 400
"""Branches in one statement; SQLite's limit is 500 (SQLITE_MAX_COMPOUND_SELECT)."""
Query = tuple[str, list[Any]]
"""SQL with its values."""


FEW_ENTRIES = 300
"""Entries up to which all of a user's are read at once."""
SPARSE_USERS = (
    "SELECT event, id FROM audit_entry INDEXED BY audit_entry_user "
    "WHERE account_id = ? AND actor_id = ? LIMIT ?"
)
"""Event and id of so many of a user's entries, in no order."""


def statements(scope: Scope, select: str, fits: str = "") -> Iterator[Query]:
    """What selects all that belongs to the scope, in as many statements as its branches need.

    With `fits` nothing is left out that an index gives: a last column of that name says whether it belongs.
    An ORDER BY the id may follow, and a LIMIT.
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
            tried = [*branch.not_users, *filter(None, [pattern])]
            if fits:
                columns = f"{select}, {' AND '.join(conditions) or '1'} AS {fits}"
                values += [*tried, *bound]
            else:
                columns, where = select, "".join([where, *(f" AND {each}" for each in conditions)])
                values += [*bound, *tried]
            parts.append(f"SELECT {columns} FROM audit_entry INDEXED BY {index} WHERE account_id = ?{where}")
        yield " UNION ALL ".join(parts), values


def by_row_ids(select: str, row_ids: str) -> str:
    """What selects the entries of row ids in their order; `row_ids` is SQL for a list of them in JSON."""
    return (
        f"SELECT {select} FROM (SELECT value AS row_id FROM json_each({row_ids})) "
        "CROSS JOIN audit_entry ON audit_entry.rowid = row_id"
    )


def _branch(branch: Branch) -> tuple[str, str, list[Any]]:
    """The index, the conditions after the account's, and their values."""
    if branch.user is not None:
        return "audit_entry_user", " AND actor_id = ? AND event = ?", [branch.user, branch.event or ""]
    if branch.event is not None:
        return "audit_entry_event", " AND event = ?", [branch.event]
    return "sqlite_autoindex_audit_entry_1", "", []


def scan_budget_of_branch(scope: Scope) -> int:
    """How many entries each statement of a scope may look at for one page."""
    return max(1, scan_budget(scope) // max(1, -(-len(scope.branches) // MAX_BRANCHES)))


def in_order(newest_first: bool, column: int = 1) -> str:
    """The ORDER BY of a column with ids."""
    return f" ORDER BY {column} {'DESC' if newest_first else 'ASC'}"
