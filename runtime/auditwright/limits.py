"""Limits of stored values: sanitizing characters that databases reject, and truncating long values.

NUL and lone surrogates become U+FFFD. Strings over 4 KiB and metadata over 32 KiB are truncated; a JSON value
is replaced whole instead (see `json_value.py`). Each change is noted in the entry's `alterations`: the path,
the length and the SHA-256 of the original.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from typing import Any, cast

import orjson

from auditwright.change import is_change, sides_of
from auditwright.text import printable

MAX_ID = 256
"""The most characters of an account id or an actor id."""
MAX_DETAILS = 2000
"""The most characters of `details=`."""
MAX_FAILURE_REASON = 300
"""The most characters of `failure_reason=`."""
MAX_STRING = 4096
"""The most bytes of UTF-8 of a stored string."""
MAX_METADATA = 32 * 1024
"""The most bytes of JSON of an entry's metadata."""
MAX_CONTEXT = 16 * 1024
"""The most bytes of JSON of an entry's context; the texts of `EntryContext` take less than half."""
MAX_JSON = 1024 * 1024
"""The most bytes of metadata or alterations that a row may have, as much as a line of an import."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_MARK = "…"

_BIGINT = re.compile("0|-?[1-9][0-9]{0,18}")

Alterations = dict[str, dict[str, Any]]


def text_of(value: object) -> str | None:
    """The value as a plain `str`; None if its class is not `str` or a subclass, whatever it says it is.

    No method of a subclass is called: it may do anything.
    """
    if type(value) is str:
        return value
    return str.__str__(cast("str", value)) if issubclass(type(value), str) else None


def bigint_of(text: str) -> int | None:
    """The integer of 64 bits whose JSON form is the text; None for any other text, such as `007`."""
    if not _BIGINT.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def shown(value: object, limit: int = 80) -> str:
    """A value for an error: a text, bytes or a number as Python writes it, cut short; else its type."""
    text = value if type(value) is bytes else text_of(value)
    if text is not None:
        return truncate(printable(repr(text[: limit + 1])), limit)
    if value is None or isinstance(value, bool) or type(value) is float:
        return repr(value)
    if type(value) is int and value.bit_length() <= 256:  # Python refuses to print very long ones
        return repr(value)
    return type(value).__name__


def sanitize(text: str) -> str:
    """The text with U+FFFD for each NUL and lone surrogate; PostgreSQL stores neither."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def truncate(text: str, limit: int = MAX_STRING) -> str:
    """The text, truncated to `limit` bytes of UTF-8 including an ellipsis if it is longer."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: max(limit - len(_MARK.encode()), 0)].decode(errors="ignore") + _MARK


def sanitize_text(path: str, text: str, alterations: Alterations) -> str:
    """The sanitized text; a change is noted in `alterations`."""
    sanitized = sanitize(text)
    if sanitized != text:
        note(alterations, path, "cleaned", len(text), text.encode("utf-8", "surrogatepass"))
    return sanitized


def names_at(path: str) -> tuple[str, ...]:
    """The names that the field at a path may have: `role` of `metadata.role[2]` and of `metadata.role.from`.

    The name of a field can have dots, so that the last path can also be of a field `role.from`.
    """
    name = path.removeprefix("metadata.").partition("[")[0]
    field, _, side = name.rpartition(".")
    return (name, field) if side in ("from", "to") and field else (name,)


def sanitize_values(
    values: dict[str, Any], alterations: Alterations, whole: Collection[str] = ()
) -> dict[str, Any]:
    """The values with every string sanitized, except in those named `whole`; changes are noted."""

    def sanitized(path: str, value: Any) -> Any:
        text = text_of(value)
        if text is not None:
            return sanitize_text(path, text, alterations)
        if issubclass(type(value), list):
            # One note for the whole list, because the notes are stored too.
            texts = [text_of(item) for item in list.__iter__(value)]
            if texts and None not in texts:  # a list with anything else is refused as it is
                items = [sanitize(text or "") for text in texts]
                if items != texts:
                    note(alterations, path, "cleaned", len(texts), json.dumps(texts).encode())
                return items
        sides = sides_of(value)
        if is_change(sides):
            # Texts only: what else is in it may contain itself, and is refused as it is.
            return {
                side: each
                if (text := text_of(each)) is None
                else sanitize_text(f"{path}.{side}", text, alterations)
                for side, each in sides.items()
            }
        return value

    return {
        name: value if name in whole else sanitized(f"metadata.{name}", value)
        for name, value in values.items()
    }


def truncate_values(
    values: dict[str, Any], alterations: Alterations, whole: Collection[str] = ()
) -> dict[str, Any]:
    """The values, with strings truncated to 4 KiB, and then the largest values until all fit into 32 KiB.

    Those named `whole` are JSON values: they are replaced rather than truncated, the largest first.
    """
    result = {
        name: value if name in whole else _truncate_value(f"metadata.{name}", value, MAX_STRING, alterations)
        for name, value in values.items()
    }
    sizes = {name: len(orjson.dumps(result[name])) for name in whole if name in result}
    for name in sorted(sizes, key=lambda each: -sizes[each]):
        if sizes[name] > MAX_STRING and len(orjson.dumps(result)) > MAX_METADATA:
            result[name] = _replaced(name, result[name], alterations)
    limit = MAX_STRING
    while limit and len(orjson.dumps(result)) > MAX_METADATA:
        limit //= 2
        for name, value in result.items():
            size = len(orjson.dumps(value))
            if size > limit and name in whole:
                result[name] = _replaced(name, value, alterations)
            elif size > limit:
                result[name] = _truncate_value(f"metadata.{name}", value, limit, alterations, values[name])
    return result


def replaced(path: str, original: bytes, alterations: Alterations) -> str:
    """What is stored in place of a value that is too large; that is noted in `alterations`."""
    note(alterations, path, "replaced", len(original), original)
    return _MARK


def _replaced(name: str, value: Any, alterations: Alterations) -> str:
    return replaced(f"metadata.{name}", orjson.dumps(value, option=orjson.OPT_SORT_KEYS), alterations)


def truncate_text(path: str, text: str, alterations: Alterations) -> str:
    """The text, truncated to 4 KiB; a change is noted in `alterations`."""
    truncated: str = _truncate_value(path, text, MAX_STRING, alterations)
    return truncated


def _truncate_value(path: str, value: Any, limit: int, alterations: Alterations, original: Any = None) -> Any:
    """The truncated value; `original` is the list before any of its items was truncated."""
    if isinstance(value, str):
        truncated = truncate(value, limit)
        if truncated is not value:
            note(alterations, path, "cut", len(value), value.encode())
        return truncated
    if isinstance(value, list):
        items = [
            item if _is_short(item) else _truncate_value(f"{path}[{index}]", item, MAX_STRING, alterations)
            for index, item in enumerate(value)
        ]
        keep, size = len(items), len(orjson.dumps(items))
        if limit < MAX_STRING and size > limit:
            while keep > 1 and size > limit:
                keep -= 1
                size -= len(orjson.dumps(items[keep])) + 1
            if size > limit:
                items[0] = _truncate_value(f"{path}[0]", items[0], limit, alterations)
            if keep < len(items):
                note(alterations, path, "cut", len(items), orjson.dumps(original or items))
                start = f"{path}["
                for noted in [each for each in alterations if each.startswith(start)]:
                    if int(noted[len(start) : -1]) >= keep:  # an item that was dropped needs no note
                        del alterations[noted]
        return items[:keep]
    if is_change(value):
        return {
            side: _truncate_value(f"{path}.{side}", each, limit, alterations) for side, each in value.items()
        }
    return value


def _is_short(item: Any) -> bool:
    """Whether a text surely needs no truncation: a character has at most 4 bytes."""
    return type(item) is str and len(item) <= MAX_STRING // 4


def note(alterations: Alterations, path: str, what: str, length: int, original: bytes) -> None:
    """Note a change of a value, with the length and the SHA-256 of the original."""
    first = alterations.setdefault(path, {"length": length, "sha256": hashlib.sha256(original).hexdigest()})
    first[what] = True
