"""Entries in their JSON form: read, checked against the event's JSON Schema, turned into a call.

jsonschema-rs decides, and says where the faults are; the words are the catalog's (`wording.py`). The
jsonschema library is not used here: it searches patterns with a backtracking engine, which a hostile value
can stall.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from auditwright.context import Actor
from auditwright.entry import to_microseconds
from auditwright.errors import MOST_PROBLEMS, Problem, ValidationError, did_you_mean
from auditwright.limits import clean, short
from auditwright.wording import came, conditional, distinct, fault, unknown

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event

Form = dict[str, Any]

WRITABLE = ("id", "account_id", "event", "occurred_at", "actor", "ip_address", "metadata")
READ_ONLY = ("recorded_at", "level", "category", "description", "catalog_version", "alterations")
"""Parts of the JSON form that the log writes: refused from services, kept by an import."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_EXPECTED = {
    "id": "a UUID, version 7, in its usual text form",
    "account_id": "a string of 1 to 256 characters",
    "occurred_at": "a UTC time such as 2026-01-02T03:04:05.678901Z",
    "actor": 'an object with type ("user", "app" or "system"), id and name',
    "actor.type": '"user", "app" or "system"',
    "actor.id": "a string of 1 to 256 characters",
    "actor.name": "a string",
    "ip_address": "an IP address",
    "metadata": "an object",
}


def parse(payload: bytes | str) -> Form:
    """The JSON object of a payload; raises `ValidationError` for anything else."""
    if not isinstance(payload, (bytes, bytearray, memoryview, str)):
        raise _refused("entry", "", "a JSON object as bytes or str", type(payload).__name__)
    try:
        form = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        form = with_surrogates(payload)
        if form is None:
            raise _refused("entry", "", "a JSON object", f"no JSON: {error}") from None
    return as_form(form)


def with_surrogates(payload: bytes | str) -> Any:
    """JSON whose strings hold lone surrogates, which orjson refuses and other languages write; else None."""
    try:
        text = payload if isinstance(payload, str) else bytes(payload).decode()
        return json.loads(text, parse_constant=_no_constant) if _SURROGATE.search(text) else None
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def as_form(form: object) -> Form:
    """The mapping as a form; raises `ValidationError` for anything else."""
    if not isinstance(form, Mapping):
        raise _refused("entry", "", "a JSON object", came(form))
    return dict(form)


class Schemas:
    """The validators of a catalog's JSON Schemas, each made when first needed."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._validators: dict[str, Any] = {}

    def check(self, form: Form, altered: frozenset[str] = frozenset()) -> Event:
        """The event of a JSON form that its schema allows; raises `ValidationError` with every problem.

        `altered` names the fields of a stored entry that were cleaned or cut: their values are held to the
        fields' types only. All else is held to the schema, and what is missing is missing.
        """
        key = form.get("event")
        event = self._catalog.event(key) if isinstance(key, str) else None
        if event is None:
            if not isinstance(key, str):
                raise _refused(
                    "entry", "event", "the key of an event", came(key) if "event" in form else "nothing"
                )
            nearest = did_you_mean(key, self._catalog.current)
            raise _refused(
                short(clean(key), 200), "event", "an event of the catalog", f"an unknown one{nearest}"
            )
        validator = self._validators.get(event.key)
        if validator is None:
            validator = jsonschema_rs.validator_for(self._catalog.schema(event))
            self._validators[event.key] = validator
        try:
            valid = validator.is_valid(form)
        except ValueError:  # something in it is beyond JSON, or a lone surrogate
            valid = validator.is_valid(_plain(form))
        if valid:
            return event
        found = _problems(event, form, validator.iter_errors(_plain(form)))
        if altered:
            everything = distinct(found)
            problems = distinct(each for each in everything if not each.path.startswith("metadata."))
            if not problems:
                exempt = altered & form["metadata"].keys()
                kept = (each for each in everything if _field_of(each) not in exempt)
                problems = distinct([*kept, *_type_problems(event, form["metadata"])])
        else:
            problems = distinct(islice(found, MOST_PROBLEMS))
        if problems:
            raise ValidationError(event.key, problems)
        return event


def _field_of(problem: Problem) -> str:
    """The field that a problem in the metadata is about: `stop_sequence` of `metadata.stop_sequence[2]`."""
    return problem.path.removeprefix("metadata.").partition("[")[0]


_BEYOND_JSON: list[Any] = [{}]
_JSON_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}


def _type_problems(event: Event, values: Form) -> Iterator[Problem]:
    """The problems of metadata that is held to its fields' names and types, and to nothing else."""
    fields = {field.name: field for field in event.metadata}
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            yield unknown(event, name)
            continue
        wanted = _JSON_TYPES.get(field.kind, (str,))
        for item in value if field.many and isinstance(value, list) else [value]:
            if not isinstance(item, wanted) or (bool not in wanted and isinstance(item, bool)):
                yield fault(event, [name], values)
                break


def _plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON can hold it: strings cleaned, and whatever it cannot hold as what no schema
    allows.
    """
    if isinstance(value, dict) and depth < 8:
        return {clean(str(name)): _plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list) and depth < 8:
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _BEYOND_JSON


def _problems(event: Event, form: Form, faults: Iterable[Any]) -> Iterator[Problem]:
    """The faults that jsonschema-rs names, in the words of the catalog."""
    for error in faults:
        path = list(error.instance_path)
        if path[:1] == ["metadata"] and isinstance(form["metadata"], dict):
            yield from _metadata_problems(event, form["metadata"], path[1:], error.kind)
        else:
            yield from _envelope_problems(form, path, error)


def _metadata_problems(event: Event, values: Form, path: list[Any], kind: Any) -> Iterator[Problem]:
    if path:
        yield fault(event, path, values)
    elif kind.name == "additionalProperties":
        yield from (unknown(event, name) for name in kind.unexpected)
    elif kind.name == "required":
        field = next(field for field in event.metadata if field.name == kind.property)
        name = f"metadata.{field.name}"
        yield conditional(field, name, None) if field.when else fault(event, [field.name], values)


def _envelope_problems(form: Form, path: list[Any], error: Any) -> Iterator[Problem]:
    kind = error.kind
    if kind.name == "additionalProperties" and not path:
        for name in kind.unexpected:
            if name in READ_ONLY:
                yield Problem(name, "nothing: the log itself writes it", "a value")
            else:
                unknown_name = f"an unknown name{did_you_mean(name, WRITABLE)}"
                yield Problem(short(clean(name), 100), f"one of {', '.join(WRITABLE)}", unknown_name)
    elif kind.name == "required" and not path:
        yield Problem(kind.property, _EXPECTED[kind.property], "nothing")
    else:
        name = str(path[0]) if path else ""
        where = ".".join(map(str, path))
        value = form
        for step in path:
            value = value[step]
        # What a person's name or address was is nobody's business in an error text.
        text = repr(clean(value)) if name in ("id", "occurred_at") and isinstance(value, str) else came(value)
        yield Problem(where, _EXPECTED.get(where, "what the schema allows"), short(text, 100))


def options_of(form: Form) -> dict[str, Any]:
    """The emitter's options of a checked JSON form."""
    options: dict[str, Any] = {name: form[name] for name in ("account_id", "ip_address") if name in form}
    if "id" in form:
        options["id"] = uuid.UUID(form["id"])
    if "occurred_at" in form:
        options["occurred_at"] = datetime.fromisoformat(form["occurred_at"])
    if "actor" in form:
        actor = form["actor"]
        options["actor"] = Actor(actor["type"], actor.get("id"), actor.get("name"))
    return options


def microseconds_of(text: object, path: str) -> int:
    """The microseconds since 1970 of a time in the JSON form; raises `ValidationError` naming the path."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and text.endswith("Z") else None
    except ValueError:
        moment = None
    if moment is None or moment.year < 1970:
        raise _refused("entry", path, _EXPECTED["occurred_at"], came(text))
    return to_microseconds(moment)


def _refused(event: str, path: str, wanted: str, got: str) -> ValidationError:
    return ValidationError(event, (Problem(path or "entry", wanted, got),))
