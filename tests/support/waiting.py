"""Waiting for what another thread or process does, with a deadline. No test sleeps to synchronise."""

import time
from collections.abc import Callable


def wait_until(is_done: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as a condition holds; fails when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{is_done} did not hold within {seconds} seconds")
        time.sleep(0.005)
