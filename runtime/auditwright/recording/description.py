"""Renders an entry's description from the event's message and its values.

The recorder calls it after validation. It does not validate or truncate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditwright.change import is_change

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.catalog import Event, Field

_PLACEHOLDER = re.compile(r"\{(\w+)\}|(\{\{)|(\}\})")


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """The message of an event, prepared for rendering."""

    template: str
    """The catalog's text with %(name)s for each placeholder."""
    formatted: dict[str, Field]
    """The placeholders whose values need formatting: all except plain text."""

    @classmethod
    def of(cls, event: Event, message: str) -> MessageTemplate:
        """A message of an event, prepared."""
        fields = {field.name: field for field in event.metadata}
        stored = {field.identifier: field.name for field in event.metadata}

        def key(placeholder: str) -> str:
            # With a space, so that no field in the JSON form has the name of a part of the entry.
            return stored.get(placeholder) or f" {placeholder}"

        names = [key(match[1]) for match in _PLACEHOLDER.finditer(message) if match[1]]
        plain = message.replace("%", "%%")
        template = _PLACEHOLDER.sub(lambda match: f"%({key(match[1])})s" if match[1] else match[0][0], plain)
        return cls(
            template,
            {name: fields[name] for name in names if name in fields and _needs_format(fields[name])},
        )

    def render(
        self, data: dict[str, Any], actor: Actor, address: str | None, on_behalf_of: Actor | None
    ) -> str:
        """The description of one entry."""
        label = actor.label if on_behalf_of is None else f"{actor.label} on behalf of {on_behalf_of.label}"
        values = {" actor": label, " ip_address": address or "an unknown address", **data}
        for name, field in self.formatted.items():
            values[name] = _format(values[name], field)
        return self.template % values


def _needs_format(field: Field) -> bool:
    kinds = ("integer", "number", "boolean")
    return field.many or field.change or bool(field.values) or field.kind in kinds


def _format(value: Any, field: Field) -> str:
    if isinstance(value, list):
        return ", ".join(_format(item, field) for item in value)
    if field.change and is_change(value):
        sides = (value["from"], value["to"])
        return " -> ".join("not set" if side is None else _format(side, field) for side in sides)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return field.title_of(value) or str(value)
