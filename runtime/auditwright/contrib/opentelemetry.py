"""The health of a log as metrics of OpenTelemetry: `observe_health`. It needs opentelemetry-api."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from auditwright.errors import AuditwrightError

if TYPE_CHECKING:
    from auditwright.health import Health
    from auditwright.log import AuditLog

    Value = Callable[[Health], float | None]

REUSED_SECONDS = 1.0
"""For how long one look at the log serves all gauges of a collection."""


def observe_health(log: AuditLog, meter_provider: MeterProvider | None = None) -> None:
    """Make gauges of `log.health()`, which are read when metrics are collected. Call it once in a process.

    `meter_provider` is by default the global one. A collection takes 2 seconds at most. A gauge has no value
    where there is none, such as the age of the oldest entry where nothing waits; none of them has one while
    the spool cannot be read.
    """
    meter, latest = get_meter("auditwright", meter_provider=meter_provider), _Latest(log)
    for name, (unit, description, value_of) in GAUGES.items():
        meter.create_observable_gauge(name, [partial(latest.observe, value_of)], unit, description)


class _Latest:
    """The latest look at the health of a log."""

    def __init__(self, log: AuditLog) -> None:
        self._log, self._lock, self._until = log, threading.Lock(), 0.0
        self._health: Health | None = None

    def observe(self, value_of: Value, _: CallbackOptions) -> Iterator[Observation]:
        """The value of a gauge, if there is one."""
        with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._health = self._log.health()
                except AuditwrightError:
                    self._health = None
                self._until = time.monotonic() + REUSED_SECONDS
            value = None if self._health is None else value_of(self._health)
        if value is not None:
            yield Observation(value)


def _age(moment: datetime | None) -> float | None:
    return None if moment is None else max(0.0, (datetime.now(UTC) - moment).total_seconds())


GAUGES: dict[str, tuple[str, str, Value]] = {
    "auditwright.database.reachable": ("1", "1 if the database is reachable, else 0", lambda h: +h.reachable),
    "auditwright.commit.age": ("s", "Time since the last commit", lambda h: _age(h.last_commit)),
    "auditwright.queue.entry.count": ("{entry}", "Entries that wait for a commit", lambda h: h.queued),
    "auditwright.spool.entry.count": ("{entry}", "Entries that wait in the spool", lambda h: h.spooled),
    "auditwright.spool.entry.age": ("s", "Age of the oldest of them", lambda h: _age(h.oldest_spooled)),
    "auditwright.spool.refused_entry.count": ("{entry}", "Entries that are refused", lambda h: h.refused),
    "auditwright.spool.size": ("By", "Bytes of the spool that are in use", lambda h: h.spool_bytes),
}
"""Unit, description and value of each gauge by its name."""
