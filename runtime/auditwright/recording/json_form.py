"""Entries in their JSON form: parses them, validates them with JSON Schema, converts them to options.

jsonschema-rs validates and locates faults; `problem_text.py` words them. The jsonschema library is not used:
its backtracking regular expressions allow denial of service. The recorder builds the entry.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import orjson

from auditwright.actor import ANY_TYPE, NOBODY, Actor
from auditwright.catalog import is_stored_name
from auditwright.change import is_change
from auditwright.effort import bounded_effort, did_you_mean
from auditwright.entry_context import LIMITS, SUBMITTED_BY
from auditwright.errors import MAX_PROBLEMS, Problem, ValidationError
from auditwright.ids import from_microseconds, parse_time
from auditwright.json_value import INTEGERS, WIDEST, measures
from auditwright.limits import (
    MAX_FAILURE_REASON,
    MAX_METADATA,
    MAX_STRING,
    names_at,
    sanitize,
    text_of,
    truncate,
)
from auditwright.recording.envelope import CANNOT_FAIL, NO_FAILURE
from auditwright.recording.excerpt import as_json, excerpt, with_few_unknown, without_contents
from auditwright.recording.problem_text import (
    MAX_INTEGER,
    conditional,
    described,
    fault,
    got,
    of_other_outcome,
    time_fault,
    unknown,
)

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event, Field

Form = dict[str, Any]

WRITABLE = (
    *("id", "account_id", "event", "occurred_at", "actor", "on_behalf_of", "ip_address"),
    *("outcome", "failure_reason", "context", "metadata"),
)
READ_ONLY = ("recorded_at", "level", "category", "description", "catalog_version", "alterations")
"""Parts of the JSON form that only the log writes: refused from services, kept by an import."""

TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
"""The strings of JSON (RFC 8259, section 7)."""
MAX_PARTS = 100_000
"""The most objects and lists of a JSON text, many times those of 1,000 entries."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_ACTOR = ("type", "id", "name")
_CONTEXT = (*LIMITS, SUBMITTED_BY)
_EXPECTED = {
    "id": "a UUID, version 7, in its usual text form",
    "account_id": "a string of 1 to 256 characters",
    "occurred_at": "an RFC 3339 time such as 2026-01-02T03:04:05.678901Z",
    "actor": f"an object with type ({ANY_TYPE}), id and name",
    "actor.type": ANY_TYPE,
    "actor.id": "a string of 1 to 256 characters",
    "actor.name": "a string",
    "on_behalf_of": 'an object with type ("user" or "app"), id and name',
    "on_behalf_of.type": '"user" or "app"',
    "on_behalf_of.id": "a string of 1 to 256 characters",
    "on_behalf_of.name": "a string",
    "ip_address": "an IP address",
    "outcome": '"success" or "failure"',
    "failure_reason": f"a string of 1 to {MAX_FAILURE_REASON} characters",
    "context": f"an object with {', '.join(LIMITS)}",
    "context.trace_id": "32 hexadecimal digits",
    "context.span_id": "16 hexadecimal digits",
    **{f"context.{name}": "a string" for name in ("request_id", "session_id", "user_agent")},
    "metadata": "an object",
}


def parse(payload: bytes | str) -> Form:
    """The JSON object of a payload; raises `ValidationError` for anything else."""
    if not issubclass(type(payload), (bytes, bytearray, memoryview, str)):
        raise _refused("entry", "", "a JSON object as bytes or str", type(payload).__name__)
    try:
        return as_form(decoded(text_of(payload) or payload))
    except TooManyParts:
        raise _refused("entry", "", f"at most {MAX_PARTS:,} objects and lists", "more") from None
    except NotJson as error:
        raise _refused("entry", "", "a JSON object", f"invalid JSON: {error}") from None


class NotJson(ValueError):
    """A text is not JSON; the message says where. Unlike a decoder's error it does not have the text."""


class TooManyParts(Exception):
    """A JSON text has more than `MAX_PARTS` objects and lists."""


def decoded(payload: bytes | str) -> Any:
    """The value of JSON, which may have lone surrogates, as other languages write them.

    Raises `NotJson`, and `TooManyParts` without parsing: to make very many objects takes long.
    """
    try:
        _check_parts(payload)
        return orjson.loads(payload)
    except ValueError as error:  # of the decoder, or of a memoryview that is released
        fault = str(error)
    value = _with_surrogates(payload)
    if value is None:
        raise NotJson(fault)
    return value


def _check_parts(payload: bytes | str) -> None:
    """Raise `TooManyParts` for very many objects and lists."""
    # A view, as a subclass of bytes may have a length of its own.
    if (len(payload) if isinstance(payload, str) else memoryview(payload).nbytes) <= MAX_PARTS:
        return
    text = (
        payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else bytes(memoryview(payload))
    )
    # In most texts all brackets together, those in strings included, are fewer.
    if _count_parts(text) > MAX_PARTS and _count_parts(TEXTS.sub(b"", text)) > MAX_PARTS:
        raise TooManyParts


def _count_parts(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _with_surrogates(payload: bytes | str) -> Any:
    """The value of JSON with lone surrogates, which orjson refuses; None if there are none."""
    try:
        text = payload if isinstance(payload, str) else bytes(payload).decode()
        return json.loads(text, parse_constant=_no_constant) if _SURROGATE.search(text) else None
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def as_form(form: object) -> Form:
    """The mapping as a form; raises `ValidationError` for anything else."""
    made = dict(form) if type(form) is dict else plain_dict(form, "entry", "", "a JSON object")
    for name in ("actor", "on_behalf_of", "context", "metadata"):
        part = made.get(name)
        if type(part) is not dict and issubclass(type(part), dict):
            made[name] = plain_dict(part, "entry", name, "an object")
    return made


def plain_dict(value: object, event: str, path: str, wanted: str) -> Form:
    """A copy of a mapping as a plain `dict`; raises `ValidationError` for anything else.

    A mapping that raises while it is read is refused too; the error is the cause.
    """
    if issubclass(type(value), dict):
        return dict(dict.items(cast("Form", value)))
    if not isinstance(value, Mapping):
        raise _refused(event, path, wanted, got(value))
    try:
        return dict(value)
    except Exception as error:
        problem = f"{type(value).__name__}, which raises {type(error).__name__} when it is read"
        raise _refused(event, path, wanted, problem) from error


class Schemas:
    """Validates entries in their JSON form with the JSON Schemas of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._json: dict[str, tuple[str, ...]] = {}
        """The JSON values of an event by its key."""

    def check(
        self,
        form: Form,
        altered: frozenset[str] = frozenset(),
        recorded_under: str | None = None,
        *,
        is_import: bool = False,
    ) -> Event:
        """The event of a valid JSON form; raises `ValidationError` with every problem.

        A system event is refused unless it is imported.
        `altered` names the fields of a stored entry that were sanitized or truncated: of their values only
        the types are checked. `recorded_under` is the catalog version of a stored entry: with another version
        the metadata need only be storable, because it was validated when it was recorded.
        """
        key = text_of(form.get("event"))
        event = self._catalog.event(key) if key is not None else None
        if recorded_under == self._catalog.version:
            recorded_under = None
        if event is None:
            if key is None:
                given = got(form["event"]) if "event" in form else "nothing"
                raise _refused("entry", "event", "the key of an event", given)
            raise self._unknown(key, recorded_under)
        if event.is_system and not is_import:
            raise ValidationError(event.key, (self._catalog.system_event_problem(),))
        if self.fits(event, form):
            return event
        with self._without_json(event, form):
            problems = self._problems(event, form, altered, recorded_under)
        if problems:
            raise ValidationError(event.key, problems)
        return event

    @bounded_effort()
    def _problems(
        self, event: Event, form: Form, altered: frozenset[str], recorded_under: str | None
    ) -> tuple[Problem, ...]:
        """The problems of a form that does not fit the schema; see `check`."""
        form.update(_exact(form))
        found = self._catalog.validator(event).iter_errors(as_json(self._excerpt(event, form)))
        if recorded_under is not None:
            return _envelope_faults(event, form, found) or unstorable(
                event, form["metadata"], self._catalog.columns.values()
            )
        if altered:
            return _problems_of_altered(event, form, list(found), altered)
        return described(problems_of(event, form, found))

    def _excerpt(self, event: Event, form: Form) -> Form:
        """The parts of a form that are enough to find its problems."""
        parts = with_few_unknown(form, (*WRITABLE, *READ_ONLY))
        part = {name: without_contents(value) for name, value in parts.items()}
        for name, known in (("actor", _ACTOR), ("on_behalf_of", _ACTOR), ("context", _CONTEXT)):
            if type(given := parts.get(name)) is dict:
                members = with_few_unknown(given, known)
                part[name] = {each: without_contents(value) for each, value in members.items()}
        if type(metadata := parts.get("metadata")) is dict:
            part["metadata"] = excerpt(self._catalog, event, metadata)
        return part

    def fits(self, event: Event, form: Form) -> bool:
        """Whether a JSON form is valid for the event's schema."""
        validator = self._catalog.validator(event)
        with self._without_json(event, form):
            try:
                return bool(validator.is_valid(form))
            except ValueError:  # a value that JSON cannot represent, or of a subclass, or a lone surrogate
                form.update(_exact(form))
                return bool(validator.is_valid(as_json(form)))

    @contextmanager
    def _without_json(self, event: Event, form: Form) -> Iterator[None]:
        """Take values of type json out of a form, and put them back.

        The schema allows any, and validators have limits for their depth; the metadata model judges them.
        """
        names = self._json.get(event.key)
        if names is None:
            found = tuple(field.name for field in event.metadata if field.kind == "json")
            names = self._json[event.key] = found
        metadata = form.get("metadata")
        if not names or type(metadata) is not dict:
            yield
            return
        values = {name: metadata[name] for name in names if metadata.get(name) is not None}
        form["metadata"] = metadata | dict.fromkeys(values, True)
        try:
            yield
        finally:
            form["metadata"] |= values

    def _unknown(self, key: str, recorded_under: str | None) -> ValidationError:
        """The error for an event that the catalog does not have."""
        shown = truncate(sanitize(key), 200)
        if recorded_under is None:
            return ValidationError(shown, (self._catalog.event_problem(key),))
        catalog = f"{self._catalog.package} {self._catalog.version}"
        return _refused(
            shown,
            "event",
            f"an event of {catalog}, or an alias of one",
            f"one that was recorded under {truncate(recorded_under, 100)}; {HINT}, and import again",
        )


HINT = (
    "put the event back into the catalog with deprecated:, or its key among the aliases: of the event that "
    "took its place"
)
"""The hint for stored entries of an event that the catalog does not have."""


def _envelope_faults(event: Event, form: Form, faults: Iterable[Any]) -> tuple[Problem, ...]:
    """The problems outside of the metadata, including that it is no object."""
    outside = (each for each in faults if not _is_within_metadata(form, list(each.instance_path)))
    return described(problems_of(event, form, outside))


def _is_within_metadata(form: Form, path: list[Any]) -> bool:
    return path[:1] == ["metadata"] and type(form["metadata"]) is dict


def _problems_of_altered(
    event: Event, form: Form, faults: list[Any], altered: frozenset[str]
) -> tuple[Problem, ...]:
    """The problems of a stored entry; of the altered fields only the types are checked."""
    if outside := _envelope_faults(event, form, faults):
        return outside
    exempt = altered & form["metadata"].keys()
    relevant = (each for each in problems_of(event, form, faults) if exempt.isdisjoint(names_at(each.path)))
    return described(chain(relevant, _type_problems(event, form["metadata"])))


def unstorable(event: Event, values: Form, columns: Iterable[str]) -> tuple[Problem, ...]:
    """The problems of metadata that no log with any catalog can have stored.

    Secrets and fields with a column of their own, `columns`, are stored as text.
    """
    texts = {each.name for each in event.metadata if each.sensitivity == "secret"}.union(columns)
    optional = {each.name for each in event.metadata if not each.always}
    problems: list[Problem] = []
    for name, value in values.items():
        if len(problems) == MAX_PROBLEMS:
            break
        if not is_stored_name(name):
            where = f"metadata.{truncate(sanitize(name), 100)}"
            problems.append(Problem(where, "the name of a field", "another text"))
        elif value is None and name in optional:
            continue  # it is not stored
        elif not (is_storable_json(value) if isinstance(value, (dict, list)) else is_storable(value)):
            problems.append(Problem(f"metadata.{name}", "a value that a log can have stored", got(value)))
        elif name in texts and not isinstance(value, str):
            problems.append(Problem(f"metadata.{name}", "a string, as it is stored today", got(value)))
    if not problems and len(orjson.dumps(values)) > MAX_METADATA:
        problems.append(Problem("metadata", f"at most {MAX_METADATA:,} bytes of JSON", "more"))
    return tuple(problems)


def is_storable(value: Any) -> bool:
    """Whether a log can have stored the value: text, a number or a boolean within the limits."""
    if isinstance(value, str):
        return sanitize(value) == value and len(value.encode()) <= MAX_STRING
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def is_storable_json(value: Any) -> bool:
    """Whether a log can have stored the object or list: texts, numbers, booleans, null and more of these."""
    if measures(value)[0] > WIDEST.max_depth:
        return False
    found = [value]
    while found:
        each = found.pop()
        if type(each) is dict:
            if not all(sanitize(name) == name for name in each):
                return False
            found += each.values()
        elif type(each) is list:
            found += each
        elif type(each) is int:
            if each not in INTEGERS:
                return False
        elif type(each) is str:
            if sanitize(each) != each:
                return False
        elif not (each is None or isinstance(each, bool) or is_storable(each)):
            return False
    return True


_JSON_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}


def _type_problems(event: Event, values: Form) -> Iterator[Problem]:
    """The problems of metadata in the names and types of its fields only."""
    fields = {field.name: field for field in event.metadata}
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            yield unknown(event, name)
            continue
        if field.kind == "json" or (value is None and not field.always):
            continue
        wanted = _JSON_TYPES.get(field.kind) or tuple({type(each) for each in field.values}) or (str,)
        for item in _parts(field, value):
            if not isinstance(item, wanted) or (bool not in wanted and isinstance(item, bool)):
                yield fault(event, [name], values)
                break


def _parts(field: Field, value: Any) -> list[Any]:
    """The items of a list, the given sides of a change, or the value itself."""
    if field.many and isinstance(value, list):
        return value
    if field.change and is_change(value):
        return [side for side in value.values() if side is not None]
    return [value]


_PLAIN = frozenset((str, int, float, bool, type(None), list, dict))


def _exact(value: Any, depth: int = 0) -> Any:
    """A copy in which texts, numbers, lists and objects have no subclass, whose methods may do anything.

    Other numbers become floats, as pydantic makes them of what an emitter gets; all else stays as it is.
    """
    kind = type(value)
    if kind in (str, int, float, bool) or value is None or depth > 8:
        return value
    if issubclass(kind, str):
        return text_of(value)
    if issubclass(kind, dict):
        return {
            text_of(name) or f"<{type(name).__name__}>": _exact(item, depth + 1)
            for name, item in dict.items(value)
        }
    if issubclass(kind, list):
        items = list(list.__iter__(value))
        # What is in the objects and lists of a list has no place in an entry, so that it needs no copy.
        return items if _PLAIN.issuperset(map(type, items)) else [_exact(item, depth + 1) for item in items]
    if issubclass(kind, int):
        return int.__int__(value)
    if issubclass(kind, float):
        return float.__float__(value)
    if not hasattr(kind, "__float__"):
        return value
    try:
        return float(value)
    except Exception:  # of the value's own method: it is no number
        return value


def problems_of(event: Event, form: Form, faults: Iterable[Any]) -> Iterator[Problem]:
    """The problems for the faults that jsonschema-rs found."""
    for error in faults:
        path = list(error.instance_path)
        if _is_within_metadata(form, path):
            yield from _metadata_problems(event, form, path[1:], error.kind)
        else:
            yield from _envelope_problems(event, form, path, error)


def _metadata_problems(event: Event, form: Form, path: list[Any], kind: Any) -> Iterator[Problem]:
    values: Form = form["metadata"]
    outcome = "failure" if form.get("outcome") == "failure" else "success"
    name = kind.property if kind.name == "required" and not path else path[0] if len(path) == 1 else None
    by_outcome = next((field for field in event.metadata if field.name == name and field.outcome), None)
    if by_outcome is not None and (values.get(by_outcome.name) is None) == (by_outcome.outcome == outcome):
        yield of_other_outcome(by_outcome, f"metadata.{name}", outcome)
    elif path:
        yield fault(event, path, values)
    elif kind.name == "additionalProperties":
        yield from (unknown(event, name) for name in kind.unexpected)
    elif kind.name == "required":
        field = next(field for field in event.metadata if field.name == kind.property)
        name = f"metadata.{field.name}"
        yield conditional(field, name, None) if field.when else fault(event, [field.name], values)


def _envelope_problems(event: Event, form: Form, path: list[Any], error: Any) -> Iterator[Problem]:
    kind = error.kind
    if kind.name == "additionalProperties" and not path:
        for name in kind.unexpected:
            if name in READ_ONLY:
                yield Problem(name, "nothing: the log itself writes it", "a value")
            elif name in WRITABLE:
                yield Problem(name, _expected(event, form, name), "a value")
            else:
                unknown_name = f"an unknown name{did_you_mean(name, WRITABLE)}"
                yield Problem(truncate(sanitize(name), 100), f"one of {', '.join(WRITABLE)}", unknown_name)
    elif kind.name == "required" and not path:
        yield Problem(kind.property, _EXPECTED[kind.property], "nothing")
    elif kind.name == "additionalProperties" and path == ["context"]:
        for name in kind.unexpected:
            expected = f"one of {', '.join(LIMITS)}"
            if name == SUBMITTED_BY:
                expected = "nothing: the server that takes the entry writes it"
            yield Problem(f"context.{truncate(sanitize(name), 100)}", expected, "a value")
    else:
        name = str(path[0]) if path else ""
        where = ".".join(map(str, path))
        value: Any = form
        for step in path:
            value = value[step]
        # Names and addresses are personal data and must not be in an error text.
        is_shown = name in ("id", "occurred_at", "outcome") and type(value) is str
        text = truncate(repr(sanitize(value)) if is_shown else got(value), 100)
        text += time_fault(value) if name == "occurred_at" and is_shown else ""
        yield Problem(where, _expected(event, form, where), text)


def _expected(event: Event, form: Form, path: str) -> str:
    """What a part of the envelope is; the outcome decides about the reason of a failure."""
    if not event.can_fail and path in ("outcome", "failure_reason"):
        return CANNOT_FAIL
    if path == "failure_reason" and form.get("outcome") != "failure":
        return NO_FAILURE
    if path in ("actor.id", "actor.name") and form["actor"].get("type") == "anonymous":
        return NOBODY
    return _EXPECTED.get(path, "what the schema allows")


def options_of(form: Form) -> dict[str, Any]:
    """The emitter's options of a checked JSON form."""
    options: dict[str, Any] = {name: form[name] for name in _AS_OPTIONS if name in form}
    if form.get("outcome", "success") != "success":  # any event may say that it is a success
        options["outcome"] = form["outcome"]
    if "id" in form:
        options["id"] = uuid.UUID(form["id"])
    if "occurred_at" in form:
        options["occurred_at"] = from_microseconds(parse_time(form["occurred_at"]))
    for name in ("actor", "on_behalf_of"):
        if name in form:
            actor = form[name]
            options[name] = Actor(actor["type"], actor.get("id"), actor.get("name"))
    return options


_AS_OPTIONS = ("account_id", "ip_address", "failure_reason", "context")
"""The parts of the JSON form that are options as they are."""


def microseconds_of(text: object, path: str) -> int:
    """A time in the JSON form as microseconds since 1970; raises `ValidationError` with the path."""
    try:
        moment = parse_time(text) if isinstance(text, str) else -1
    except ValueError:
        moment = -1
    if moment < 0:
        raise _refused("entry", path, _EXPECTED["occurred_at"], got(text))
    return moment


def _refused(event: str, path: str, wanted: str, got: str) -> ValidationError:
    return ValidationError(event, (Problem(path or "entry", wanted, got),))
