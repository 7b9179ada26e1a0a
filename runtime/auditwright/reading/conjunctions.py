"""What must hold of the entries of one event, as disjoint branches of the indexes.

`filters.py` makes tests of the conditions that are not about the event. It contains no SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from auditwright.storage.query import Branch, By, Test, Tested

_INDEXED: tuple[tuple[Tested, By], ...] = (
    ("target", "target"),
    ("on_behalf_of", "on_behalf_of"),
    ("user", "user"),
    ("outcome", "failure"),
)
"""The fields with an index, in the order in which one of them is chosen to read a branch."""


@dataclass(frozen=True, slots=True)
class _Values:
    """A set of values, or with `others` the complement, which includes entries without a value."""

    some: frozenset[str]
    others: bool

    def __and__(self, other: _Values) -> _Values:
        if self.others and other.others:
            return _Values(self.some | other.some, True)
        if self.others:
            return _Values(other.some - self.some, False)
        return _Values(self.some - other.some if other.others else self.some & other.some, False)

    def __invert__(self) -> _Values:
        return _Values(self.some, not self.others)

    @classmethod
    def of(cls, test: Test) -> _Values:
        return cls(frozenset(test.values), not test.wanted)

    def test(self, field: Tested) -> Test:
        return Test(field, not self.others, tuple(sorted(self.some)))


_EVERY = _Values(frozenset(), True)


def where_all(event: str, tests: Iterable[Test]) -> list[Branch]:
    """The entries of an event that pass all tests."""
    merged = _merged(tests)
    if merged is None:
        return []
    for field, by in _INDEXED:
        found = [each for each in merged if each.field == field and each.wanted]
        if found:
            rest = tuple(each for each in merged if each is not found[0])
            if by == "failure":
                return [Branch(event, by, None, rest)]
            return [Branch(event, by, value, rest) for value in found[0].values]
    return [Branch(event, tests=tuple(merged))]


def where_any(event: str, tests: Iterable[Test]) -> list[Branch]:
    """The entries of an event that pass at least one test: each branch leaves out what those before have.

    Tests that nearly all entries pass come first. What they leave out is narrow, and has an index.
    """
    merged = _merged(replace(each, wanted=not each.wanted) for each in tests)
    if merged is None:
        return [Branch(event)]
    failed = sorted(_apart(merged), key=lambda each: not each.wanted)
    return [
        branch
        for number, each in enumerate(failed)
        for branch in where_all(event, [replace(each, wanted=not each.wanted), *failed[:number]])
    ]


def _merged(tests: Iterable[Test]) -> list[Test] | None:
    """Tests that together say the same, as few as possible; None if no entry can pass them."""
    single: dict[Tested, _Values] = {}
    has: set[str] = set()
    has_not: set[str] = set()
    for test in tests:
        if test.field != "target":
            single[test.field] = single.get(test.field, _EVERY) & _Values.of(test)
        elif test.wanted:
            has.update(test.values)
        else:
            has_not.update(test.values)
    if has & has_not or _Values(frozenset(), False) in single.values():
        return None
    found = [values.test(field) for field, values in sorted(single.items()) if values != _EVERY]
    found += [Test("target", True, (value,)) for value in sorted(has)]
    return found + [Test("target", False, tuple(sorted(has_not)))] * bool(has_not)


def _apart(tests: Iterable[Test]) -> Iterator[Test]:
    """The tests, with one for each target that an entry must not have."""
    for test in tests:
        if test.field == "target":
            yield from (replace(test, values=(value,)) for value in test.values)
        else:
            yield test


def for_all_events(branches: Sequence[Branch], events: int) -> tuple[Branch, ...]:
    """One branch for all events where those of each event are the same, and need no index."""
    alike: dict[Branch, int] = {}
    for branch in branches:
        if branch.by is None:
            of_all = replace(branch, event=None)
            alike[of_all] = alike.get(of_all, 0) + 1
    whole = [branch for branch, count in alike.items() if count == events]
    return (*whole, *(each for each in branches if replace(each, event=None) not in whole))
