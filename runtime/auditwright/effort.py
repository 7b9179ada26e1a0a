"""The work that a call spends on explaining bad input: a few suggestions, a few values, a few problems.

Whoever sends bad input chooses how much there is to explain. So suggestions compare a name with few known
ones, and `bounded_effort` limits what one call explains in all. It decides nothing about what is valid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MAX_SUGGESTIONS = 3
"""The most suggestions of one call."""
MAX_DETAILED = 200
"""The problems of one call after which only the first problem of each further entry is described."""
MAX_COMPARED = 100
"""The characters of an unknown name that are compared with known ones: comparing takes the square of them."""
MAX_CANDIDATES = 20
"""The known names that are compared character by character."""
MAX_LISTED = 20
"""The most values that an error lists whole; of more, it lists half as many."""
_CUTOFF = 0.6


@dataclass(slots=True)
class _Left:
    """What the current call may still explain."""

    suggestions: int = MAX_SUGGESTIONS
    problems: int = MAX_DETAILED


_left: ContextVar[_Left | None] = ContextVar("auditwright_effort", default=None)


@contextmanager
def bounded_effort() -> Iterator[None]:
    """Bound what one call explains. Nested blocks are the same call."""
    if _left.get() is not None:
        yield
        return
    token = _left.set(_Left())
    try:
        yield
    finally:
        _left.reset(token)


def problems_to_describe(most: int) -> int:
    """How many problems of the next entry this call describes: `most`, or 1 once it has described many."""
    left = _left.get()
    return most if left is None or left.problems > 0 else 1


def note_described(problems: int) -> None:
    """Count the problems that were described of an entry."""
    left = _left.get()
    if left is not None:
        left.problems -= problems


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "model_name"?` for the nearest known name.

    It is empty if none is near, and if this call has made its suggestions.
    """
    left = _left.get()
    if left is not None:
        if left.suggestions <= 0:
            return ""
        left.suggestions -= 1
    near = nearest(str(name), known)
    return "" if near is None else f'; did you mean "{near}"?'


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most similar; None if none is near.

    Of many known names only those that share most pairs of characters are compared in full.
    """
    from difflib import get_close_matches  # for errors only

    word = name[:MAX_COMPARED]
    # The ratio of two texts is at most what their lengths allow.
    low, high = len(word) * _CUTOFF / (2 - _CUTOFF), len(word) * (2 - _CUTOFF) / _CUTOFF
    possible = [each for each in known if low <= len(each) <= high]
    if len(possible) > MAX_CANDIDATES:
        from heapq import nlargest

        pairs = {word[at : at + 2] for at in range(len(word) - 1)}
        possible = nlargest(
            MAX_CANDIDATES,
            possible,
            key=lambda each: sum(map(each.__contains__, pairs)) / (len(pairs) + len(each)),
        )
    near = get_close_matches(word, possible, n=1, cutoff=_CUTOFF)
    return near[0] if near else None


def listed(values: Collection[object]) -> str:
    """The values as a list in an error, `a, b, c`; of many only the first and their number."""
    if len(values) <= MAX_LISTED:
        return ", ".join(map(str, values))
    first = [str(value) for value, _ in zip(values, range(MAX_LISTED // 2), strict=False)]
    return f"{', '.join(first)}, ... ({len(values):,})"


def alternatives(values: Collection[str]) -> str:
    """The values of which one is meant, `a or b`; of many only the first and their number."""
    return " or ".join(values) if len(values) <= MAX_LISTED else f"one of {listed(values)}"
