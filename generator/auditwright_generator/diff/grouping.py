"""The same change of a field in many events, said once, of as much as it reaches whole.

A change that all events with the field have in common is one change of the field; one that all of a level
or of a category have, a change of the field there; any other is one of each event.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from auditwright_generator.diff.change import CatalogChange, Subject
from auditwright_generator.diff.fields import FieldChange, compare_fields
from auditwright_generator.model import Event

Pairs = Sequence[tuple[Event, Event]]


def field_changes(pairs: Pairs) -> Iterator[CatalogChange]:
    """The changes of the fields of events, each event as it was and as it is."""
    groups: dict[FieldChange, list[str]] = {}
    for old, new in pairs:
        for change in compare_fields(old, new):
            groups.setdefault(change, []).append(new.key)
    if not groups:
        return
    carriers = _count_carriers(pairs, {change.field for change in groups})
    for change, keys in groups.items():
        for owner, reached in _spread(change.field, list(dict.fromkeys(keys)), carriers):
            yield _change(change, owner, reached)


def _count_carriers(pairs: Pairs, names: set[str]) -> Counter[tuple[str, str]]:
    """By owner and field: how many events had or have the field in the whole, a level, a category."""
    carriers: Counter[tuple[str, str]] = Counter()
    events: dict[str, set[str]] = {}
    for old, new in pairs:
        found = {field.name for event in (old, new) for field in event.fields if field.name in names}
        events.setdefault(new.key, set()).update(found)
    for key, found in events.items():
        level, category, _ = _owners(key)
        carriers.update((owner, name) for name in found for owner in ("", level, category))
    return carriers


def _owners(key: str) -> tuple[str, str, str]:
    """Level, category and event of an event's key, each by its key."""
    category = key.rpartition(".")[0]
    return category.partition(".")[0], category, key


def _spread(
    field: str, keys: list[str], carriers: Counter[tuple[str, str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    """The largest owners of which all events with the field are among the keys, each with its events."""
    if len(keys) == 1:
        yield keys[0], keys
    elif len(keys) == carriers["", field]:
        yield "", keys
    else:
        for level, in_level in _by(0, keys):
            whole = len(in_level) == carriers[level, field] > 1
            yield from [(level, in_level)] if whole else _spread_level(field, in_level, carriers)


def _spread_level(
    field: str, keys: list[str], carriers: Counter[tuple[str, str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    for category, in_category in _by(1, keys):
        whole = len(in_category) == carriers[category, field] > 1
        yield from [(category, in_category)] if whole else ((key, [key]) for key in in_category)


def _by(depth: int, keys: Iterable[str]) -> Iterable[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(_owners(key)[depth], []).append(key)
    return groups.items()


def _change(change: FieldChange, owner: str, reached: Sequence[str]) -> CatalogChange:
    return CatalogChange(
        rule=change.rule,
        key=f"{owner}.{change.field}" if owner else change.field,
        what=change.what,
        subject=Subject(owner, change.now or change.field, change.attribute),
        old=change.old,
        new=change.new,
        events=tuple(reached),
    )
