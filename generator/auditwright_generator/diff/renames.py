"""What was likely renamed: a thing that is gone and a new one that are alike. A guess, shown as a guess.

Looks only among what is gone and what is new, and in buckets of a bounded size, so that the time grows with
their number and not with its square.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence

from auditwright_generator.model import Event, Field

MOST = 8
"""How many candidates of one bucket are compared with each thing that is gone."""
ALIKE = 0.5
"""The part of fields, or of a field's words, that two things must share at least."""
ALIKE_EVENTS = 0.6
"""The part of an event's words: `scanner_added` and `scanner_edited` are two things."""


def likely_fields(gone: Sequence[Field], come: Sequence[Field]) -> dict[str, Field]:
    """For names of fields that are gone, the new field that is likely the same."""
    if not gone or not come:
        return {}
    scored = (
        (_score_fields(old, new), number, other)
        for number, old in enumerate(gone)
        for other, new in enumerate(come[:100])
    )
    return {gone[old].name: come[new] for old, new in _best(scored)}


def _score_fields(old: Field, new: Field) -> float:
    """How alike two fields are; 0 for fields that are not the same thing."""
    if old.type != new.type or old.entry != new.entry or old.unit != new.unit:
        return 0
    same = (old.title == new.title) + (old.description == new.description)
    names = _shared(old.name.split("_"), new.name.split("_"))
    return same + names if same or names >= ALIKE else 0


def likely_events(gone: Sequence[Event], come: Sequence[Event]) -> dict[str, Event]:
    """For keys of events that are gone, the new event that is likely the same."""
    buckets: dict[Hashable, list[int]] = {}
    for number, event in enumerate(come):
        for trait in _traits(event):
            bucket = buckets.setdefault(trait, [])
            if len(bucket) < MOST:
                bucket.append(number)
    scored = (
        (_score_events(old, come[other]), number, other)
        for number, old in enumerate(gone)
        for other in dict.fromkeys(other for trait in _traits(old) for other in buckets.get(trait, ()))
    )
    return {gone[old].key: come[new] for old, new in _best(scored)}


def _traits(event: Event) -> Iterator[Hashable]:
    """What an event shares with itself under another name, at least one of these."""
    category = event.key.rpartition(".")[0]
    yield "title", category, event.title
    yield "name", event.name, event.title
    yield "description", event.description
    yield from (("word", category, word, len(event.fields)) for word in event.name.split("_"))


def _score_events(old: Event, new: Event) -> float:
    """How alike two events are; 0 for events that are not the same thing."""
    fields = _shared([*map(_signature, old.fields)], [*map(_signature, new.fields)])
    told = (old.title == new.title) + (old.description == new.description)
    names = _shared(old.name.split("_"), new.name.split("_"))
    if fields < ALIKE or not (told or names >= ALIKE_EVENTS):
        return 0
    return told + names + fields


def _signature(field: Field) -> tuple[str, str]:
    return field.name, field.type


def _shared(some: Sequence[Hashable], others: Sequence[Hashable]) -> float:
    """The part that two collections have in common (Jaccard's index); 1 for two that are empty."""
    one, two = set(some), set(others)
    return len(one & two) / len(one | two) if one or two else 1


def _best(scored: Iterable[tuple[float, int, int]]) -> Iterator[tuple[int, int]]:
    """The pairs that are most alike, each thing in one of them at most."""
    taken: tuple[set[int], set[int]] = set(), set()
    for _, old, new in sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], *pair[1:])):
        if old not in taken[0] and new not in taken[1]:
            taken[0].add(old)
            taken[1].add(new)
            yield old, new


def common_order_differs(old: Iterable[str], new: Iterable[str]) -> bool:
    """Whether what both have stands in another order."""
    was, now = list(old), list(new)
    both = set(was) & set(now)
    return [name for name in was if name in both] != [name for name in now if name in both]
