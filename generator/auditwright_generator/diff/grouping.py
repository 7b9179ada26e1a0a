"""Combines equal changes of a field in several events.

If all events with the field have the change, it is one change of the field. If all events of a level or of a
category have it, it is one change there. Otherwise it is one change per event.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from auditwright_generator.diff.change import CatalogChange, Subject
from auditwright_generator.diff.fields import FieldChange, compare_fields
from auditwright_generator.model import Event

Pairs = Sequence[tuple[Event, Event]]


def field_changes(pairs: Pairs, level_of: Callable[[str], str]) -> Iterator[CatalogChange]:
    """The changes of fields, from pairs of an older and a newer version of an event.

    `level_of` tells the level of an event's key.
    """
    groups: dict[FieldChange, list[str]] = {}
    for old, new in pairs:
        for change in compare_fields(old, new):
            groups.setdefault(change, []).append(new.key)
    if not groups:
        return
    carriers = _count_carriers(pairs, {change.field for change in groups}, level_of)
    for change, keys in groups.items():
        for owner, reached in _spread(change.field, list(dict.fromkeys(keys)), carriers, level_of):
            yield _change(change, owner, reached)


def _count_carriers(
    pairs: Pairs, names: set[str], level_of: Callable[[str], str]
) -> Counter[tuple[str, str]]:
    """How many events have or had a field, by owner (the catalog, a level, a category) and field."""
    carriers: Counter[tuple[str, str]] = Counter()
    events: dict[str, set[str]] = {}
    for old, new in pairs:
        found = {field.name for event in (old, new) for field in event.fields if field.name in names}
        events.setdefault(new.key, set()).update(found)
    for key, found in events.items():
        owners = dict.fromkeys(("", level_of(key), _category_of(key)))
        carriers.update((owner, name) for name in found for owner in owners)
    return carriers


def _category_of(key: str) -> str:
    return key.rpartition(".")[0]


def _spread(
    field: str, keys: list[str], carriers: Counter[tuple[str, str]], level_of: Callable[[str], str]
) -> Iterator[tuple[str, Sequence[str]]]:
    """The largest owners for which the keys include all events with the field, each with its events."""
    if len(keys) == 1:
        yield keys[0], keys
    elif len(keys) == carriers["", field]:
        yield "", keys
    else:
        for level, in_level in _by(level_of, keys):
            whole = len(in_level) == carriers[level, field] > 1
            yield from [(level, in_level)] if whole else _spread_level(field, in_level, carriers)


def _spread_level(
    field: str, keys: list[str], carriers: Counter[tuple[str, str]]
) -> Iterator[tuple[str, Sequence[str]]]:
    for category, in_category in _by(_category_of, keys):
        whole = len(in_category) == carriers[category, field] > 1
        yield from [(category, in_category)] if whole else ((key, [key]) for key in in_category)


def _by(owner_of: Callable[[str], str], keys: Iterable[str]) -> Iterable[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(owner_of(key), []).append(key)
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
