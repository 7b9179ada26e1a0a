"""The part of bad input that is enough to explain it: as few wrong parts as an error can name.

Validators collect every fault, each with a copy of what is wrong, so a hostile megabyte has hundreds of
thousands of faults. Names and positions in an excerpt are those of the whole. It does not validate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from auditwright.change import sides_of
from auditwright.effort import problems_to_describe
from auditwright.errors import MAX_PROBLEMS
from auditwright.limits import sanitize

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event

MAX_FAULTS = 1000
"""Faults of pydantic's from which on an excerpt is explained rather than the whole."""


def most_faults() -> int:
    """How many faults of a kind an excerpt has: one more than the error describes."""
    return problems_to_describe(MAX_PROBLEMS) + 1


def excerpt(catalog: Catalog, event: Event, values: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with the first unknown names only, without what is in wrong objects, and with lists cut.

    A list ends after its last wrong item that the error describes.
    """
    most = most_faults()
    fields = {field.name: field for field in event.metadata}
    part = with_few_unknown(values, fields)
    for name, value in part.items():
        field = fields.get(name)
        if field is not None and field.many and issubclass(type(value), list):
            part[name] = _cut(catalog, event, name, list(list.__iter__(value)), most)
        elif field is not None and field.change:
            part[name] = _of_change(value)
        else:
            part[name] = without_contents(value)
    return part


def _of_change(value: Any) -> Any:
    """A change with few unknown members, and without what is in wrong objects."""
    sides = sides_of(value)
    if not issubclass(type(sides), dict):
        return without_contents(sides)
    members = with_few_unknown(dict(dict.items(sides)), ("from", "to"))
    return {name: without_contents(each) for name, each in members.items()}


def with_few_unknown(values: Mapping[str, Any], known: Mapping[str, Any] | tuple[str, ...]) -> dict[str, Any]:
    """The values of known names, and of as many unknown ones as an error names."""
    unknown = islice((name for name in values if name not in known), most_faults())
    kept = {*unknown, *known}
    return {name: value for name, value in values.items() if name in kept}


def without_contents(value: Any) -> Any:
    """An empty object or list for one that has no place here; other values as they are."""
    kind = type(value)
    return {} if issubclass(kind, dict) else [] if issubclass(kind, list) else value


def _cut(catalog: Catalog, event: Event, name: str, items: list[Any], most: int) -> list[Any]:
    """The items up to the last wrong one that an error names."""
    if len(items) > most:
        wrong = list(islice(_wrong_items(catalog, event, name, items), most))
        if len(wrong) == most:
            items = items[: wrong[-1] + 1]
    return [without_contents(item) for item in items]


def _wrong_items(catalog: Catalog, event: Event, name: str, items: list[Any]) -> Iterator[int]:
    is_valid = catalog.item_validator(event, name).is_valid
    for index, item in enumerate(items):
        try:
            if is_valid(item):
                continue
        except ValueError:  # a value that JSON cannot represent, or a lone surrogate
            if is_valid(as_json(item)):
                continue
        yield index


_BEYOND_JSON: list[Any] = [{}]


def as_json(value: Any, depth: int = 0) -> Any:
    """An exact copy as JSON: strings are sanitized; other values become one that no schema allows."""
    kind = type(value)
    if kind is dict and depth < 8:
        return {sanitize(name): as_json(item, depth + 1) for name, item in value.items()}
    if kind is list and depth < 8:
        return [as_json(item, depth + 1) for item in value]
    if kind is str:
        return sanitize(value)
    if kind is int and not -(2**63) <= value < 2**63:  # JSON's readers have floats for these
        value = float(value) if abs(value) < 10**308 else math.inf
    if value is None or kind in (bool, int) or (type(value) is float and math.isfinite(value)):
        return value
    return _BEYOND_JSON
