"""The catalog as the search needs it: what levels, categories, events and former keys there are, by name.

Made from the resolved catalog. Knows the names of the generated code, but nothing of trees.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from auditwright_generator.findings import hint_for, nearest, quote
from auditwright_generator.model import Catalog, Event, camel

OPTIONS = frozenset({"id", "session", "actor", "ip_address", "occurred_at", "account_id", "details"})
"""What every emitter takes besides its fields."""
ROOT_CLASSES = frozenset({"AuditEvents", "AsyncAuditEvents"})


@dataclass(frozen=True, slots=True)
class Known:
    """What a catalog has."""

    package: str
    events: dict[str, Event]
    """By key."""
    former: dict[str, str]
    """Former keys, each with the key of today."""
    levels: dict[str, dict[str, dict[str, str]]]
    """Level, category and the name of an event: its key."""
    by_name: dict[str, tuple[str, ...]]
    """The keys of all events of a name."""

    @classmethod
    def of(cls, catalog: Catalog) -> "Known":
        """What this catalog has."""
        by_name: dict[str, tuple[str, ...]] = {}
        for event in catalog.events:
            by_name[event.name] = (*by_name.get(event.name, ()), event.key)
        return cls(
            package=catalog.package,
            events={event.key: event for event in catalog.events},
            former={alias: event.key for event in catalog.events for alias in event.aliases},
            levels={
                level.name: {
                    category.name: {event.name: event.key for event in category.events}
                    for category in level.categories
                }
                for level in catalog.levels
            },
            by_name=by_name,
        )

    def has_category(self, level: str, category: str) -> bool:
        """Whether there is such a category in such a level."""
        return category in self.levels.get(level, ())

    def model(self, level: str, category: str, class_name: str) -> str | None:
        """The key of the event that has this metadata model."""
        events = self.levels.get(level, {}).get(category, {})
        return next((key for name, key in events.items() if camel(name) == class_name), None)

    def looks_like_key(self, text: str) -> bool:
        """Whether a text is meant as an event's key: three parts, the first of them a level."""
        parts = text.split(".")
        return len(parts) == 3 and (parts[0] in self.levels or text in self.former)

    def taking(self, name: str, keywords: Iterable[str], more: bool) -> tuple[str, ...]:
        """The events of that name whose emitters take exactly these keywords; `more` if `**` gives others."""
        given = frozenset(keywords)
        return tuple(key for key in self.by_name.get(name, ()) if _takes(self.events[key], given, more))

    def unknown_event(self, level: str, category: str, name: str) -> str:
        """What to say about an emitter that is not there."""
        key = f"{level}.{category}.{name}"
        if key in self.former:
            return f"{key} is called {self.former[key]} now; emit that"
        events = self.levels[level][category]
        return f"{level}.{category} has no emitter {quote(name)}{hint_for(name, events)}"

    def unknown_category(self, level: str, name: str) -> str:
        """What to say about a category that is not there."""
        return f"level {level} has no category {quote(name)}{hint_for(name, self.levels[level])}"

    def unknown_level(self, name: str) -> str:
        """What to say about a level that is not there."""
        return f"{self.package} has no level {quote(name)}{hint_for(name, self.levels)}"

    def unknown_model(self, level: str, category: str, class_name: str) -> str:
        """What to say about a metadata model that is not there."""
        events = self.levels[level][category]
        for alias, key in self.former.items():
            if alias.startswith(f"{level}.{category}.") and camel(alias.rpartition(".")[2]) == class_name:
                return f"{alias} is called {key} now; record that"
        near = hint_for(class_name, [camel(name) for name in events])
        return f"{level}.{category} has no model {quote(class_name)}{near}"

    def unknown_key(self, key: str) -> str:
        """What to say about a key that no event has."""
        near = self._near_key(key)
        hint = f"; did you mean {quote(near)}?" if near else "; `auditwright events` lists all keys"
        return f"no event has the key {quote(key)}{hint}"

    def _near_key(self, key: str) -> str | None:
        """Looks in its category, else for the same name, else at like names: never at all keys at once."""
        level, _, rest = key.partition(".")
        category, _, name = rest.partition(".")
        if self.has_category(level, category):
            near = nearest(name, self.levels[level][category])
            return f"{level}.{category}.{near}" if near else None
        return nearest(key, self.by_name.get(name, ()))


def _takes(event: Event, given: frozenset[str], more: bool) -> bool:
    fields = {field.name for field in event.metadata}
    needed = {field.name for field in event.metadata if field.always}
    return given <= fields | OPTIONS and (more or needed <= given)
