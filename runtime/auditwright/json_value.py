"""JSON values: what a field of type json takes, in plain types and within its bounds.

Metadata models and the recorder use it. A value that is over its bounds is replaced whole and noted in the
entry's `alterations`; what is no JSON at all is refused. It calls no method of a value: it may do anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from auditwright.limits import Alterations, note, replaced, sanitize, text_of, truncate
from auditwright.text import printable

JsonValue: TypeAlias = (
    str | int | float | bool | Mapping[str, "JsonValue | None"] | Sequence["JsonValue | None"]
)
"""The type of a JSON value: a text, a number, a boolean, or a dict, list or tuple of such values and None.

None alone is no value of a field: it means "not given".
"""

MAX_NESTING = 128
"""How deep objects and lists may be nested to be taken for JSON at all."""
MAX_VALUES = 100_000
"""How many values a value may consist of, many times what is stored. Lists that contain each other could have
any number."""
INTEGERS = range(-(2**63), 2**64)
"""The integers that JSON's readers and databases keep exactly."""

_Where = tuple[Any, str]
"""Where a part is: where the object or list is that has it, and its name or number there."""
_Todo = list[tuple[Any, Any, _Where | None, int]]
"""Objects and lists that are still to be copied, with their copies, paths and depths."""


class NotJsonValue(ValueError):
    """A value is no JSON; `found` says what was found, and `where` the path to it, if any."""

    def __init__(self, found: str, where: str) -> None:
        super().__init__(found)
        self.found = found
        self.where = where


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a value of a field may be."""

    max_bytes: int = 8192
    max_depth: int = 16
    max_keys: int = 256


WIDEST = Bounds(32768, 64, 10_000)
"""The bounds that no catalog exceeds."""


def plain_json(value: object) -> Any:
    """A copy of a JSON value in plain types: tuples are lists, and -0.0 is 0.0, as databases store it.

    Raises `NotJsonValue`.
    """
    top: list[Any] = []
    todo: _Todo = []
    top.append(_part(value, None, 0, todo))
    count = 0
    while todo:
        given, made, where, depth = todo.pop()
        if depth > MAX_NESTING:
            raise NotJsonValue(f"objects or lists nested deeper than {MAX_NESTING}", _path(where))
        if isinstance(made, dict):
            count += dict.__len__(given)
        else:
            count += list.__len__(given) if issubclass(type(given), list) else tuple.__len__(given)
        if count > MAX_VALUES:
            raise NotJsonValue(f"more than {MAX_VALUES:,} values", "")
        if isinstance(made, dict):
            for key, item in list(dict.items(given)):
                name = text_of(key)
                if name is None:
                    raise NotJsonValue(f"a name that is no string, but {type(key).__name__}", _path(where))
                if name in made:
                    raise NotJsonValue("a name twice", _path(where))
                made[name] = _part(item, (where, name), depth, todo)
        else:
            each = list.__iter__(given) if issubclass(type(given), list) else tuple.__iter__(given)
            made += [_part(item, (where, f"[{index}]"), depth, todo) for index, item in enumerate(each)]
    return top[0]


def _part(value: Any, where: _Where | None, depth: int, todo: _Todo) -> Any:
    """A value in plain types; the contents of an object or a list are still to be copied."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if issubclass(kind, str):
        return text_of(value)
    if issubclass(kind, (dict, list, tuple)):
        made: Any = {} if issubclass(kind, dict) else []
        todo.append((value, made, where, depth + 1))
        return made
    if issubclass(kind, int):
        number = int.__int__(value)
        if number not in INTEGERS:
            raise NotJsonValue("an integer of more than 64 bits", _path(where))
        return number
    if issubclass(kind, float):
        return _finite(float.__float__(value), where)
    raise NotJsonValue(kind.__name__, _path(where))


def _finite(number: float, where: _Where | None) -> float:
    if not math.isfinite(number):
        raise NotJsonValue(repr(number), _path(where))
    return number or 0.0


def _path(where: _Where | None) -> str:
    """The path to a part, such as `steps[3].name`."""
    names: list[str] = []
    while where is not None:
        where, name = where
        names.append(name if name.startswith("[") else f".{truncate(printable(sanitize(name)), 40)}")
    return truncate("".join(reversed(names)).removeprefix("."), 200)


def canonical_json(value: Any) -> str:
    """The canonical text of a plain value: sorted names, no spaces, whole numbers without a fraction.

    Equal values have equal texts, however they were written.
    """
    return json.dumps(_with_whole_numbers(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _with_whole_numbers(value: Any) -> Any:
    if type(value) is dict:
        return {name: _with_whole_numbers(item) for name, item in value.items()}
    if type(value) is list:
        return [_with_whole_numbers(item) for item in value]
    return int(value) if type(value) is float and value.is_integer() and int(value) in INTEGERS else value


def stored_json(path: str, value: Any, bounds: Bounds, alterations: Alterations) -> Any:
    """The plain value as it is stored: sanitized, and replaced if it is over its bounds.

    `path` is that of its field in `alterations`.
    """
    original = text = _encoded(value)
    if text is None or b"\\u0000" in text:
        sanitized = _sanitized(value)
        original = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(
            "utf-8", "surrogatepass"
        )
        if sanitized != value:
            note(alterations, path, "cleaned", len(original), original)
        value, text = sanitized, orjson.dumps(sanitized, option=orjson.OPT_SORT_KEYS)
    if _fits(value, text, bounds):
        return value
    return replaced(path, original or text, alterations)


def _encoded(value: Any) -> bytes | None:
    """The JSON of a value; None for a value with lone surrogates."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None


def _sanitized(value: Any) -> Any:
    if type(value) is dict:
        return {sanitize(name): _sanitized(item) for name, item in value.items()}
    if type(value) is list:
        return [_sanitized(item) for item in value]
    return sanitize(value) if type(value) is str else value


def _fits(value: Any, text: bytes, bounds: Bounds) -> bool:
    if len(text) > bounds.max_bytes:
        return False
    # Brackets and colons inside of strings count as well here, so that few values are walked through.
    if text.count(b"{") + text.count(b"[") <= bounds.max_depth and text.count(b":") <= bounds.max_keys:
        return True
    depth, keys = measures(value)
    return depth <= bounds.max_depth and keys <= bounds.max_keys


def measures(value: Any) -> tuple[int, int]:
    """The depth of a plain value, and the number of names in all of its objects."""
    depth = keys = 0
    level = [value]
    while level := [each for each in level if type(each) in (dict, list)]:
        depth += 1
        keys += sum(len(each) for each in level if type(each) is dict)
        level = [item for each in level for item in (each.values() if type(each) is dict else each)]
    return depth, keys
