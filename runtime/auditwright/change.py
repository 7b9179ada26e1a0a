"""`Change`: a value before and after, for fields of a type such as `change of string`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Change(Generic[T_co]):
    """A value before and after: `Change("viewer", "editor")`. None means that it was or is not set.

    In JSON it is `{"from": "viewer", "to": "editor"}`.
    """

    before: T_co | None
    after: T_co | None


def sides_of(value: Any) -> Any:
    """The JSON form of a `Change`; any other value as it is."""
    return {"from": value.before, "to": value.after} if type(value) is Change else value


def is_change(value: object) -> bool:
    """Whether a stored value has the JSON form of a change."""
    return type(value) is dict and value.keys() == {"from", "to"}
