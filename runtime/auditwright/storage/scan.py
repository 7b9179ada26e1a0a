"""The scan budget of a page, and merging the results of several scans; shared by both engines.

A page is scanned where no index returns only matching entries: a search, or a filter that excludes users.
The SQL is in `sqlite/` and `postgresql/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auditwright.storage.query import Branch, Scope, Test

SCAN_BUDGET = 40_000
"""Entries that one page may scan where they are stored in sequence: about 20 ms."""
SCATTERED_SCAN_BUDGET = 10_000
"""The same for the entries of some events or users, which are scattered over the table."""


def scan_budget(scope: Scope) -> int:
    """How many entries of a scope one page may scan."""
    budget = SCAN_BUDGET if all(branch.event is None for branch in scope.branches) else SCATTERED_SCAN_BUDGET
    # Matching letters beyond ASCII is slower: each of their cases is compared separately.
    return budget if scope.search is None or scope.search.isascii() else budget // 2


@dataclass(frozen=True, slots=True)
class Part:
    """The matching ids of one scan, in order, and the last id it scanned."""

    ids: list[bytes]
    scanned_to: bytes | None
    """The last id that was scanned, matching or not; None if the scan is complete."""


def merge_parts(parts: Iterable[Part], newest_first: bool) -> Part:
    """The merged ids up to the position of the slowest part; beyond it a part may have unseen matches."""
    parts = list(parts)
    ends = [part.scanned_to for part in parts if part.scanned_to is not None]
    ids = sorted((each for part in parts for each in part.ids), reverse=newest_first)
    if not ends:
        return Part(ids, None)
    if newest_first:
        end = max(ends)
        return Part([each for each in ids if each >= end], end)
    end = min(ends)
    return Part([each for each in ids if each <= end], end)


def alternatives(branch: Branch) -> tuple[Branch, ...]:
    """Branches of the same entries, each read by another value that they must have.

    A value with few entries is the best one to read by, and spares a scan of many.
    """
    if branch.by is None or branch.by == "failure" or branch.value is None:
        return ()
    own = Test(branch.by, True, (branch.value,))
    return tuple(
        replace(
            branch,
            by=test.field,
            value=test.values[0],
            tests=(own, *(each for each in branch.tests if each is not test)),
        )
        for test in branch.tests
        if test.field != "outcome" and test.wanted and len(test.values) == 1
    )
