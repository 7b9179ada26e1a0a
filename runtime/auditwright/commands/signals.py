"""Signals that end a command: it still removes its partial file, or records what it has done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that what a command does at its end is done.

    A signal that is ignored, as under nohup, stays ignored.
    """

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    handled = []
    if threading.current_thread() is threading.main_thread():
        handled = [
            each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL
        ]
    for each in handled:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)
