"""What an assertion of the fixture `audit` looks for, and how an entry differs from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from pydantic import ValidationError as ModelError

from auditwright.actor import Actor
from auditwright.actor import ip_address as normal_address
from auditwright.change import Change, is_change, sides_of
from auditwright.effort import did_you_mean
from auditwright.emitters import as_text, timestamp
from auditwright.entry import FINGERPRINT
from auditwright.entry_context import checked_parts
from auditwright.errors import Problem, ValidationError
from auditwright.ids import format_time, parse_time
from auditwright.json_value import NotJsonValue, canonical_json, plain_json
from auditwright.limits import shown
from auditwright.recording.envelope import CANNOT_FAIL
from auditwright.recording.problem_text import expected as expected_by
from auditwright.recording.problem_text import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditwright.catalog import Event, Field
    from auditwright.contrib.pytest_watching import Sighting
    from auditwright.event_model import EventModel


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that an entry should have, and the one that it has."""

    name: str
    wanted: object
    got: object
    field: Field | None = None


class Wanted:
    """What an assertion looks for."""

    def __init__(
        self,
        event: Event | None,
        model: type[EventModel] | None,
        envelope: Mapping[str, Any],
        fields: Mapping[str, object],
    ) -> None:
        self.event = event
        self.envelope = _checked_envelope(event, envelope)
        """What is wanted of the entry besides its metadata, by the names of its attributes."""
        self._model = model
        metadata = event.metadata if event is not None else ()
        # Code gives the name in Python; the name in JSON is taken, too.
        self.declared = {field.name: field for field in metadata} | {f.identifier: f for f in metadata}
        self.fields = {name: self._value(name, value) for name, value in fields.items()}

    def fits(self, sighting: Sighting) -> bool:
        """Whether an entry is such an entry."""
        return self.is_event(sighting) and not self.differences(sighting)

    def is_event(self, sighting: Sighting) -> bool:
        """Whether an entry is of the event."""
        if self.event is None:
            return True
        event = sighting.log.catalog.event(sighting.entry.event)
        return event is not None and event.key == self.event.key

    def differences(self, sighting: Sighting) -> list[Difference]:
        """Everything in which an entry of the event differs."""
        entry = sighting.entry
        found: list[Difference] = []
        for name, expected in self.envelope.items():
            got = getattr(entry, name)
            if name == "context":
                parts = (
                    Difference(f"context.{part}", text, got.get(part)) for part, text in expected.items()
                )
                found += (part for part in parts if part.wanted != part.got)
            elif not (_is_actor(expected, got) if name in _ACTORS else expected == got):
                found.append(Difference(name, expected, got))
        metadata = entry.metadata if self.fields else {}
        for name, wanted in self.fields.items():
            field = self.declared[name]
            got = metadata.get(field.name)
            if field.sensitivity == "secret":
                wanted = _fingerprint(wanted, field, sighting)
            if not _equal(wanted, got):
                found.append(Difference(name, wanted, got, field))
        return found

    def _value(self, name: str, value: object) -> object:
        """The value as an entry has it; raises `ValidationError` for one that no entry can have."""
        event, field = self.event, self.declared.get(name)
        assert event is not None  # noqa: S101 - for type checkers
        if field is None:
            raise ValidationError(event.key, (unknown(event, name, _ENVELOPE),))
        if field.kind == "json":
            return self._json_value(field, value)
        if isinstance(value, tuple):
            value = list(value)
        if field.kind in ("date", "uuid"):
            value = as_text(value)
        if isinstance(value, datetime | Change) or (field.many and isinstance(value, list)):
            value = timestamp(f"{event.key}:{field.name}", value)
        if field.change:
            return self._change(event, field, sides_of(value))
        items = value if field.many and isinstance(value, list) else [value]
        if field.many and type(value) in _PLAIN - {list}:
            raise _impossible(event, field, value)
        for each in items:
            if type(each) in _PLAIN and type(each) not in (_TYPES.get(field.kind) or _types(field)):
                raise _impossible(event, field, each)
            choices = field.identifiers.values() or field.values
            if field.kind == "enum" and type(each) is str and each not in (*choices, *field.values):
                raise _impossible(event, field, each, did_you_mean(each, choices))
        if field.kind == "timestamp":
            items = [_in_utc(each) for each in items]
            value = items if field.many and isinstance(value, list) else items[0]
        if all(type(each) in _PLAIN for each in items) and self._is_refused(field, value):
            raise _impossible(event, field, value)
        return _as_stored(field, value)

    def _json_value(self, field: Field, value: object) -> object:
        """The plain form of a JSON value; other values may be equal to anything."""
        event = self.event
        assert event is not None  # noqa: S101 - for type checkers
        try:
            return plain_json(value)
        except NotJsonValue:
            if type(value) in _PLAIN - {dict, list}:  # in these may be something like `unittest.mock.ANY`
                raise _impossible(event, field, value) from None
            return value

    def _change(self, event: Event, field: Field, value: object) -> object:
        """The JSON form of a change, whose sides may be equal to anything."""
        if type(value) not in _PLAIN:
            return value
        if not is_change(value):
            raise _impossible(event, field, value)
        sides = cast("dict[str, object]", value)
        if all(side is None or type(side) in _PLAIN for side in sides.values()) and self._is_refused(
            field, sides
        ):
            raise _impossible(event, field, value)
        return {name: _as_stored(field, side) for name, side in sides.items()}

    def _is_refused(self, field: Field, value: object) -> bool:
        """Whether the event's model refuses the value, whatever the values of the other fields are."""
        assert self._model is not None  # noqa: S101 - for type checkers
        if field.sensitivity == "secret" and type(value) is str and FINGERPRINT.match(value):
            return False
        try:
            self._model.model_validate({field.identifier: value})
        except ModelError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            return any(
                fault["loc"][:1] == (field.identifier,) and not fault["type"].startswith("when_")
                for fault in faults
            )
        return False


def _types(field: Field) -> tuple[type, ...]:
    """The types of a text, or of an enum's value: those of some are stored as integers."""
    return (str, *{type(value) for value in field.values})


def _as_stored(field: Field, value: object) -> object:
    """The value in the form in which it is stored: names of enums, letters of UUIDs, and so on."""
    if isinstance(value, list):
        return [_as_stored(field, item) for item in value]
    if field.kind == "bigint":
        return str(value) if type(value) is int else value
    if field.kind == "uuid":
        return value.lower() if isinstance(value, str) else value
    if field.kind == "timestamp":
        return _in_utc(value)
    return field.stored_values.get(value, value) if isinstance(value, str) else value


_PLAIN = {str, int, float, bool, list, dict, bytes, set, frozenset, date, UUID}
"""Types whose values are compared as they are; others may be equal to anything, like `unittest.mock.ANY`."""
_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "bigint": (int, str),
}


_ACTORS = ("actor", "on_behalf_of")
_ENVELOPE = (*_ACTORS, "account_id", "ip_address", "outcome", "failure_reason", "context")


def _checked_envelope(event: Event | None, envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The parts that are given; raises `ValidationError` for one that no entry can have."""
    given = {name: value for name, value in envelope.items() if value is not None}
    key = event.key if event is not None else ""
    for name in _ACTORS:
        if not isinstance(given.get(name), (Actor, str, type(None))):
            raise invalid(key or name, name, "an Actor or the id of one", type(given[name]).__name__)
    if "ip_address" in given:
        given["ip_address"] = normal_address(given["ip_address"])
    if "context" in given:
        given["context"] = checked_parts(given["context"])
    outcome = given.get("outcome", "success")
    if outcome not in ("success", "failure"):
        raise invalid(key or "outcome", "outcome", '"success" or "failure"', shown(outcome))
    if event is not None and not event.can_fail and (outcome == "failure" or "failure_reason" in given):
        raise invalid(key, "outcome", CANNOT_FAIL, "a failure")
    return given


def _is_actor(wanted: Actor | str, actor: Actor | None) -> bool:
    if isinstance(wanted, str) or actor is None:
        return actor is not None and wanted == actor.id
    return wanted == (actor if wanted.name is not None else replace(actor, name=None))


def _equal(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, bool) is not isinstance(got, bool) and type(wanted) in _PLAIN:
        return False
    return bool(wanted == got)


def _fingerprint(value: object, field: Field, sighting: Sighting) -> object:
    key = sighting.log._recorder.secret_key
    if key is None or (type(value) is str and FINGERPRINT.match(value)):
        return value
    if field.kind == "json" and type(value) in (str, int, float, bool, list, dict):
        value = canonical_json(value)
    if type(value) is not str:
        return value
    return key.fingerprint(value, account_id=sighting.entry.account_id, field=field.name)


def _in_utc(value: object) -> object:
    try:
        return format_time(parse_time(value)) if type(value) is str else value
    except ValueError:
        return value


def _impossible(event: Event, field: Field, value: object, hint: str = "") -> ValidationError:
    got = "another one" if field.sensitivity == "secret" else f"{shown(value)}{hint}"
    return invalid(event.key, f"metadata.{field.name}", expected_by(field), got)


def invalid(event: str, path: str, expected: str, got: str) -> ValidationError:
    """The error for one wrong argument of an assertion."""
    return ValidationError(event, (Problem(path, expected, got),))
