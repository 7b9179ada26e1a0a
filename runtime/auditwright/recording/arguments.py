"""Checks of arguments whose classes are not what the signatures say; imported only for these.

The recording path takes plain dictionaries without a check. It calls no method of other values before their
class is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditwright.errors import Problem, ValidationError
from auditwright.limits import shown, text_of
from auditwright.recording.json_form import plain_dict


def event_call(
    key: object, values: Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The arguments of `record_event` as plain values; raises `ValidationError` for anything else."""
    text = text_of(key)
    if text is None:
        raise ValidationError("event", (Problem("event", "the key of an event", shown(key)),))
    parts = []
    for what, given in (("metadata", values), ("options", options)):
        part = plain_dict(given, text, what, "an object with text as names")
        if not all(type(name) is str for name in part):
            names = [text_of(name) for name in part]
            if None in names:
                raise ValidationError(text, (Problem(what, "an object with text as names", "another name"),))
            part = dict(zip((name or "" for name in names), part.values(), strict=True))
        parts.append(part)
    return text, parts[0], parts[1]


def iterator_of(name: str, items: Iterable[Any]) -> Iterator[Any]:
    """The iterator of an argument; raises `ValidationError` if it has none. What it raises passes through."""
    try:
        return iter(items)
    except TypeError as error:
        raise ValidationError(name, (Problem(name, "an iterable", shown(items)),)) from error
