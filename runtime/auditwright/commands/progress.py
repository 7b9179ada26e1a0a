"""The progress line of long commands, on stderr where that is a terminal."""

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
"""The name of the thread that counts the total."""
SECONDS = 0.2
"""The least time between two updates."""

CountTotal = Callable[[Callable[..., None]], int]
"""Counts the total. It calls its argument now and then; an error from there ends the count."""


class ProgressLine:
    """Shows the number of entries processed, the rate and, once the total is known, the time left.

    The total is counted in a thread of its own; the work does not wait for it.
    """

    def __init__(self, verb: str, count_total: CountTotal | None = None) -> None:
        self._verb = verb
        self._on = sys.stderr.isatty()
        self._began = self._shown = time.monotonic()
        self._total: int | None = None
        self._over = False
        if self._on and count_total is not None:
            threading.Thread(target=self._find_total, args=(count_total,), name=TOTAL, daemon=True).start()

    def _find_total(self, count_total: CountTotal) -> None:
        with suppress(AuditwrightError):  # the work itself reports the same error
            self._total = count_total(self._stop_if_over)

    def _stop_if_over(self, *_: object) -> None:
        if self._over:
            raise AuditwrightError("the total is no longer needed")

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
        """Yield the lines, counting each."""
        for count, line in enumerate(lines, 1):
            self(count)
            yield line

    def clear(self) -> None:
        """Clear the line before other output."""
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
