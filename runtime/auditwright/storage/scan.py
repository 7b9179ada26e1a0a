"""Reading where no index gives just what fits: users left out, and texts in descriptions.

Entries are then looked at one by one, so many at a time. Parts of the log that are looked through apart from
each other reach differently far; what all of them have reached is what is known for certain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.storage.query import Scope

SCAN_BUDGET = 40_000
"""Entries that may be looked at for a page where they lie one after the other: about 20 ms."""
SCATTERED_SCAN_BUDGET = 10_000
"""And where they are those of some events or users, which lie apart."""


def scan_budget(scope: Scope) -> int:
    """How many entries of a scope may be looked at for one page."""
    most = SCAN_BUDGET if all(branch.event is None for branch in scope.branches) else SCATTERED_SCAN_BUDGET
    # Letters beyond ASCII are compared in all their cases one by one.
    return most if scope.search is None or scope.search.isascii() else most // 2


@dataclass(frozen=True, slots=True)
class Part:
    """The ids that were found to fit, in their order, and the last one that was looked at, fitting or not."""

    ids: list[bytes]
    reached: bytes | None
    """None where everything was looked at."""


def joined(parts: Iterable[Part], newest_first: bool) -> Part:
    """What parts have found together: as far as the one has come that has come least far."""
    parts = list(parts)
    ends = [part.reached for part in parts if part.reached is not None]
    ids = sorted((each for part in parts for each in part.ids), reverse=newest_first)
    if not ends:
        return Part(ids, None)
    reached = max(ends) if newest_first else min(ends)
    return Part([each for each in ids if (each >= reached if newest_first else each <= reached)], reached)
