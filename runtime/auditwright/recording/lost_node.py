"""The rows of a commit that failed because of one node of a cluster: each account is tried by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditwright.entry import ACCOUNT_ID, Row
from auditwright.recording.group_commit import Outcome, error_of
from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def insert_by_account(
    rows: list[Row], error: StorageError, insert: Callable[[list[Row]], list[Outcome]]
) -> list[Outcome]:
    """The outcome of each row after an error of one node: accounts on other nodes are not concerned.

    `insert` returns the outcomes of rows, which are errors like the first one where their node is away.
    """
    by_account: dict[str, list[Row]] = {}
    for row in rows:
        by_account.setdefault(row[ACCOUNT_ID], []).append(row)
    if len(by_account) == 1:
        return [error_of(error) for _ in rows]
    found: dict[str, Iterator[Outcome]] = {name: iter(insert(each)) for name, each in by_account.items()}
    outcomes = [next(found[row[ACCOUNT_ID]]) for row in rows]
    if not error.outcome_unknown:
        return outcomes
    return [  # the first attempt may have stored it
        error_of(error) if isinstance(each, StorageError) and not each.outcome_unknown else each
        for each in outcomes
    ]
