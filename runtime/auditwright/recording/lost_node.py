"""The rows of a commit that failed because of one node of a cluster: each account is tried by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditwright.entry import ACCOUNT_ID, Row
from auditwright.errors import AuditwrightError
from auditwright.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


Outcome = Row | AuditwrightError


def insert_by_account(
    rows: list[Row],
    error: StorageError,
    insert: Callable[[list[Row]], list[Outcome]],
    copy_of: Callable[[StorageError], AuditwrightError],
) -> list[Outcome]:
    """The outcome of each row after an error of one node: accounts on other nodes are not concerned.

    `insert` returns the outcomes of rows, which are errors like the first one where their node is away, and
    `copy_of` makes the error of one caller.
    """
    by_account: dict[str, list[Row]] = {}
    for row in rows:
        by_account.setdefault(row[ACCOUNT_ID], []).append(row)
    if len(by_account) == 1:
        return [copy_of(error) for _ in rows]
    found: dict[str, Iterator[Outcome]] = {name: iter(insert(each)) for name, each in by_account.items()}
    outcomes = [next(found[row[ACCOUNT_ID]]) for row in rows]
    if not error.outcome_unknown:
        return outcomes
    return [  # the first attempt may have stored it
        copy_of(error) if isinstance(each, StorageError) and not each.outcome_unknown else each
        for each in outcomes
    ]
