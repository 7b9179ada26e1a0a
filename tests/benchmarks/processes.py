"""Measures whole processes: CPU time, wall time and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """The cost of one process, including its children."""

    cpu: float
    wall: float
    memory: float
    """The peak of the largest process, in MiB."""


class Overdue(Exception):
    """A process was killed at its time limit."""


def measure(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, limit: float | None = None
) -> Cost:
    """Run a command, which must succeed; raises `Overdue` after `limit` seconds."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    ) as process:
        while True:
            pid, status, used = os.wait4(process.pid, 0 if limit is None else os.WNOHANG)
            if pid:
                break
            if limit is not None and time.perf_counter() - started > limit:
                process.kill()
                raise Overdue
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - started, used.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.memory for cost in costs),
    )
