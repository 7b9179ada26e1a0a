"""Queries and their results as plain data: index branches, scopes, rows.

Filters produce them, engines turn them into SQL. No SQL is here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from auditwright.entry import Row


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in id order, and the last scanned id if the scan budget ended the page early."""

    rows: list[Row]
    scanned_to: bytes | None = None


By = Literal["user", "on_behalf_of", "failure", "target"]
"""What an index finds besides an event."""
Tested = Literal["user", "on_behalf_of", "outcome", "target"]
"""What an entry can be tested for. An entry has one value of each at most, but any number of targets."""


@dataclass(frozen=True, slots=True)
class Test:
    """Whether an entry has one of some values, or, if not `wanted`, none of them."""

    field: Tested
    wanted: bool
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """Entries that one index returns in id order; only those that pass the tests are in the scope."""

    event: str | None = None
    """Required with `by`: these indexes have the event before the id."""
    by: By | None = None
    value: str | None = None
    """The user, the target, or on whose behalf; a failure has none."""
    tests: tuple[Test, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What to read: the union of disjoint branches of one account, within an id range and a search."""

    account_id: str
    branches: tuple[Branch, ...]
    low: bytes | None = None
    """The lowest id, inclusive."""
    high: bytes | None = None
    """The upper bound of the ids, exclusive."""
    search: str | None = None
    """A text that the description contains, ignoring case; no wildcards."""

    @property
    def needs_scan(self) -> bool:
        """Whether entries must be scanned, because no index returns only those in the scope."""
        return self.search is not None or any(branch.tests for branch in self.branches)

    @property
    def indexed(self) -> Scope:
        """The entries that the indexes return for this scope, including those a scan would reject."""
        return replace(self, search=None, branches=tuple(replace(b, tests=()) for b in self.branches))
