"""The stored form of a validated model's values: the names and values of the JSON form.

A model has the names of Python: identifiers of fields and of enum values, integers of 64 bits, and `Change`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from auditwright.change import Change

if TYPE_CHECKING:
    from auditwright.catalog import Event, Field

Values = dict[str, Any]


def stored_form(event: Event) -> Callable[[Values], Values]:
    """The function that turns the values of the event's model into those to store."""
    converted = {field.identifier: _conversion(field) for field in event.metadata}
    names = {field.identifier: field.name for field in event.metadata}

    def convert(values: Values) -> Values:
        return {
            names[name]: value if (change := converted[name]) is None else change(value)
            for name, value in values.items()
        }

    return convert


def _conversion(field: Field) -> Callable[[Any], Any] | None:
    """The function that converts a value of the field, or None."""
    item = _of_item(field)
    if field.change:
        return lambda value: {"from": _side(value, item, "before"), "to": _side(value, item, "after")}
    if field.many and item is not None:
        return lambda value: [item(each) for each in value]
    return item


def _side(change: Change[Any], item: Callable[[Any], Any] | None, side: str) -> Any:
    value = getattr(change, side)
    return value if value is None or item is None else item(value)


def _of_item(field: Field) -> Callable[[Any], Any] | None:
    if field.kind == "bigint":
        return str
    if field.identifiers:
        stored = field.stored_values
        return lambda value: stored.get(value, value)
    return None
