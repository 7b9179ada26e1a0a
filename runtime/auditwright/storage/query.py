"""Queries and their results as plain data: index branches, scopes, rows.

Filters produce them, engines turn them into SQL. No SQL is here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditwright.entry import Row


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in id order, and the last scanned id if the scan budget ended the page early."""

    rows: list[Row]
    scanned_to: bytes | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Entries that one index returns in id order: of one event or all, of one user or all but some."""

    event: str | None = None
    user: str | None = None
    """Requires `event`: the index on users has the event before the id."""
    not_users: tuple[str, ...] = ()


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
        return self.search is not None or any(branch.not_users for branch in self.branches)

    @property
    def indexed(self) -> Scope:
        """The entries that the indexes return for this scope, including those a scan would reject."""
        return replace(self, search=None, branches=tuple(replace(b, not_users=()) for b in self.branches))
