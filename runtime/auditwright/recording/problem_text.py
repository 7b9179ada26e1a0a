"""The texts of validation errors: what a field expects and what it got.

Pydantic and JSON Schema only locate faults. The texts come from the field's definition in the catalog, so
that they are the same for both. It does not validate.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from auditwright.change import sides_of
from auditwright.effort import (
    MAX_DETAILED,
    alternatives,
    bounded_effort,
    did_you_mean,
    listed,
    note_described,
    problems_to_describe,
)
from auditwright.errors import MAX_PROBLEMS, Problem
from auditwright.ids import parse_time
from auditwright.json_value import NotJsonValue, plain_json
from auditwright.limits import sanitize, shown, text_of, truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import ValidationError as ModelError

    from auditwright.catalog import Event, Field

MISSING = "nothing"
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader represents exactly (RFC 8259, section 6)."""
_NAMES = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list"}
_NOUNS = {
    "string": ("a string", "strings"),
    "integer": ("an integer", "integers"),
    "number": ("a number", "numbers"),
    "boolean": ("true or false", "true or false values"),
    "timestamp": (
        "an RFC 3339 time such as 2026-01-02T03:04:05Z",
        "RFC 3339 times such as 2026-01-02T03:04:05Z",
    ),
    "date": ("a date such as 2026-01-02", "dates such as 2026-01-02"),
    "ip": ("an IP address", "IP addresses"),
    "url": ("an http or https URL without credentials", "http or https URLs without credentials"),
    "email": ("an e-mail address", "e-mail addresses"),
    "uuid": ("a UUID", "UUIDs"),
    "bigint": (
        "a whole number of 64 bits, which is text in JSON",
        "whole numbers of 64 bits, which are text in JSON",
    ),
    "json": ("a JSON value", "JSON values"),
}


def expected(field: Field, item: bool = False) -> str:
    """What a field expects: `an integer of at least 1`, `a list of 1 or more strings`.

    With `item` it is what an item of a list or a side of a change is.
    """
    one, several = _NOUNS.get(field.kind, ("", ""))
    if field.kind == "enum":
        one = several = f"one of {listed(field.values)}"
    bounds = [
        f"of at least {field.min}" if field.min is not None else "",
        f"of at most {field.max}" if field.max is not None else "",
        f"matching {field.pattern}" if field.pattern else "",
        _span(field.min_length, field.max_length, "characters"),
    ]
    suffix = "".join(f" {bound}" for bound in bounds if bound).replace(" of at most", " and at most", 1)
    if field.min is None:
        suffix = suffix.replace(" and at most", " of at most", 1)
    if field.change:
        side = f"{one}{suffix}, or null if it is not set"
        return side if item else f"an object with from and to, each of them {side}"
    if not field.many or item:
        return one + suffix
    return f"a list of {several}{suffix}{_span(field.min_items, field.max_items, 'items', ', ')}"


def _span(low: int | None, high: int | None, what: str, lead: str = "of ") -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"{lead}at least {low} {what if low != 1 else what[:-1]}"
    return f"{lead}{low or 0} to {high} {what}"


def got(value: Any, field: Field | None = None) -> str:
    """The value, truncated to a line; only its type if the field is personal or secret."""
    if value is None:
        return "null"
    kind = _NAMES.get(type(value)) or ("an object" if _is_a(value, dict) else type(value).__name__)
    if field is None or field.sensitivity != "public":
        return kind
    text = text_of(value)
    if text is None:
        return shown(value) if type(value) in (bool, int, float) and shown(value) != "int" else kind
    if field.kind == "url" and "@" in text:  # the text before it may be a password
        return f"{kind} with an @ in it"
    quoted = f"{truncate(sanitize(text), 100)!r}"
    if field.kind == "timestamp":
        return quoted + time_fault(text)
    return quoted + (f" ({len(text)} characters)" if len(text) > 20 else "")


def _is_a(value: object, kind: type) -> bool:
    """Whether the class of a value is this one or a subclass, whatever it says it is."""
    return issubclass(type(value), kind)


def time_fault(text: str) -> str:
    """Why a time is refused, as ` (a leap second)`; empty if its form is wrong, or nothing is."""
    try:
        parse_time(text)
    except ValueError as fault:
        return f" ({fault})" if fault.args else ""
    return ""


def unknown(event: Event, name: str, options: Iterable[str] = ()) -> Problem:
    """The problem for a field that the event does not have, with the nearest known name.

    `options` are other known names.
    """
    fields = [field.name for field in event.metadata]
    by_entry = next((field for field in event.fields if field.name == name and field.entry), None)
    if by_entry is not None:
        return Problem(f"metadata.{name}", "no such field: the entry itself fills it", "a value")
    choices = f"one of {listed(fields)}" if fields else "no fields"
    got = f"an unknown field{did_you_mean(name, [*fields, *options])}"
    return Problem(f"metadata.{truncate(sanitize(name), 100)}", choices, got)


def conditional(field: Field, path: str, value: Any) -> Problem:
    """The problem for a field whose presence contradicts its condition."""
    when = " and ".join(
        f"{other} is {alternatives([_literal(value) for value in values])}"
        for other, values in field.when.items()
    )
    if value is None:
        return Problem(path, f"{expected(field)}, because {when}", MISSING)
    return Problem(path, f"nothing unless {when}", got(value, field))


def of_other_outcome(field: Field, path: str, outcome: str) -> Problem:
    """The problem for a field that an entry with the outcome lacks, or has although it is of the other."""
    wanted, found = ("a value", "nothing") if field.outcome == outcome else ("nothing", "a value")
    return Problem(path, f"{wanted}, as the outcome is {outcome}", found)


def _literal(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def fault(event: Event, location: Sequence[str | int], values: Mapping[str, Any]) -> Problem:
    """The problem at a location in the metadata, such as `("stop_sequence", 2)`."""
    name, *index = str(location[0]), *location[1:]  # jsonschema-rs has a number for a stored name of digits
    field = next((field for field in event.metadata if field.name == name), None)
    if field is None:  # a model may be given the name in Python
        field = next((field for field in event.metadata if field.identifier == name), None)
    if field is None:
        return unknown(event, name)
    path = f"metadata.{field.name}"
    value = values.get(field.name)
    if field.when and not index:
        wrong_type = value is not None and condition_holds(field, values)
        if not wrong_type:
            return conditional(field, path, value)
    if value is None and field.name not in values:
        return Problem(path, expected(field), MISSING)
    if field.change:
        return _change_fault(field, path, sides_of(value), index)
    if field.kind == "json" and value is not None:
        return Problem(path, expected(field), _what_is_no_json(value, field))
    items = cast("list[Any]", value) if _is_a(value, list) else None
    if index and items is not None and isinstance(index[0], int) and index[0] < list.__len__(items):
        item = list.__getitem__(items, index[0])
        return Problem(f"{path}[{index[0]}]", expected(field, item=True), got(item, field))
    if items is not None and field.many:
        return Problem(path, expected(field), f"{list.__len__(items)} items")
    if field.kind == "integer" and type(value) is int and abs(value) > MAX_INTEGER:
        return Problem(path, f"{expected(field)}, within ±{MAX_INTEGER}", got(value, field))
    return Problem(path, expected(field), got(value, field))


def _change_fault(field: Field, path: str, value: Any, index: Sequence[str | int]) -> Problem:
    """The problem of a change: a side that is wrong, or that it has not just the two."""
    if not _is_a(value, dict):
        return Problem(path, expected(field), got(value, field))
    sides = dict(dict.items(value))
    missing = [side for side in ("from", "to") if side not in sides]
    if missing:
        return Problem(path, expected(field), f"an object without {' and '.join(missing)}")
    if len(sides) > 2:
        return Problem(path, expected(field), "an object with other members")
    if not index or index[0] not in sides:
        return Problem(path, expected(field), got(value, field))
    side = sides[index[0]]
    wanted = expected(field, item=True)
    if field.kind == "integer" and type(side) is int and abs(side) > MAX_INTEGER:
        wanted += f", within ±{MAX_INTEGER}"
    return Problem(f"{path}.{index[0]}", wanted, got(side, field))


def _what_is_no_json(value: Any, field: Field) -> str:
    """What is no JSON, and where; the names in a personal or secret value are not shown."""
    try:
        plain_json(value)
    except NotJsonValue as error:
        where = error.where if field.sensitivity == "public" else ""
        return f"{error.found} at {where}" if where else error.found
    return got(value, field)


def condition_holds(field: Field, values: Mapping[str, Any]) -> bool:
    """Whether the condition of a field is true for these values."""
    return all(
        any(type(plain) is type(choice) and plain == choice for choice in choices)
        for plain, choices in ((_plain(values.get(other)), choices) for other, choices in field.when.items())
    )


def _plain(value: object) -> object:
    """A value that can be compared: a text, an integer or a boolean; None for any other."""
    return value if type(value) in (bool, int) else text_of(value)


@bounded_effort()
def model_faults(event: Event, error: ModelError, values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The problems for a pydantic error, without duplicates."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    given = {name: value for name, value in values.items() if value is not None}
    for field in event.metadata:
        # Conditions have stored values, and a model may be given the names in Python.
        single = not (field.many or field.change)
        if field.identifiers and single and (text := text_of(given.get(field.name))) is not None:
            given[field.name] = field.stored_values.get(text, text)
    return described(
        unknown(event, str(detail["loc"][0]))
        if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1
        else fault(event, detail["loc"] or ("",), given)
        for detail in details
    )


def described(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of an entry without duplicates, in order, as many as an error of this call has."""
    most, each = problems_to_describe(MAX_PROBLEMS), iter(problems)
    found = tuple(dict.fromkeys(islice(each, most)))
    if most == 1 and next(each, None) is not None:
        found += (_MORE,)
    note_described(len(found))
    return found


_MORE = Problem("entry", "no further problem", f"others, not listed after {MAX_DETAILED} problems")
