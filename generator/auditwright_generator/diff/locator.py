"""Finds the position of a change in the files of the newer catalog.

A removed thing has no position of its own; it gets that of its owner.
"""

from dataclasses import replace

from auditwright_generator.diff.change import CatalogChange, Subject
from auditwright_generator.findings import Position
from auditwright_generator.source.catalog_source import CatalogSource, FieldUse
from auditwright_generator.source.yaml_nodes import Node


class Locator:
    """Positions in one catalog."""

    def __init__(self, source: CatalogSource) -> None:
        self._source = source
        self._levels = {level.name: level.node for level in source.levels}
        self._categories = {category.key: category for category in source.categories}
        self._events = {event.key: (category, event) for category, event in source.events}

    @property
    def version(self) -> Position:
        """The position of the catalog's version."""
        version = self._source.node.get("version")
        return version.position if version else self._source.node.position

    def locate(self, change: CatalogChange) -> CatalogChange:
        """The change with its position."""
        subject = change.subject
        found = self._of_field(change) if subject.field else self._of_owner(subject)
        return replace(change, position=found)

    def _of_owner(self, subject: Subject) -> Position:
        node = self._owner(subject.owner) if subject.owner else self._source.node
        if node is None:
            return self.version
        return _deepest(node, subject.attribute) or (node.key_position if subject.owner else self.version)

    def _owner(self, key: str) -> Node | None:
        """The node of a level, a category or an event."""
        if key in self._events:
            return self._events[key][1].node
        if key in self._categories:
            return self._categories[key].node
        return self._levels.get(key)

    def _of_field(self, change: CatalogChange) -> Position:
        """The innermost use with the attribute, else the field's definition, else its innermost use."""
        subject = change.subject
        definition = self._source.fields.get(subject.field or "")
        uses = self._uses(change)
        nodes = [use.node for use in reversed(uses)] + ([definition.node] if definition else [])
        for node in nodes:
            if found := _deepest(node, subject.attribute):
                return found
        if definition and not subject.owner:
            return definition.node.key_position
        if uses:
            return uses[-1].node.key_position
        return self._of_owner(Subject(subject.owner or next(iter(change.events), "")))

    def _uses(self, change: CatalogChange) -> tuple[FieldUse, ...]:
        """The uses of the field in the first affected event."""
        found = self._events.get(change.events[0]) if change.events else None
        return self._source.uses_of(*found).get(change.subject.field or "", ()) if found else ()


def _deepest(node: Node, attribute: tuple[str, ...]) -> Position | None:
    """The position of the longest existing prefix of a path of keys; None if there is none."""
    found = None
    for step in attribute:
        entry = node.entries.get(step)
        if entry is None:
            break
        node, found = entry, entry.key_position
    return found
