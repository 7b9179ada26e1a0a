"""From a call to an entry: validate, complete from the context, describe, and lay out as a row.

    values -> secrets fingerprinted -> metadata model -> cleaned and cut where needed -> Entry

No ORM object, no I/O. What every event needs once is prepared in a `_Plan` when it is first recorded.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError as ModelError

from auditwright.context import Actor, current, identifier, ip_address
from auditwright.entry import (
    Entry,
    Row,
    clock,
    digest,
    format_time,
    id_time,
    make_id,
    to_microseconds,
)
from auditwright.errors import Problem, SecretKeyMissing, ValidationError
from auditwright.fingerprint import FINGERPRINT, WAY_OUT, SecretKey
from auditwright.limits import (
    MAX_DETAILS,
    MAX_STRING,
    Alterations,
    clean,
    clean_values,
    cut_text,
    cut_values,
    short,
)
from auditwright.wording import model_faults, unknown

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event, Field
    from auditwright.events import EventModel

OPTIONS: Final = ("id", "session", "actor", "ip_address", "occurred_at", "account_id", "details")
MAX_AHEAD = 5 * 60 * 1_000_000
"""Microseconds that `occurred_at` may be ahead of this machine's clock."""
LAST = 253_402_300_799_999_999
"""The last microsecond of the calendar: an id has room for later ones."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}|(\{\{)|(\}\})")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What recording one event needs, looked up once."""

    event: Event
    validate: Callable[[Any], EventModel]
    always_whole: bool
    """Whether every field is always there, so that nothing is to be left out of the data."""
    secrets: tuple[str, ...]
    columns: tuple[str, ...]
    """The fields with a column of their own."""
    template: str
    """The message with %(name)s for each placeholder."""
    worded: dict[str, Field]
    """The placeholders whose values are put into words: all but plain text."""


class Recorder:
    """Makes entries for one catalog; knows no database. Safe to use from many threads."""

    def __init__(self, catalog: Catalog, account_id: str | None, secret_key: SecretKey | None) -> None:
        self.catalog = catalog
        self.account_id = identifier("account_id", account_id) if account_id is not None else None
        self.secret_key = secret_key
        self._plans: dict[str, _Plan] = {}
        self._no_columns = (None,) * len(catalog.columns)

    def entry(self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> Entry:
        """The finished entry of an event; see `row`."""
        return Entry(self.catalog, self.row(key, values, options))

    def row(
        self, key: str, values: Mapping[str, Any], options: Mapping[str, Any], stored: bool = False
    ) -> Row:
        """The row of a finished entry; None among the values means "not given".

        `stored` says that the values were stored before (an import): fingerprints are kept as they are.
        Raises `ValidationError` with every problem, or `SecretKeyMissing`.
        """
        plan = self._plans.get(key) or self._plan(key)
        event = plan.event
        if options:
            account_id, entry_id, occurred_at, actor, address, details = self._envelope(plan, options, stored)
        else:
            context = current()
            account_id, actor, address = (
                context.account_id or self.account_id,
                context.actor,
                context.ip_address,
            )
            entry_id, occurred_at, details = None, clock.now(), None
        if account_id is None or actor is None:
            raise ValidationError(event.key, _absent(account_id, actor))
        if plan.secrets:
            values = self._without_secrets(plan, values, stored)

        alterations: Alterations = {}
        try:
            data = _given(plan, plan.validate(values))
        except ModelError as error:
            data = self._cleaned(plan, values, error, alterations)
        try:
            body = orjson.dumps(data)
        except TypeError:  # a lone surrogate in a string without limits: pydantic did not look
            body = b"\\u0000"
        if b"\\u0000" in body:
            data = _given(plan, plan.validate(clean_values(data, alterations)))
            body = orjson.dumps(data)
        if len(body) > MAX_STRING:
            data = cut_values(data, alterations)
            body = orjson.dumps(data)
        description = _description(plan, data, actor, address)
        if details or len(description) > MAX_STRING // 4:  # a character has at most 4 bytes
            description = _bounded(description, details, alterations)
        content = digest(event.key, occurred_at, actor, address, body)
        in_columns = self._no_columns
        if plan.columns:
            in_columns = tuple(data.pop(name, None) for name in self.catalog.columns)
            body = orjson.dumps(data)
        return (
            account_id,
            entry_id or make_id(occurred_at),
            occurred_at,
            time.time_ns() // 1000,
            event.level,
            event.category,
            event.key,
            actor.type,
            actor.id,
            actor.name,
            address,
            description,
            *in_columns,
            self.catalog.version,
            content,
            orjson.dumps(alterations).decode() if alterations else None,
            body.decode(),
        )  # fmt: skip - the order of `entry.columns`

    def _plan(self, key: str) -> _Plan:
        event = self.catalog.event(key)
        if event is None:
            problem = Problem(
                "event", "an event of the catalog", f"{key!r}: {self.catalog.unknown_event(key)}"
            )
            raise ValidationError(short(clean(str(key)), 200), (problem,))
        model = self.catalog.model(event)
        fields = {field.name: field for field in event.metadata}
        names = [match[1] for match in _PLACEHOLDER.finditer(event.message) if match[1]]
        plain = event.message.replace("%", "%%")
        template = _PLACEHOLDER.sub(lambda match: f"%({match[1]})s" if match[1] else match[0][0], plain)
        plan = _Plan(
            event,
            model.__pydantic_validator__.validate_python,
            all(field.required and not field.when for field in fields.values()),
            tuple(name for name, field in fields.items() if field.sensitivity == "secret"),
            tuple(name for name in self.catalog.columns if name in fields),
            template,
            {name: fields[name] for name in names if name in fields and _worded(fields[name])},
        )
        self._plans[key] = plan
        return plan

    def _envelope(
        self, plan: _Plan, options: Mapping[str, Any], stored: bool
    ) -> tuple[str | None, bytes | None, int, Actor | None, str | None, str | None]:
        """What the options say, completed from the context: account, id, time, actor, address, details."""
        context = current()
        for name in options:
            if name not in OPTIONS:
                raise ValidationError(plan.event.key, (unknown(plan.event, name, OPTIONS),))
        actor = options.get("actor")
        if actor is None:
            actor = context.actor
        if actor is not None and not isinstance(actor, Actor):
            raise _wrong(plan, "actor", "an Actor", type(actor).__name__)
        account_id = options.get("account_id")
        details = options.get("details")
        if details is not None and not (isinstance(details, str) and len(details) <= MAX_DETAILS):
            came = f"{len(details)} characters" if isinstance(details, str) else type(details).__name__
            raise _wrong(plan, "details", f"a string of at most {MAX_DETAILS} characters", came)
        try:
            if account_id is not None:
                account_id = identifier("account_id", account_id)
            given = options.get("ip_address")
            # What was stored before with an actor had its own address, or none.
            around = None if stored and "actor" in options else context.address_of(actor)
            address = ip_address(given) if given is not None else around
        except ValidationError as error:
            raise ValidationError(plan.event.key, error.problems) from None
        entry_id, occurred_at = _id_and_time(plan, options.get("id"), options.get("occurred_at"))
        account_id = account_id or context.account_id or self.account_id
        return account_id, entry_id, occurred_at, actor, address, details or None

    def _without_secrets(self, plan: _Plan, values: Mapping[str, Any], stored: bool) -> dict[str, Any]:
        """The values with each secret as its fingerprint, before anything else sees them."""
        kept = dict(values)
        for name in plan.secrets:
            secret = kept.get(name)
            if not isinstance(secret, str) or (stored and FINGERPRINT.match(secret)):
                continue
            if self.secret_key is None:
                raise SecretKeyMissing(
                    f'{plan.event.key}: the field "{name}" is secret and no key is configured to keep its '
                    f"fingerprint; {WAY_OUT}"
                )
            kept[name] = self.secret_key.fingerprint(secret)
        return kept

    def _cleaned(
        self, plan: _Plan, values: Mapping[str, Any], error: ModelError, alterations: Alterations
    ) -> dict[str, Any]:
        """The validated data where only unstorable characters stood in the way; else every problem,
        raised.
        """
        kept = clean_values(dict(values), alterations)
        try:
            if alterations:
                return _given(plan, plan.validate(kept))
        except ModelError as still:
            error = still
        raise ValidationError(plan.event.key, model_faults(plan.event, error, kept)) from None


def _given(plan: _Plan, model: EventModel) -> dict[str, Any]:
    """The validated values that are there. The model is ours alone, so its own dict will do."""
    if plan.always_whole:
        return vars(model)
    return {name: value for name, value in model.__dict__.items() if value is not None}


def _description(plan: _Plan, data: dict[str, Any], actor: Actor, address: str | None) -> str:
    values = {
        "actor": actor.name or actor.id or actor.label,
        "ip_address": address or "an unknown address",
        **data,
    }
    for name, field in plan.worded.items():
        values[name] = _in_words(values[name], field)
    return plan.template % values


def _bounded(description: str, details: str | None, alterations: Alterations) -> str:
    text = f"{description} {clean(details)}" if details else description
    return cut_text("description", text, alterations)


def _worded(field: Field) -> bool:
    return field.many or bool(field.values) or field.kind in ("integer", "number", "boolean")


def _in_words(value: Any, field: Field) -> str:
    if isinstance(value, list):
        return ", ".join(_in_words(item, field) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return field.values.get(value, str(value))


def _absent(account_id: str | None, actor: Actor | None) -> tuple[Problem, ...]:
    problems = []
    if account_id is None:
        way = "an account: open the log with account_id=, use log.acting(account_id=...) or pass account_id="
        problems.append(Problem("account_id", way, "none"))
    if actor is None:
        way = "an actor: use log.acting(Actor.user(...)) around the call or pass actor="
        problems.append(Problem("actor", way, "none"))
    return tuple(problems)


def _wrong(plan: _Plan, path: str, expected: str, came: str) -> ValidationError:
    return ValidationError(plan.event.key, (Problem(path, expected, came),))


def _id_and_time(plan: _Plan, given_id: Any, moment: Any) -> tuple[bytes | None, int]:
    """The id, where one is given, and the time in microseconds; a given id must agree with the time."""
    entry_id: bytes | None = None
    stated: int | None = None
    if given_id is not None:
        try:
            entry_id = given_id.bytes if isinstance(given_id, uuid.UUID) else uuid.UUID(str(given_id)).bytes
        except ValueError:
            raise _wrong(plan, "id", "a UUID, version 7", short(repr(given_id), 60)) from None
        stated = id_time(entry_id)
        if stated is None:
            raise _wrong(plan, "id", "a UUID, version 7", f"version {uuid.UUID(bytes=entry_id).version}")
    if moment is None:
        occurred_at = stated if stated is not None else clock.now()
    elif isinstance(moment, datetime) and moment.tzinfo is not None:
        occurred_at = to_microseconds(moment)
    else:
        came = "one without a time zone" if isinstance(moment, datetime) else type(moment).__name__
        raise _wrong(plan, "occurred_at", "a datetime with a time zone", came)
    if occurred_at < 0:
        raise _wrong(plan, "occurred_at", "a time since 1970", str(moment))
    ahead = occurred_at - time.time_ns() // 1000
    if ahead > MAX_AHEAD:
        raise _wrong(
            plan, "occurred_at", "a time at most 5 minutes ahead", f"one {ahead // 60_000_000} minutes ahead"
        )
    if stated is not None and stated != occurred_at:
        came = format_time(stated) if stated <= LAST else "a time after the year 9999"
        raise _wrong(plan, "id", f"an id that states occurred_at, {format_time(occurred_at)}", came)
    return entry_id, occurred_at
