"""Validates the values of examples against their fields, and describes the expected value in words.

The result is the same as that of the generated JSON Schemas, with the same patterns.
"""

import json
import math
from collections.abc import Callable

from auditwright_generator.findings import join_words, quote
from auditwright_generator.model import MAX_INTEGER, Field
from auditwright_generator.patterns import BY_KIND, matches


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: object) -> bool:
    """1.0 is an integer, as in JSON Schema."""
    if not isinstance(value, int | float) or not _is_number(value):
        return False
    return value == int(value) and abs(value) <= MAX_INTEGER


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_bigint(value: object) -> bool:
    """Readers of YAML differ on how many digits a number may have, therefore it may be text, as in JSON."""
    return isinstance(value, str) or (
        isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    )


_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "string": (_is_text, "text"),
    "enum": (_is_text, "text"),
    "integer": (_is_integer, "a whole number of at most 2^53-1"),
    "number": (_is_number, "a number"),
    "boolean": (_is_boolean, "true or false"),
    "timestamp": (_is_text, 'a time of RFC 3339, in quotes, such as "2026-01-31T12:00:00Z"'),
    "ip": (_is_text, "an IP address, such as 203.0.113.7"),
    "url": (_is_text, "an http or https address without a password, such as https://example.com/run"),
    "email": (_is_text, "an e-mail address, such as ada@example.com"),
    "date": (_is_text, 'a date in quotes, such as "2026-01-31"'),
    "uuid": (_is_text, "a UUID, such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    "bigint": (_is_bigint, 'a whole number of 64 bits, in quotes if it has many digits, such as "42"'),
}
"""For each kind: the test of the Python type, and the expected value in words."""


def refuse_value(field: Field, value: object) -> str | None:
    """The expected value in words if the field does not accept the value, else None."""
    if field.change:
        return _refuse_change(field, value)
    if field.kind == "json":
        return _refuse_json(field, value)
    if not field.many:
        return _refuse_item(field, value)
    if not isinstance(value, list):
        return "a list"
    if field.min_items is not None and len(value) < field.min_items:
        return f"a list of at least {field.min_items}"
    if field.max_items is not None and len(value) > field.max_items:
        return f"a list of at most {field.max_items}"
    wrong = (_refuse_item(field, item) for item in value)
    return next((f"a list in which every item is {reason}" for reason in wrong if reason), None)


def _refuse_change(field: Field, value: object) -> str | None:
    if not isinstance(value, dict) or value.keys() != {"from", "to"}:
        return "a change, such as {from: ..., to: ...}"
    wrong = (_refuse_item(field, side) for side in value.values() if side is not None)
    return next((f"a change in which each value is {reason}" for reason in wrong if reason), None)


def _refuse_json(field: Field, value: object) -> str | None:
    if value is None or not _is_json(value):
        return "a JSON value, with integers of at most 64 bits"
    if field.sensitivity == "secret":
        return None
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    depth, keys = _measures(value)
    most_bytes, most_depth, most_keys = field.json_bounds
    if size > most_bytes:
        return f"JSON of at most {most_bytes} bytes"
    if depth > most_depth:
        return f"JSON of at most {most_depth} levels"
    return f"JSON of at most {most_keys} names" if keys > most_keys else None


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) for name in value) and all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**63) <= value < 2**64
    return (
        value is None or isinstance(value, str | bool) or (isinstance(value, float) and math.isfinite(value))
    )


def _measures(value: object) -> tuple[int, int]:
    """The depth of a value, and the number of names in all of its objects."""
    if not isinstance(value, dict | list):
        return 0, 0
    parts = [_measures(item) for item in (value.values() if isinstance(value, dict) else value)]
    names = len(value) if isinstance(value, dict) else 0
    return 1 + max((depth for depth, _ in parts), default=0), names + sum(keys for _, keys in parts)


def _refuse_item(field: Field, value: object) -> str | None:
    is_valid, wanted = _KINDS[field.kind]
    if not is_valid(value):
        return wanted
    if isinstance(value, str):
        pattern = BY_KIND.get(field.kind)
        return wanted if pattern and not matches(pattern, value) else _refuse_text(field, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if field.min is not None and value < field.min:
            return f"at least {field.min}"
        if field.max is not None and value > field.max:
            return f"at most {field.max}"
    return None


def _refuse_text(field: Field, value: str) -> str | None:
    keys = [choice.key for choice in field.values]
    if field.kind == "enum" and value not in keys:
        return f"one of {join_words(keys)}"
    if field.min_length is not None and len(value) < field.min_length:
        return f"text of at least {field.min_length} characters"
    if field.max_length is not None and len(value) > field.max_length:
        return f"text of at most {field.max_length} characters"
    if field.pattern is not None and not matches(field.pattern, value):
        return f"text that matches {quote(field.pattern)}"
    return None
