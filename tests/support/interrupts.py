"""Exceptions of signal handlers at every moment of a call, one after the other.

Python runs a signal handler when a function is entered, when a function in C has returned, and when a loop
starts again. A profile function is called at the first two, and what it raises is raised there, too.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """Raised as KeyboardInterrupt is by Ctrl-C."""


@contextmanager
def no_collection() -> Iterator[None]:
    """No run of the garbage collector: its callbacks and finalizers raise nothing that reaches a caller.

    Python prints it, and pytest fails the test that runs then. Hypothesis, for one, leaves such a callback.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def is_interrupted(moment: int, work: Callable[[], object]) -> bool:
    """Make a call and interrupt it at a moment, counted from 0; False if it ends before that."""
    left = moment

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        if event in ("call", "c_return", "c_exception"):
            if left == 0:
                left = -1
                raise Interrupted
            left -= 1

    with no_collection():
        try:
            sys.setprofile(count)
            work()
            sys.setprofile(None)
        except Interrupted:
            return True
        finally:
            sys.setprofile(None)
    return left < 0  # swallowed where nothing can be raised
