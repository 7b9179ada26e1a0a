"""The catalog by the names that code uses: levels, categories, events, former keys, generated classes.

Made from the resolved catalog. Knows nothing of Python code. In code a category has its identifier as name:
`db_session` for `db.session`.
"""

from collections.abc import Set
from dataclasses import dataclass

from auditwright_generator.coverage.names import Generated
from auditwright_generator.findings import hint_for, nearest, quote
from auditwright_generator.model import Catalog, Event, camel, identifier

EmitterPath = tuple[str, ...]
"""The names under AuditEvents: of a level, a category and an event, or of the last two without levels."""


@dataclass(frozen=True, slots=True)
class CatalogIndex:
    """What a catalog has."""

    package: str
    events: dict[str, Event]
    """By key."""
    former: dict[str, str]
    """Former keys, each with the key of today."""
    has_levels: bool
    emitters: dict[EmitterPath, str]
    """The key of each event by the path of its emitter."""
    named: dict[tuple[str, str], list[str]]
    """The keys of the events by category and event."""
    former_emitters: dict[EmitterPath, str]
    """The former key of an event by each path that its emitter may have had."""
    below: dict[EmitterPath, list[str]]
    """The levels are below `()`, the categories below `(level,)`, the events below `(level, category)`.

    Without levels the categories are below `()`, and the events below `(category,)`.
    """
    categories: frozenset[str]
    """The keys of the categories."""

    @classmethod
    def of(cls, catalog: Catalog) -> "CatalogIndex":
        """The index of a catalog."""
        emitters: dict[EmitterPath, str] = {}
        below: dict[EmitterPath, list[str]] = {(): []}
        for level in catalog.levels:
            owner: EmitterPath = (level.name,) if level.name else ()
            below[()] += owner
            below[owner] = [category.identifier for category in level.categories]
            for category in level.categories:
                path = (*owner, category.identifier)
                below[path] = [event.name for event in category.events]
                emitters |= {(*path, event.name): event.key for event in category.events}
        named: dict[tuple[str, str], list[str]] = {}
        for path, key in emitters.items():
            named.setdefault((path[-2], path[-1]), []).append(key)
        former = {alias: event.key for event in catalog.events for alias in event.aliases}
        return cls(
            package=catalog.package,
            events={event.key: event for event in catalog.events},
            former=former,
            has_levels=catalog.has_levels,
            emitters=emitters,
            named=named,
            former_emitters={path: alias for alias in former for path in _former_paths(alias)},
            below=below,
            categories=frozenset(category.key for category in catalog.categories),
        )

    def looks_like_key(self, text: str) -> bool:
        """Whether a text is meant as an event's key.

        With levels that is a text of three parts, the first of them a level. Without, what precedes the last
        part is a category.
        """
        parts = text.split(".")
        known = len(parts) == 3 and parts[0] in self.below[()]
        return text in self.former or (known if self.has_levels else ".".join(parts[:-1]) in self.categories)

    def emitter_called(self, category: str, name: str, keywords: Set[str | None]) -> str | None:
        """The key of the only event that a call of `category.name` can mean, whatever `category` is.

        Without levels the call must have all fields that the event always has, at least one, because other
        code has such names too: `session.closed(code=1)`.
        """
        found = self.named.get((category, name), [])
        if len(found) != 1:
            return None
        needed = {field.name for field in self.events[found[0]].metadata if field.always}
        return found[0] if self.has_levels or (needed and needed <= keywords) else None

    def former_path(self, owner: EmitterPath, names: EmitterPath) -> EmitterPath | None:
        """The path of an emitter, whose event has another key now, that names below an owner begin with."""
        paths = ((*owner, *names[:end]) for end in (1, 2, 3))
        return next((path for path in paths if path in self.former_emitters), None)

    def generated(self, parts: tuple[str, ...]) -> Generated | None:
        """What the generated package has under a dotted name, if it is a class that concerns events."""
        match parts:
            case ("AuditEvents" | "AsyncAuditEvents",):
                return Generated(())
            case ("models", *category, name):
                events = {camel(event): event for event in self.below.get((*category,), [])}
                found = (*category, events.get(name, ""))
                return Generated(found, is_model=True) if found in self.emitters else None
            case (*owner, name) if (
                owner and camel(owner[-1]) == name and owner[-1] in self.below.get((*owner[:-1],), [])
            ):
                return Generated((*owner,))
        return None

    def unknown_name(self, owner: EmitterPath, name: str) -> str:
        """What to say about a level, a category or an event that its owner does not have."""
        subjects = [f"{'.'.join(owner)} has no emitter", f"{self.package} has no category"]
        if self.has_levels:
            subjects[1:] = [f"level {'.'.join(owner)} has no category", f"{self.package} has no level"]
        return f"{subjects[-1 - len(owner)]} {quote(name)}{hint_for(name, self.below[owner])}"

    def unknown_key(self, key: str) -> str:
        """What to say about a key that no event has."""
        category, _, name = key.rpartition(".")
        # Only names of its category, else the same name elsewhere: comparing with all keys is slow.
        near = nearest(key, [each for each in self.events if each.startswith(f"{category}.")])
        near = near or nearest(key, [each for each in self.events if each.endswith(f".{name}")])
        hint = f"did you mean {quote(near)}?" if near else "`auditwright events` lists all keys"
        return f"no event has the key {quote(key)}; {hint}"


def _former_paths(key: str) -> set[EmitterPath]:
    """The paths that an emitter may have had whose event had the key, in a catalog with or without levels."""
    *category, name = key.split(".")
    flat = (identifier(".".join(category)), name)
    return {flat, (*category, name)} if len(category) == 2 else {flat}
