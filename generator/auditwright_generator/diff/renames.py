"""Guesses which removed events and fields were renamed, by their similarity to added ones.

Compares only within buckets of bounded size, so that the time is linear in the number of events.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence

from auditwright_generator.model import Event, Field

MAX_CANDIDATES = 8
"""The maximum number of candidates in a bucket."""
MIN_SIMILARITY = 0.5
"""The minimum similarity of the fields of two events, or of the words of two field names."""
MIN_NAME_SIMILARITY = 0.6
"""The minimum similarity of two event names: `scanner_added` and `scanner_edited` are different events."""


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
