"""The line on stderr that says how far a long piece of work is, where stderr is a terminal."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from auditwright.errors import AuditwrightError

TOTAL = "total"
"""The name of the thread that finds it."""
SECONDS = 0.2
"""How long a line stands at least."""

Total = Callable[[Callable[..., None]], int]
"""Finds how many entries there will be. It calls what it is given now and then, which ends it by an error."""


class Progress:
    """Counts entries on one line, with their rate and, once the total is known, the time that is left.

    The total is found beside the work, which does not wait for it.
    """

    def __init__(self, verb: str, total: Total | None = None) -> None:
        self._verb = verb
        self._on = sys.stderr.isatty()
        self._began = self._shown = time.monotonic()
        self._total: int | None = None
        self._over = False
        if self._on and total is not None:
            threading.Thread(target=self._find, args=(total,), name=TOTAL, daemon=True).start()

    def _find(self, total: Total) -> None:
        with suppress(AuditwrightError):  # the work itself says what is wrong
            self._total = total(self._go_on)

    def _go_on(self, *_: object) -> None:
        if self._over:
            raise AuditwrightError("the total is no longer wanted")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self.clear()

    def __call__(self, count: int) -> None:
        """Show the count, a few times a second at most."""
        now = time.monotonic()
        if self._on and now - self._shown > SECONDS:
            self._shown = now
            line = describe(self._verb, count, now - self._began, self._total)
            line = line[: shutil.get_terminal_size().columns - 1]
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def counting(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines, each counted as it passes."""
        for count, line in enumerate(lines, 1):
            self(count)
            yield line

    def clear(self) -> None:
        """Take the line away, before something else is printed."""
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def describe(verb: str, count: int, seconds: float, total: int | None) -> str:
    """`exported 1,234,000 entries (12 %), 512,000 a second, about 17 s left`."""
    rate = count / seconds
    parts = [f"{verb} {count:,} entries"]
    if total:
        parts[0] += f" ({min(100 * count // total, 100)} %)"
    if rate >= 1:
        parts.append(f"{float(f'{rate:.3g}'):,.0f} a second")
    if total:
        parts.append(f"about {_duration(max(total - count, 0) / rate)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
