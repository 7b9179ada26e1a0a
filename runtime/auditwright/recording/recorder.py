"""Builds the row of an entry: fingerprint secrets, validate, sanitize, truncate, describe.

    values -> fingerprints -> metadata model -> sanitized and truncated values -> row

It does no I/O and knows no database. An `_EventPlan` caches what recording an event needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sys import modules
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError as ModelError

from auditwright.actor import identifier
from auditwright.catalog import OPERATOR_ACCOUNT
from auditwright.context import current
from auditwright.entry import FINGERPRINT, SUCCESS, Entry, Row, digest, row_digest
from auditwright.errors import SecretKeyMissing, ValidationError
from auditwright.ids import clock, format_time, make_id, parse_time
from auditwright.limits import (
    MAX_STRING,
    Alterations,
    sanitize,
    sanitize_text,
    sanitize_values,
    text_of,
    truncate,
    truncate_text,
    truncate_values,
)
from auditwright.recording.description import MessageTemplate
from auditwright.recording.envelope import SPANS, TimeAhead, context_json, envelope_of, missing
from auditwright.recording.fingerprint import HINT, SecretKey

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.catalog import Catalog, Event, Field
    from auditwright.event_model import EventModel
    from auditwright.json_value import Bounds


@dataclass(frozen=True, slots=True)
class _EventPlan:
    """The cached data for recording one event."""

    event: Event
    is_system: bool
    """Whether Auditwright alone records it."""
    validate: Callable[[Any], EventModel]
    all_required: bool
    """Whether every field is always present, so that no None needs to be removed."""
    secrets: tuple[str, ...]
    forms: tuple[tuple[str, Callable[[Any], Any]], ...]
    """The fields of which a value has several spellings, with the function that gives the stored one."""
    json: dict[str, Bounds]
    """The JSON values, except secret ones."""
    secret_json: frozenset[str]
    columns: tuple[str | None, ...]
    """For each column of the catalog, the field in it, or None; empty without such a field."""
    message: MessageTemplate
    failure_message: MessageTemplate | None
    """None for an event that cannot fail."""
    by_outcome: tuple[Field, ...]
    """The fields that an entry has with one outcome only."""
    names: dict[str, str]
    """The names in Python that are others than in the JSON form."""
    stored: Callable[[dict[str, Any]], dict[str, Any]] | None
    """Turns the values of the model into those to store, for an event where they differ."""


@dataclass(frozen=True, slots=True)
class ImportedParts:
    """The parts of an entry that an import keeps as the other log wrote them; None is set anew."""

    event: str
    level: str | None = None
    category: str | None = None
    description: str | None = None
    catalog_version: str | None = None
    recorded_at: int | None = None
    alterations: str | None = None
    """JSON."""
    skip_validation: bool = False
    """Whether the values are stored without validation: they were altered or recorded under another catalog,
    and the import has checked them.
    """


class Recorder:
    """Builds entries for one catalog. Thread-safe."""

    def __init__(self, catalog: Catalog, account_id: str | None, secret_key: SecretKey | None) -> None:
        self.catalog = catalog
        self.account_id = identifier("account_id", account_id) if account_id is not None else None
        self.secret_key = secret_key
        self._plans: dict[str, _EventPlan] = {}
        self._no_columns = (None,) * len(catalog.columns)

    def entry(self, key: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> Entry:
        """The entry of an event; see `row`."""
        return Entry(self.catalog, self.row(key, values, options))

    def row(
        self,
        key: str,
        values: Mapping[str, Any],
        options: Mapping[str, Any],
        imported: ImportedParts | None = None,
        *,
        by_auditwright: bool = False,
    ) -> Row:
        """The row of an entry; None among the values means "not given".

        `imported` has the parts that an import keeps unchanged; fingerprints are kept as well. A system event
        is refused unless it is imported or recorded `by_auditwright`, and so is any event in the operator
        account. Raises `ValidationError` with every problem, among them `TimeAhead`, or `SecretKeyMissing`.
        """
        plan = self._plans.get(key) or self._plan(key)
        event = plan.event
        if plan.is_system and not (by_auditwright or imported is not None):
            raise ValidationError(event.key, (self.catalog.system_event_problem(),))
        if options:
            envelope = envelope_of(event, options, self.account_id, imported is not None)
            account_id, entry_id, occurred_at, actor, address, details, is_ahead = envelope[:7]
            outcome, failure_reason, on_behalf_of, in_context = envelope[7:]
        else:
            context = current()
            account_id, actor = context.account_id or self.account_id, context.actor
            address, entry_id, occurred_at, details = context.ip_address, None, clock.now(), None
            is_ahead, outcome, failure_reason, on_behalf_of = False, "success", None, context.on_behalf_of
            in_context = None
            if context.details or SPANS in modules:  # most entries have none, and a call takes longer
                in_context = context_json(context)
        if account_id is None or actor is None:
            raise ValidationError(event.key, missing(account_id, actor))
        if account_id == OPERATOR_ACCOUNT and not (
            by_auditwright or (plan.is_system and imported is not None)
        ):
            raise ValidationError(event.key, (self.catalog.operator_account_problem(),))

        alterations: Alterations = {}
        data, body = self._data(plan, account_id, values, imported, alterations)
        if plan.by_outcome and not (imported is not None and imported.skip_validation):
            _check_fields_of_outcome(plan, outcome, data)
        if imported is not None and imported.description is not None:
            description = imported.description
        else:
            message = plan.message if outcome == "success" else plan.failure_message or plan.message
            description = message.render(data, actor, address, on_behalf_of)
            if details or len(description) > MAX_STRING // 4:  # a character has at most 4 bytes
                description = _with_details(description, details, alterations)
        if actor.alterations:
            alterations |= actor.alterations
        if outcome == "success" and on_behalf_of is None:
            done = SUCCESS
        else:
            done = _outcome_columns(outcome, failure_reason, on_behalf_of, alterations)
        altered = orjson.dumps(alterations).decode() if alterations else None
        level, category, version, recorded_at = event.level, event.category, self.catalog.version, None
        key = event.key
        if imported is not None:
            key, altered = imported.event, imported.alterations or altered
            level = level if imported.level is None else imported.level
            category = imported.category or category
            version, recorded_at = imported.catalog_version or version, imported.recorded_at
        said = body
        if plan.secrets:
            given = {name: value for name, value in data.items() if name not in plan.secrets}
            said = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        content = digest(key, occurred_at, actor, address, description, altered, said, done)
        leading = (
            account_id,
            entry_id or make_id(occurred_at),
            occurred_at,
            time.time_ns() // 1000 if recorded_at is None else recorded_at,
            level,
            category,
            key,
            actor.type,
            actor.id,
            actor.name,
            address,
            description,
        )  # the order of `entry.LEADING`
        of_row = row_digest(leading, version, content, altered, body, done, in_context)
        in_columns = self._no_columns
        if plan.columns:
            in_columns = tuple(None if name is None else data.pop(name, None) for name in plan.columns)
            body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        row = (*leading, *in_columns, *done, in_context, version, content, of_row, altered, body.decode())
        if is_ahead:
            raise TimeAhead(event.key, row)
        return row

    def _data(
        self,
        plan: _EventPlan,
        account_id: str,
        values: Mapping[str, Any],
        imported: ImportedParts | None,
        alterations: Alterations,
    ) -> tuple[dict[str, Any], bytes]:
        """The values to store, validated, and their JSON with sorted keys."""
        if plan.names and not (imported is not None and imported.skip_validation):
            values = _by_stored_names(plan, values)
        if plan.secrets:
            values = self._without_secrets(plan, account_id, values, imported is not None)
        if imported is not None and imported.skip_validation:
            data = {name: value for name, value in values.items() if value is not None}
            if imported.catalog_version in (None, self.catalog.version):
                data |= {name: in_form(data[name]) for name, in_form in plan.forms if name in data}
            return _with_positive_zeros(data, orjson.dumps(data, option=orjson.OPT_SORT_KEYS))
        data = self._validated(plan, values, alterations)
        if plan.forms:
            for name, in_form in plan.forms:
                if name in data:
                    data[name] = in_form(data[name])
        if plan.json:
            from auditwright.json_value import WIDEST, stored_json

            # Another catalog may allow more.
            is_foreign = imported is not None and imported.catalog_version not in (None, self.catalog.version)
            for name, bounds in plan.json.items():
                if name in data:
                    within = WIDEST if is_foreign else bounds
                    data[name] = stored_json(f"metadata.{name}", data[name], within, alterations)
        try:
            body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # a lone surrogate in an unconstrained string, which pydantic accepts
            body = b"\\u0000"
        if b"\\u0000" in body:
            sanitized = sanitize_values(data, alterations, plan.json)
            data = self._validated(plan, sanitized, alterations)
            body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        data, body = _with_positive_zeros(data, body)
        if len(body) > MAX_STRING:
            data = truncate_values(data, alterations, plan.json)
            body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
        return data, body

    def _plan(self, key: str) -> _EventPlan:
        event = self.catalog.event(key)
        if event is None:
            raise ValidationError(truncate(sanitize(key), 200), (self.catalog.event_problem(key),))
        fields = {field.name: field for field in event.metadata}
        secrets = tuple(name for name, field in fields.items() if field.sensitivity == "secret")
        by_identifier = {field.identifier: field.name for field in fields.values()}
        columns = tuple(map(by_identifier.get, self.catalog.columns))
        plan = _EventPlan(
            event,
            event.is_system,
            self.catalog.model(event).__pydantic_validator__.validate_python,
            all(field.always for field in fields.values()),
            secrets,
            tuple((name, _FORMS[field.kind]) for name, field in fields.items() if field.kind in _FORMS),
            _json_bounds(event),
            frozenset(name for name in secrets if fields[name].kind == "json"),
            columns if any(columns) else (),
            MessageTemplate.of(event, event.message),
            MessageTemplate.of(event, event.failure_message) if event.can_fail else None,
            tuple(field for field in event.metadata if field.outcome),
            {identifier: name for identifier, name in by_identifier.items() if identifier != name},
            _stored_form(event),
        )
        self._plans[key] = plan
        return plan

    def _without_secrets(
        self, plan: _EventPlan, account_id: str, values: Mapping[str, Any], imported: bool
    ) -> dict[str, Any]:
        """The values with a fingerprint for each secret; nothing else ever sees the secrets."""
        safe = dict(values)
        for name in plan.secrets:
            secret = text_of(safe.get(name))
            if imported and secret is not None and FINGERPRINT.match(secret):
                continue
            if name in plan.secret_json:
                secret = _canonical(safe.get(name))
            if secret is None:
                continue
            if self.secret_key is None:
                raise SecretKeyMissing(
                    f'{plan.event.key}: the field "{name}" is secret and no key is configured to keep its '
                    f"fingerprint; {HINT}"
                )
            safe[name] = self.secret_key.fingerprint(secret, account_id=account_id, field=name)
        return safe

    def _validated(
        self, plan: _EventPlan, values: Mapping[str, Any], alterations: Alterations
    ) -> dict[str, Any]:
        """The validated values, sanitized if only that makes them valid; raises every problem.

        The error is raised outside of `except`: as its context, pydantic's error would show the values,
        secrets among them.
        """
        try:
            return _given(plan, plan.validate(values))
        except ModelError as error:
            refusal = error
        sanitized = sanitize_values(dict(values), alterations, plan.json)
        if alterations:
            try:
                return _given(plan, plan.validate(sanitized))
            except ModelError as error:
                refusal = error
        from auditwright.recording.problem_text import model_faults  # needed for errors only

        refusal = self._with_few_faults(plan, refusal, sanitized)
        raise ValidationError(plan.event.key, model_faults(plan.event, refusal, sanitized))

    def _with_few_faults(
        self, plan: _EventPlan, refusal: ModelError, values: Mapping[str, Any]
    ) -> ModelError:
        """The error of an excerpt of the values, if the error of all has too many faults to read."""
        from auditwright.recording.excerpt import MAX_FAULTS, excerpt

        if refusal.error_count() > MAX_FAULTS:
            try:
                plan.validate(excerpt(self.catalog, plan.event, values))
            except ModelError as error:
                return error
        return refusal


def _check_fields_of_outcome(plan: _EventPlan, outcome: str, data: Mapping[str, Any]) -> None:
    """Raise `ValidationError` for each field that an entry with this outcome has, or lacks, wrongly.

    The model checks no condition of these fields, also none on other fields.
    """
    problems = []
    for field in plan.by_outcome:
        path, value = f"metadata.{field.name}", data.get(field.name)
        holds = all(data.get(name) in values for name, values in field.when.items())
        if value is None:
            contradicts = field.outcome == outcome and field.required and holds
        else:
            contradicts = field.outcome != outcome
        if contradicts or (value is not None and not holds):
            from auditwright.recording.problem_text import conditional, of_other_outcome  # for errors only

            problem = (
                of_other_outcome(field, path, outcome) if contradicts else conditional(field, path, value)
            )
            problems.append(problem)
    if problems:
        raise ValidationError(plan.event.key, tuple(problems))


def _outcome_columns(
    outcome: str, failure_reason: str | None, on_behalf_of: Actor | None, alterations: Alterations
) -> Row:
    """The columns of `entry.SUCCESS` of an entry that has something else in them."""
    if failure_reason is not None:
        failure_reason = sanitize_text("failure_reason", failure_reason, alterations)
    if on_behalf_of is None:
        return (outcome, failure_reason, None, None, None)
    for path, note in on_behalf_of.alterations.items():
        alterations[f"on_behalf_of{path.removeprefix('actor')}"] = note
    return (outcome, failure_reason, on_behalf_of.type, on_behalf_of.id, on_behalf_of.name)


def _json_bounds(event: Event) -> dict[str, Bounds]:
    """The bounds of the JSON values of an event, except secret ones."""
    found = [field for field in event.metadata if field.kind == "json" and field.sensitivity != "secret"]
    if not found:
        return {}
    from auditwright.json_value import Bounds  # few events need it

    return {field.name: Bounds(**field.json_bounds) for field in found}


def _canonical(value: object) -> str | None:
    """The text of a secret JSON value of which the fingerprint is made; None for what is no JSON."""
    from auditwright.json_value import NotJsonValue, canonical_json, plain_json

    try:
        return None if value is None else canonical_json(plain_json(value))
    except NotJsonValue:
        return None


def _stored_form(event: Event) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    if not any(field.is_converted for field in event.metadata):
        return None
    from auditwright.recording.stored_form import stored_form  # few events need it

    return stored_form(event)


def _by_stored_names(plan: _EventPlan, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values by their names in the JSON form: a model has those of Python."""
    renamed = {plan.names.get(name, name): value for name, value in values.items()}
    return renamed if len(renamed) == len(values) else values  # a field under both names is refused


def _given(plan: _EventPlan, model: EventModel) -> dict[str, Any]:
    """The validated values in the stored form, without None.

    The model is not shared, so its dict may be used and changed.
    """
    data = vars(model)
    if not plan.all_required:
        data = {name: value for name, value in data.items() if value is not None}
    return data if plan.stored is None else plan.stored(data)


def _with_positive_zeros(data: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """The values and their JSON with 0.0 for -0.0, as PostgreSQL stores it: both engines have equal rows."""
    if b"-0.0" not in body:
        return data, body
    data = {name: _without_negative_zero(value) for name, value in data.items()}
    return data, orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def _without_negative_zero(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_negative_zero(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_negative_zero(item) for item in value]
    return 0.0 if value == 0.0 and isinstance(value, float) else value


def _in_utc(value: Any) -> Any:
    """A time, a list or a change of times, in UTC with microseconds, so that times sort as text.

    Values that are no time are returned as they are.
    """
    if isinstance(value, list):
        return [_in_utc(item) for item in value]
    if isinstance(value, dict):
        return {side: _in_utc(item) for side, item in value.items()}
    try:
        if len(value) == 27 and value[10] == "T" and value[26] == "Z":  # as emitters write it
            return value
        return format_time(parse_time(value))
    except (TypeError, ValueError):
        return value


def _in_small_letters(value: Any) -> Any:
    """A UUID, a list or a change of UUIDs, in small letters; other values as they are."""
    if isinstance(value, list):
        return [_in_small_letters(item) for item in value]
    if isinstance(value, dict):
        return {side: _in_small_letters(item) for side, item in value.items()}
    return value.lower() if isinstance(value, str) else value


_FORMS: dict[str, Callable[[Any], Any]] = {"timestamp": _in_utc, "uuid": _in_small_letters}
"""By kind of field."""


def _with_details(description: str, details: str | None, alterations: Alterations) -> str:
    if details:
        description = f"{description} {sanitize_text('details', details, alterations)}"
    return truncate_text("description", description, alterations)
