"""The interrupts of tests come where a caller sees them."""

import gc
import sys
from collections.abc import Iterator

import pytest
from tests.support.interrupts import is_interrupted


@pytest.fixture
def profiled() -> Iterator[list[bool]]:
    """For each call of a callback of the garbage collector, whether it could be interrupted."""
    calls: list[bool] = []

    def callback(phase: str, info: dict[str, int]) -> None:
        calls.append(sys.getprofile() is not None)

    gc.callbacks.append(callback)
    yield calls
    gc.callbacks.remove(callback)


def make_garbage() -> None:
    for _ in range(100_000):
        garbage: list[object] = []
        garbage.append(garbage)


def test_no_interrupt_comes_in_a_run_of_the_collector(profiled: list[bool]) -> None:
    assert is_interrupted(90_000, make_garbage)
    assert gc.isenabled()
    make_garbage()
    assert profiled
    assert not any(profiled)
