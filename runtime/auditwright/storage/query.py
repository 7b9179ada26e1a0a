"""What to read, as data: branches of indexes, a scope, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditwright.entry import Row


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in the order of their ids, and the last id that was looked at where work had to end before."""

    rows: list[Row]
    reached: bytes | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Entries that one index gives in the order of their ids: of one event or all, of one user or not of
    some.
    """

    event: str | None = None
    user: str | None = None
    """Needs an event: the index over users holds the event before the id."""
    not_users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What to read: the union of disjoint branches of one account, within a range of ids and a search."""

    account_id: str
    branches: tuple[Branch, ...]
    low: bytes | None = None
    """The least id that belongs."""
    high: bytes | None = None
    """The least id above that does not."""
    search: str | None = None
    """What the description contains: each character as it is, a letter in any case."""

    @property
    def needs_scan(self) -> bool:
        """Whether entries have to be looked at one by one, for no index gives just those that belong."""
        return self.search is not None or any(branch.not_users for branch in self.branches)

    @property
    def indexed(self) -> Scope:
        """What is looked at for it: all that indexes give, whether it belongs or not."""
        return replace(self, search=None, branches=tuple(replace(b, not_users=()) for b in self.branches))
