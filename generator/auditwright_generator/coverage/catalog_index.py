"""The catalog by the names that code uses: levels, categories, events, former keys, generated classes.

Made from the resolved catalog. Knows nothing of Python code.
"""

from dataclasses import dataclass

from auditwright_generator.coverage.names import Generated
from auditwright_generator.findings import hint_for, nearest, quote
from auditwright_generator.model import Catalog, Event, camel


@dataclass(frozen=True, slots=True)
class CatalogIndex:
    """What a catalog has."""

    package: str
    events: dict[str, Event]
    """By key."""
    former: dict[str, str]
    """Former keys, each with the key of today."""
    below: dict[tuple[str, ...], list[str]]
    """The levels are below `()`, the categories below `(level,)`, the events below `(level, category)`."""

    @classmethod
    def of(cls, catalog: Catalog) -> "CatalogIndex":
        """The index of a catalog."""
        below: dict[tuple[str, ...], list[str]] = {(): [level.name for level in catalog.levels]}
        for level in catalog.levels:
            below[level.name,] = [category.name for category in level.categories]
            for category in level.categories:
                below[level.name, category.name] = [event.name for event in category.events]
        return cls(
            package=catalog.package,
            events={event.key: event for event in catalog.events},
            former={alias: event.key for event in catalog.events for alias in event.aliases},
            below=below,
        )

    def looks_like_key(self, text: str) -> bool:
        """Whether a text is meant as an event's key: three parts, the first of them a level."""
        parts = text.split(".")
        return len(parts) == 3 and (parts[0] in self.below[()] or text in self.former)

    def generated(self, parts: tuple[str, ...]) -> Generated | None:
        """What the generated package has under a dotted name, if it is a class that concerns events."""
        match parts:
            case ("AuditEvents" | "AsyncAuditEvents",):
                return Generated(())
            case ("models", level, category, name):
                events = {camel(event): event for event in self.below.get((level, category), [])}
                return Generated((level, category, events[name], name)) if name in events else None
            case (*owner, name) if (
                owner and camel(owner[-1]) == name and owner[-1] in self.below.get((*owner[:-1],), [])
            ):
                return Generated((*owner,))
        return None

    def unknown_name(self, owner: tuple[str, ...], name: str) -> str:
        """What to say about a level, a category or an event that its owner does not have."""
        subject = (f"{self.package} has no level", f"level {'.'.join(owner)} has no category",
                   f"{'.'.join(owner)} has no emitter")[len(owner)]  # fmt: skip
        return f"{subject} {quote(name)}{hint_for(name, self.below[owner])}"

    def unknown_key(self, key: str) -> str:
        """What to say about a key that no event has."""
        category, _, name = key.rpartition(".")
        # Only names of its category, else the same name elsewhere: comparing with all keys is slow.
        near = nearest(key, [each for each in self.events if each.startswith(f"{category}.")])
        near = near or nearest(key, [each for each in self.events if each.endswith(f".{name}")])
        hint = f"did you mean {quote(near)}?" if near else "`auditwright events` lists all keys"
        return f"no event has the key {quote(key)}; {hint}"
