"""How many exports and exact counts run at once, for each principal and in all; more are refused.

These are the reads that are not bounded in time. Each one holds a database connection while it runs.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditwright.server.problems import HttpProblem

if TYPE_CHECKING:
    from auditwright.server.access import Principal

MOST = 12
"""The highest bound of a process. A log has 16 reading connections on PostgreSQL: the others serve pages."""
RETRY_SECONDS = 10
"""The Retry-After of a refused request. How long an export still takes is not known."""

Key = tuple[str, str | None, frozenset[str]]


class LongReads:
    """The long reads of one application in this process. Safe to use from many threads.

    Raises `ValueError` for a bound that is not 1 to 12, or a bound of a principal above that of all.
    """

    def __init__(self, of_principal: int, of_all: int) -> None:
        for name, number in (("max_exports_per_principal", of_principal), ("max_exports", of_all)):
            if type(number) is not int or not 1 <= number <= MOST:
                raise ValueError(f"{name}: expected a number from 1 to {MOST}, got {number!r}")
        if of_principal > of_all:
            raise ValueError(
                f"max_exports_per_principal: expected at most max_exports, {of_all}, got {of_principal}"
            )
        self._of_principal = of_principal
        self._of_all = of_all
        self._lock = threading.Lock()
        self._running: Counter[Key] = Counter()

    @contextmanager
    def slot(self, principal: Principal) -> Iterator[None]:
        """Run the block as one of the principal's long reads. Raises a 429 problem if no slot is free."""
        key = _key(principal)
        with self._lock:
            if self._running[key] >= self._of_principal:
                raise _too_many(self._of_principal, "of yours")
            if self._running.total() >= self._of_all:
                raise _too_many(self._of_all, "of all users")
            self._running[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[key] -= 1
                if not self._running[key]:
                    del self._running[key]


def _key(principal: Principal) -> Key:
    """Requests of equal keys are of the same principal. Tenants may have users with the same id."""
    return principal.actor.type, principal.actor.id, frozenset(principal.accounts)


def _too_many(running: int, whose: str) -> HttpProblem:
    exports = "export" if running == 1 else "exports"
    problem = HttpProblem(
        429,
        "too-many-exports",
        f"{running:,} {exports} {whose} {'is' if running == 1 else 'are'} running, and no more at once are "
        "allowed. Try again when one has ended.",
    )
    problem.headers["Retry-After"] = str(RETRY_SECONDS)
    return problem
