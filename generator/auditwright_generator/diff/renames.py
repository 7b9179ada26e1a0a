"""Guesses which removed events and fields were renamed, by their similarity to added ones.

Compares only within buckets of bounded size, so that the time is linear in the number of events.
"""

import difflib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache

from auditwright_generator.model import EnumValue, Event, Field

MAX_CANDIDATES = 8
"""The maximum number of candidates in a bucket."""
MIN_SIMILARITY = 0.5
"""The minimum similarity of the fields of two events, or of the words of two field names."""
MIN_NAME_SIMILARITY = 0.6
"""The minimum similarity of two event names: `scanner_added` and `scanner_edited` are different events."""
MIN_SPELLING = 0.85
"""The minimum similarity of the letters of two enum values, as in `canceled` and `cancelled`."""
MAX_VALUES = 50
"""The most values of an enum on either side that are compared by their keys."""


def likely_fields(removed: Sequence[Field], added: Sequence[Field]) -> dict[str, Field]:
    """For the names of removed fields, the added field that is probably the same."""
    if not removed or not added:
        return {}
    scored = (
        (_score_fields(old, new), number, other)
        for number, old in enumerate(removed)
        for other, new in enumerate(added[:100])
    )
    return {removed[old].name: added[new] for old, new in _best(scored)}


def _score_fields(old: Field, new: Field) -> float:
    """The similarity of two fields; 0 if they are different fields."""
    if old.type != new.type or old.entry != new.entry or old.unit != new.unit:
        return 0
    same = (old.title == new.title) + (old.description == new.description)
    names = _shared(old.name.split("_"), new.name.split("_"))
    return same + names if same or names >= MIN_SIMILARITY else 0


@lru_cache(maxsize=100)  # many events have the same field
def likely_values(removed: tuple[EnumValue, ...], added: tuple[EnumValue, ...]) -> dict[str, EnumValue]:
    """For the keys of removed values, the added value that is probably the same."""
    titles: dict[str, EnumValue] = {}
    for value in added:
        titles.setdefault(value.title, value)
    found: dict[str, EnumValue] = {}
    for value in removed:
        if value.title in titles:
            found[value.key] = titles.pop(value.title)
    taken = {value.key for value in found.values()}
    left = [value for value in removed if value.key not in found][:MAX_VALUES]
    free = [value for value in added if value.key not in taken][:MAX_VALUES]
    scored = (
        (_score_keys(old.key, new.key), number, other)
        for number, old in enumerate(left)
        for other, new in enumerate(free)
    )
    return found | {left[old].key: free[new] for old, new in _best(scored)}


def _score_keys(old: str, new: str) -> float:
    """The similarity of the keys of two values; 0 if they are different values.

    `inactive` is spelled much like `active`, and `value_1` like `value_2`, but they mean something else.
    """
    words = _shared(old.split("_"), new.split("_"))
    if words >= MIN_NAME_SIMILARITY:
        return words
    letters = [key.replace("_", "") for key in (old, new)]
    digits = [[each for each in key if each.isdigit()] for key in letters]
    if letters[0][0] != letters[1][0] or digits[0] != digits[1]:
        return 0
    spelling = difflib.SequenceMatcher(None, letters[0], letters[1]).ratio()
    return spelling if spelling >= MIN_SPELLING else 0


def likely_events(removed: Sequence[Event], added: Sequence[Event]) -> dict[str, Event]:
    """For the keys of removed events, the added event that is probably the same."""
    buckets: dict[Hashable, list[int]] = {}
    for number, event in enumerate(added):
        for trait in _traits(event):
            bucket = buckets.setdefault(trait, [])
            if len(bucket) < MAX_CANDIDATES:
                bucket.append(number)
    scored = (
        (_score_events(old, added[other]), number, other)
        for number, old in enumerate(removed)
        for other in dict.fromkeys(other for trait in _traits(old) for other in buckets.get(trait, ()))
    )
    return {removed[old].key: added[new] for old, new in _best(scored)}


def _traits(event: Event) -> Iterator[Hashable]:
    """Bucket keys: an event shares at least one of them with a renamed version of itself."""
    category = event.key.rpartition(".")[0]
    yield "title", category, event.title
    yield "name", event.name, event.title
    yield "description", event.description
    yield from (("word", category, word, len(event.fields)) for word in event.name.split("_"))


def _score_events(old: Event, new: Event) -> float:
    """The similarity of two events; 0 if they are different events."""
    fields = _shared([*map(_signature, old.fields)], [*map(_signature, new.fields)])
    told = (old.title == new.title) + (old.description == new.description)
    names = _shared(old.name.split("_"), new.name.split("_"))
    if fields < MIN_SIMILARITY or not (told or names >= MIN_NAME_SIMILARITY):
        return 0
    return told + names + fields


def _signature(field: Field) -> tuple[str, str]:
    return field.name, field.type


def _shared(some: Sequence[Hashable], others: Sequence[Hashable]) -> float:
    """The Jaccard index of two collections; 1 if both are empty."""
    one, two = set(some), set(others)
    return len(one & two) / len(one | two) if one or two else 1


def _best(scored: Iterable[tuple[float, int, int]]) -> Iterator[tuple[int, int]]:
    """The most similar pairs, with each thing in at most one pair."""
    taken: tuple[set[int], set[int]] = set(), set()
    for _, old, new in sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], *pair[1:])):
        if old not in taken[0] and new not in taken[1]:
            taken[0].add(old)
            taken[1].add(new)
            yield old, new


def common_order_differs(old: Iterable[str], new: Iterable[str]) -> bool:
    """Whether the elements that both have are in a different order."""
    was, now = list(old), list(new)
    both = set(was) & set(now)
    return [name for name in was if name in both] != [name for name in now if name in both]
