"""Entries in their JSON form: read, checked against the event's JSON Schema, turned into a call.

jsonschema-rs decides; only when it refuses is jsonschema imported, to say where the faults are.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from auditwright.context import Actor
from auditwright.entry import to_microseconds
from auditwright.errors import Problem, ValidationError, did_you_mean
from auditwright.limits import clean, short
from auditwright.wording import came, condition_holds, conditional, distinct, fault, unknown

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event

Form = dict[str, Any]

WRITABLE = ("id", "account_id", "event", "occurred_at", "actor", "ip_address", "metadata")
READ_ONLY = ("recorded_at", "level", "category", "description", "catalog_version", "alterations")
"""Parts of the JSON form that the log writes: refused from services, kept by an import."""

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
        raise _refused("entry", "", "a JSON object", f"no JSON: {error}") from None
    return as_form(form)


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

    def check(self, form: Form) -> Event:
        """The event of a JSON form that its schema allows; raises `ValidationError` with every problem."""
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
        except ValueError:  # something in it is beyond JSON: bytes, a datetime, a key that is no string
            valid = False
        if not valid:
            raise ValidationError(event.key, distinct(self._problems(event, form)))
        return event

    def _problems(self, event: Event, form: Form) -> Iterator[Problem]:
        from jsonschema import Draft202012Validator

        # jsonschema prints what it refuses, and Python prints neither endless integers nor endless depth.
        for error in Draft202012Validator(self._catalog.schema(event)).iter_errors(_printable(form)):
            path = list(error.absolute_path)
            if path[:1] == ["metadata"] and isinstance(form["metadata"], dict):
                yield from _metadata_problems(event, form["metadata"], path[1:], error)
            else:
                yield from _envelope_problems(form, path, error)
        if isinstance(form.get("metadata"), dict):
            yield from _infinite(event, form["metadata"])


def _printable(value: Any, depth: int = 0) -> Any:
    """The value with integers beyond all bounds made smaller, and what no schema reaches left out."""
    if isinstance(value, int) and value.bit_length() > 256:
        return 2**256 if value > 0 else -(2**256)
    if isinstance(value, list):
        return [_printable(item, depth + 1) for item in value] if depth < 8 else []
    if isinstance(value, dict):
        return {name: _printable(item, depth + 1) for name, item in value.items()} if depth < 8 else {}
    return value


def _infinite(event: Event, values: Form) -> Iterator[Problem]:
    """The problems of numbers that JSON does not have, and that jsonschema takes for numbers."""
    lists = {field.name for field in event.metadata if field.many}
    for name, value in values.items():
        for index, item in enumerate(value) if name in lists and isinstance(value, list) else [(None, value)]:
            if isinstance(item, float) and not math.isfinite(item):
                yield fault(event, [name] if index is None else [name, index], values)


def _metadata_problems(event: Event, values: Form, path: list[Any], error: Any) -> Iterator[Problem]:
    if error.validator == "if":
        return  # its `then` or `else` is reported on its own
    if path:
        yield fault(event, path, values)
        return
    known = {field.name: field for field in event.metadata}
    if error.validator is None:  # `false` in an `else`: jsonschema does not say at which name
        for field in event.metadata:
            if field.when and field.name in values and not condition_holds(field, values):
                yield fault(event, [field.name], values)
    elif error.validator == "additionalProperties":
        yield from (unknown(event, name) for name in values if name not in known)
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in values:
                field = known[name]
                path_ = f"metadata.{name}"
                yield conditional(field, path_, None) if field.when else fault(event, [name], values)


def _envelope_problems(form: Form, path: list[Any], error: Any) -> Iterator[Problem]:
    if error.validator == "additionalProperties" and not path:
        for name in form:
            if name in READ_ONLY:
                yield Problem(name, "nothing: the log itself writes it", "a value")
            elif name not in WRITABLE:
                yield Problem(
                    name, f"one of {', '.join(WRITABLE)}", f"an unknown name{did_you_mean(name, WRITABLE)}"
                )
    elif error.validator == "required" and not path:
        yield from (
            Problem(name, _EXPECTED[name], "nothing") for name in error.validator_value if name not in form
        )
    else:
        name = str(path[0]) if path else ""
        where = ".".join(map(str, path))
        # What a person's name or address was is nobody's business in an error text.
        shown = error.instance if name in ("id", "occurred_at") else None
        text = f"{shown!r}" if isinstance(shown, str) else came(error.instance)
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
    if moment is None:
        raise _refused("entry", path, _EXPECTED["occurred_at"], came(text))
    return to_microseconds(moment)


def _refused(event: str, path: str, wanted: str, got: str) -> ValidationError:
    return ValidationError(event, (Problem(path or "entry", wanted, got),))
