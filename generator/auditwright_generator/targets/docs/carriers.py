"""Which events have a field: all of a level, all of a category, or some that are named one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from auditwright_generator.model import Catalog, Category, Event, Field, Level
from auditwright_generator.targets.docs.places import Places
from auditwright_generator.targets.templating import markdown_cell

MAX_LINKS = 30
"""The most links of one field. What has no link is counted."""

_Part = TypeVar("_Part")
EventPath = tuple[Level, Category, Event]


@dataclass(frozen=True, slots=True)
class Carried:
    """A field, and the events that have it."""

    field: Field
    paths: list[EventPath]


def events_of(catalog: Catalog) -> Iterator[EventPath]:
    """Every event with its level and its category, in catalog order."""
    for level in catalog.levels:
        for category in level.categories:
            for event in category.events:
                yield level, category, event


def fields_of(catalog: Catalog) -> list[Carried]:
    """Every field of every event. Events share a field that they have by the same uses."""
    found: dict[int, Carried] = {}
    for path in events_of(catalog):
        for field in path[2].fields:
            found.setdefault(id(field), Carried(field, [])).paths.append(path)
    return list(found.values())


def merged(carried: Iterable[Carried], form: Callable[[Field], Hashable]) -> list[Carried]:
    """The fields A to Z by title and name, one for each form."""
    found: dict[Hashable, list[Carried]] = {}
    for each in carried:
        found.setdefault(form(each.field), []).append(each)
    return sorted(
        (Carried(same[0].field, [path for each in same for path in each.paths]) for same in found.values()),
        key=lambda each: (each.field.title.casefold(), each.field.name),
    )


class Links:
    """Links to levels, categories and events from a page from which `up` leads to the docs folder."""

    def __init__(self, catalog: Catalog, up: str) -> None:
        self._up = up
        self._events = {
            level.name: sum(len(each.events) for each in level.categories) for level in catalog.levels
        }
        self._places = Places()
        self._titles = Counter(category.title for category in catalog.categories)

    def level(self, level: Level) -> str:
        """A link to the level; to all events in a catalog without levels."""
        if not level.name:
            return f"[all events]({self._up}index.md)"
        return f"[{markdown_cell(level.title)}]({self._up}{level.name}/index.md)"

    def category(self, category: Category) -> str:
        """A link to the category."""
        return f"[{markdown_cell(category.title)}]({self._path(category)})"

    def event(self, category: Category, event: Event) -> str:
        """A link to the event."""
        further = self._places.further(category, event)
        return f"[{markdown_cell(event.title)}]({self._path(category, further)}#{event.name})"

    def carriers(self, carried: Carried) -> str:
        """Links to all that have a field, as few as possible, and how many events are left out."""
        shown: list[str] = []
        room, left = MAX_LINKS, len(carried.paths)
        for lead, links, number in self._groups(carried):
            if room <= 0:
                break
            shown.append(lead + ", ".join(links[:room]))
            left -= number if len(links) <= room else room
            room -= len(links)
        return "; ".join([*shown, *([f"and {left:,} more"] if left else [])])

    def _groups(self, carried: Carried) -> Iterator[tuple[str, list[str], int]]:
        """The words before the links, the links, and the number of events, of each level or category."""
        for level, in_level in _grouped(carried.paths, lambda path: path[0]):
            if len(in_level) == self._events[level.name]:
                number = f"all {_events(len(in_level))}" if level.name else f"{len(in_level):,}"
                yield "", [f"{self.level(level)} ({number})"], len(in_level)
                continue
            for category, paths in _grouped(in_level, lambda path: path[1]):
                if len(paths) == len(category.events) > 1:
                    yield "", [f"{self._named(level, category)} (all {_events(len(paths))})"], len(paths)
                else:
                    links = [self.event(category, event) for _, _, event in paths]
                    yield f"{self._title(level, category)}: ", links, len(paths)

    def _path(self, category: Category, further: str = "") -> str:
        return f"{self._up}{category.path}{further}.md"

    def _named(self, level: Level, category: Category) -> str:
        return f"[{self._title(level, category)}]({self._path(category)})"

    def _title(self, level: Level, category: Category) -> str:
        """The title of a category, with that of its level where two categories have the same."""
        title = markdown_cell(category.title)
        is_unique = self._titles[category.title] == 1 or not level.name
        return title if is_unique else f"{markdown_cell(level.title)}, {title}"


def _grouped(
    paths: Iterable[EventPath], part: Callable[[EventPath], _Part]
) -> list[tuple[_Part, list[EventPath]]]:
    found: dict[int, tuple[_Part, list[EventPath]]] = {}
    for path in paths:
        found.setdefault(id(part(path)), (part(path), []))[1].append(path)
    return list(found.values())


def _events(number: int) -> str:
    return f"{number:,} event{'s' if number != 1 else ''}"
