"""Parity: the artifacts of one catalog give the same verdict on every value.

For every event its example, and every mutation with a single fault (or none), goes to the published JSON
Schema (by jsonschema and by jsonschema-rs), the pydantic model, the emitter and `record_json`. The same holds
for entries of a failure, and for the rest of the envelope, which a model does not have. The end of the test
run says how many mutations were compared.
"""

import copy
import importlib
import json
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema_rs
import pydantic
import pytest
from tests.support.schema_engines import entry_validator

import audit_events
from auditwright import Actor, AuditLog, Catalog, SecretKey, ValidationError
from auditwright.catalog import Event, Field
from auditwright.entry import Row
from auditwright.event_model import EventModel
from auditwright.recording.envelope import OPTIONS
from auditwright.storage.base import Storage

Values = dict[str, Any]
KEY = SecretKey("test", bytes(range(32)))

# --- the mutations ---------------------------------------------------------------------------------

ANY_TYPE: tuple[Any, ...] = (
    "text",
    "",
    7,
    7.5,
    1e300,
    True,
    False,
    [],
    ["text"],
    [1],
    [None],
    {},
    {"a": 1},
    None,
)
"""A value of each JSON type, to be used where another type is expected."""

WHOLE: tuple[Any, ...] = (
    1.0, -1.0, 1.5, True, False, "1", 2**53 - 1, 2**53, -(2**53) + 1, -(2**53), float(2**53), 1e300, 0, -0.0,
)  # fmt: skip
TEXTS: tuple[str, ...] = ("", "a", "a\n", "\n", " ", "ä", "😀", "a" * 300, "e\u0301", "\u2028", "\ufeff")
OF_KIND: dict[str, tuple[Any, ...]] = {
    "string": TEXTS,
    "enum": (*TEXTS, "ONLINE", "open-source", "commercial ", "commercial\n"),
    "integer": WHOLE,
    "number": (*WHOLE, 2**60, 0.1, -0.1),
    "json": (*TEXTS, *WHOLE, {"": {"a": [None, {}]}}, [[[]]], "x" * 9000, [1] * 9000),
    "boolean": (0, 1, 0.0, 1.0, "true", "yes"),
    "timestamp": (
        "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.123456Z",
        "2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05z", "2026-01-02t03:04:05Z", "2026-01-02T03:04:05+00:00", "2026-01-02T24:00:00Z",
        "2026-01-02T03:04:05.123456789-23:59", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+0200",
        "0001-01-01T00:00:00-01:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
        "2026-01-02T03:04:60Z", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
        "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-1-2T03:04:05Z", "2026-01-02",
        "٢٠٢٦-01-02T03:04:05Z",
        " 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z ", "2026-01-02T03:04:05Z\n",
        "\n2026-01-02T03:04:05Z", "",
    ),
    "ip": (
        "203.0.113.7", "0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4",  # noqa: S104 - data
        "1.2.3.4 ",
        "1.2.3.4\n", "1.2.3.4/32", "1.2.3.4:80", "::", "::1", "2001:db8::1", "2001:DB8::1", "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2::3", ":::", "12345::", "::1.2.3.4",
        "::ffff:1.2.3.256", "fe80::1%eth0", "[::1]", "::1\n", "localhost", "٣.0.0.1", "",
    ),
    "url": (
        "https://example.com", "http://example.com/a?b=c#d", "https://example.com:8443/", "https://[::1]:80/x",
        "https://user:password@example.com/", "https://user@example.com", "https://example.com/a@b",
        "https://example.com?q=a@b", "https://example.com\\@evil.example/", "ftp://example.com",
        "//example.com",
        "HTTPS://example.com", "https://", "https:///a", "https://example.com/a b", "https://example.com/\t",
        "https://example.com/ä", "https://bücher.example/", "https://example.com\n", "https://example.com/a\n",
        "javascript:alert(1)", " https://example.com", "",
    ),
    "email": (
        "ada@example.com", "ada", "ada@", "@example.com", "ada@example", "ada@@example.com", "a@b@c.example",
        "ada@example.", "ada@.example", "ada@exa..mple", "ada @example.com", "ada@exam ple.com",
        "ada@example.com\n",
        "ädä@exämple.com", "ada+log@example.com", "ada@example.com ", "ada\t@example.com", "",
    ),
    "uuid": (
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "6ba7b8109dad11d180b400c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
        "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg", "6ba7b810-9dad-11d1-80b4-00c04fd430c8\n",
        " 6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b40-0c04fd430c8", "",
    ),
    "date": (
        "2026-01-31", "0001-01-01", "9999-12-31", "0000-01-01", "2024-02-29", "2026-02-29", "1900-02-29",
        "2000-02-29", "2026-04-31", "2026-13-01", "2026-00-01", "2026-01-00", "20260131", "2026-W05-6",
        "2026-1-31", "10000-01-01", "2026-01-31T00:00:00Z", "2026-01-31\n", " 2026-01-31", "٢٠٢٦-01-31", "",
    ),
    "bigint": (
        "0", "1", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "-9223372036854775809", "9007199254740993", "-0", "00", "+1", "1.0", "1e3", "0x1", " 1", "1\n", "1_0",
        "٣", "99999999999999999999", "",
    ),
}  # fmt: skip
"""Valid and invalid values at the limits of each kind."""


def mutated(event: Event, outcome: str = "success") -> Iterator[Values]:
    """The metadata of the example, or of one with a failure, and all its mutations with a single change."""
    first = event.example if outcome == "success" else failed_example(event)
    for example in [first, *whole_examples(event, outcome)]:
        yield example
        yield {**example, "no_such_field": "x"}
        # `ip_address` is an option of every emitter; the other fields that the entry fills are refused.
        for filled in (each.name for each in event.fields if each.entry and each.name not in OPTIONS):
            yield {**example, filled: "203.0.113.7"}
        for field in event.metadata:
            if field.name in example:
                yield {name: value for name, value in example.items() if name != field.name}
            for value in replacements(field, example.get(field.name)):
                yield {**example, field.name: value}


def failed_example(event: Event) -> Values:
    """The example as the metadata of a failure."""
    allowed = with_everything(event, event.example, "failure")
    return {name: value for name, value in allowed.items() if name in event.example or needed(event, name)}


def needed(event: Event, name: str) -> bool:
    return any(field.name == name and field.required for field in event.metadata)


def outcomes_of(event: Event) -> tuple[str, ...]:
    return ("success", "failure") if event.can_fail else ("success",)


def whole_examples(event: Event, outcome: str) -> Iterator[Values]:
    """For each value of a condition, the example with every field that is then allowed."""
    asked = {other: choices(event, other) for field in event.metadata for other in field.when}
    for other, values in asked.items():
        for value in values:
            yield with_everything(event, {**event.example, other: value}, outcome)
    yield with_everything(event, event.example, outcome)


def choices(event: Event, name: str) -> list[Any]:
    field = next(field for field in event.metadata if field.name == name)
    return [True, False] if field.kind == "boolean" else list(field.values)


def with_everything(event: Event, values: Values, outcome: str) -> Values:
    """Each allowed field; fields with a false condition are left out."""
    made: Values = {}
    fields = [field for field in event.metadata if field.outcome in ("", outcome)]
    for field in fields:
        if not field.when:
            made[field.name] = values.get(field.name, right_value(field))
    for field in fields:
        if field.when and all(made.get(other) in allowed for other, allowed in field.when.items()):
            made[field.name] = values.get(field.name, right_value(field))
    return made


RIGHT: dict[str, Any] = {
    "boolean": True, "timestamp": "2026-01-02T03:04:05Z", "ip": "203.0.113.7",
    "url": "https://example.com", "email": "ada@example.com", "date": "2026-01-31", "bigint": "7",
    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "json": {"a": [None, 1.5]},
}  # fmt: skip
MATCHING = ("AB-0001", "v1", "catalog.yaml", "left", "$12", "alpha", "text")
"""Texts of which each pattern in the catalogs under test matches one."""


def right_value(field: Field) -> Any:
    """A valid value of the field."""
    item = right_item(field)
    if field.change:
        return {"from": item, "to": None}
    return [item] * max(field.min_items or 0, 1) if field.many else item


def right_item(field: Field) -> Any:
    if field.kind == "enum":
        return next(iter(field.values))
    if field.kind in ("integer", "number"):
        low = 0 if field.min is None else math.ceil(field.min)
        return low if field.max is None else min(low, math.floor(field.max))
    if field.kind == "string":
        if field.pattern:
            return next(text for text in MATCHING if jsonschema_rs.is_valid({"pattern": field.pattern}, text))
        return "x" * max(field.min_length or 0, 1)
    return RIGHT[field.kind]


def replacements(field: Field, present: Any) -> Iterator[Any]:
    """Replacements of a field's value: wrong types, bounds and their neighbours, limits of its kind."""
    any_type = ANY_TYPE
    if field.kind == "bigint":  # Python has integers for what is text in JSON
        any_type = tuple(value for value in any_type if value != [1] and type(value) is not int)
    yield from any_type
    if field.change:
        right = right_item(field)
        yield from (
            {"from": right},
            {"to": right},
            {"from": right, "to": right, "x": right},
            {"before": right},
        )
        for side in (*any_type, *OF_KIND[field.kind], *at_bounds(field)):
            yield from ({"from": side, "to": None}, {"from": right, "to": side})
        return
    if not field.many:
        yield from (*OF_KIND[field.kind], *at_bounds(field))
        return
    items = present if isinstance(present, list) and present else [right_item(field)]
    for item in (*any_type, *OF_KIND[field.kind], *at_bounds(field)):
        yield [item]
        yield [*items, item]
    for most in (field.min_items, field.max_items):
        if most is not None:
            yield from ((items * (most + 2))[: most + step] for step in (-1, 0, 1) if most + step >= 0)
    yield [items[0], items[0]]
    yield [items]


def at_bounds(field: Field) -> Iterator[Any]:
    """Each bound, just below it and just above it."""
    for bound in (field.min, field.max):
        if bound is not None:
            yield from (bound, bound - 1, bound + 1, float(bound))
            yield from (math.nextafter(bound, -math.inf), math.nextafter(bound, math.inf))
    filler = "é"
    if field.pattern:
        filler = "0"
    for length in (field.min_length, field.max_length):
        if length is not None:
            for size in (length - 1, length, length + 1):
                if size >= 0:
                    yield filler * size
                    yield "😀" * size
    if field.kind == "enum":
        yield from field.values
        yield from (f"{value}\n" for value in field.values)
        yield from field.values.values()
    if field.pattern:
        for text in MATCHING:
            yield from (text, f"{text}\n", f"\n{text}", f"{text}x", f"x{text}", text.swapcase())


PRINCIPALS: tuple[Any, ...] = (
    {"type": "user", "id": "u-4"}, {"type": "app", "id": "a" * 256, "name": "Billing"},
    {"type": "user", "id": "a" * 257}, {"type": "user", "id": ""}, {"type": "user", "id": 7},
    {"type": "user", "id": "u-4", "name": ""}, {"type": "user", "id": "u-4", "name": 7}, {"type": "user"},
    {"type": "system"}, {"type": "system", "id": "s-1"}, {"type": "system", "name": "Cleaning"},
    {"type": "anonymous"}, {"type": "anonymous", "id": "u-4"}, {"type": "anonymous", "name": "Ada"},
    {"type": "User", "id": "u-4"}, {"type": "", "id": "u-4"}, {"id": "u-4"}, {}, "u-4", 7, True, [],
    {"type": "user", "id": "u-4", "email": "ada@example.com"},
)  # fmt: skip
CONTEXTS: tuple[Any, ...] = (
    *({}, "text", 7, [], {"request": "r-1"}, {"submitted_by": "app:billing"}),
    *({"request_id": value} for value in (*TEXTS, "x" * 129, 7, True, [], {})),
    {"session_id": "x" * 257, "user_agent": "x" * 513, "request_id": "\0\x1f"},
    *({"trace_id": value} for value in ("aF" * 16, "0" * 32, "a" * 31, "a" * 33, "g" * 32, "", 7)),
    {"trace_id": "a" * 32 + "\n"},
    *({"span_id": value} for value in ("aF" * 8, "0" * 16, "a" * 15, "٣" * 16, f"{'a' * 15} ", "", 7)),
)  # fmt: skip
OTHER_TYPES: tuple[Any, ...] = (7, True, [], {})
OUTCOMES: tuple[Values, ...] = (
    *({"outcome": value} for value in ("failure", "failed", "", "FAILURE", "failure\n", *OTHER_TYPES)),
    {"failure_reason": "No."},
    {"outcome": "success", "failure_reason": "No."},
    *(
        {"outcome": "failure", "failure_reason": value}
        for value in (*TEXTS, "😀" * 300, "x" * 301, 7, [], {})
    ),
)


def envelopes(event: Event) -> Iterator[Values]:
    """The parts of the envelope that options of emitters have too. None is only an option's."""
    yield from ({name: value} for name in ("actor", "on_behalf_of") for value in PRINCIPALS)
    yield from ({"context": value} for value in CONTEXTS)
    yield from OUTCOMES
    if event.can_fail:  # without a failure only the JSON form has an outcome
        yield {"outcome": "success"}


def options_of(envelope: Values) -> Values:
    """The same as options of an emitter."""
    made = dict(envelope)
    for name in ("actor", "on_behalf_of"):
        given = made.get(name)
        if isinstance(given, dict) and {"type"} <= given.keys() <= {"type", "id", "name"}:
            made[name] = Actor(**given)
    return made


# --- the verdicts ----------------------------------------------------------------------------------


Judge = Callable[[Values, Values], bool]
"""The verdict on metadata in an envelope."""


class Nowhere:
    """A storage that stores nothing, so that only validation takes time."""

    def insert(self, rows: list[Row]) -> int:
        return len(rows)

    def insert_each(self, rows: list[Row]) -> list[Row]:
        return rows

    def close(self) -> None:
        pass


class Judges:
    """All validators of an event's metadata, for one catalog."""

    def __init__(self, package: str) -> None:
        module = importlib.import_module(package)
        self.catalog: Catalog = module.CATALOG
        self.log = AuditLog(cast(Storage, Nowhere()), self.catalog, "acme", KEY)
        self.emitters = module.AuditEvents(self.log)

    def of(self, event: Event) -> dict[str, Judge]:
        schema = json.loads(json.dumps(self.catalog.schema(event)))
        slow = entry_validator(schema)
        quick = jsonschema_rs.validator_for(schema)
        model = self.catalog.model(event)
        emitter: Any = self.emitters
        for part in (*event.module.split("."), event.key.rpartition(".")[2]):
            emitter = getattr(emitter, part)
        judges: dict[str, Judge] = {
            "jsonschema": lambda values, envelope: slow.is_valid(self._form(event, values, envelope)),
            "jsonschema-rs": lambda values, envelope: quick.is_valid(self._form(event, values, envelope)),
            "record_json": lambda values, envelope: self._recorded(event, values, envelope),
            "model": lambda values, _: _validated(model, values),
            "emitter": lambda values, envelope: _emitted(emitter, event, values, envelope),
        }
        if event.is_system:  # no public way records it
            judges["record_json"] = judges["jsonschema"]
            judges["emitter"] = lambda values, _: self._recorded_by_auditwright(event, values)
        return judges

    def _form(self, event: Event, values: Values, envelope: Values) -> dict[str, Any]:
        return {"event": event.key, **envelope, "metadata": values}

    def _recorded(self, event: Event, values: Values, envelope: Values) -> bool:
        try:
            self.log.record_json(json.dumps(self._form(event, values, envelope)))
        except ValidationError:
            return False
        return True

    def _recorded_by_auditwright(self, event: Event, values: Values) -> bool:
        try:
            self.log._record_system_event(event.key, values)
        except ValidationError:
            return False
        return True


def _validated(model: type[EventModel], values: Values) -> bool:
    try:
        model.model_validate(values)
    except pydantic.ValidationError:
        return False
    return True


def _emitted(emitter: Callable[..., Any], event: Event, values: Values, envelope: Values) -> bool:
    identifiers = {field.name: field.identifier for field in event.metadata}
    values = {identifiers.get(name, name): value for name, value in values.items()}
    required = {field.identifier for field in event.metadata if field.always}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if not required <= values.keys():
            with pytest.raises(TypeError, match=r"missing .* required keyword-only argument"):
                emitter(**values)
            return False
        try:
            emitter(**values, **options_of(envelope))
        except ValidationError:
            return False
        return True


def cases(event: Event, is_first: bool) -> Iterator[tuple[Values, Values]]:
    """Metadata and envelopes, of which one is mutated; envelopes of events that cannot fail are all alike."""
    for outcome in outcomes_of(event):
        of_outcome = {} if outcome == "success" else {"outcome": outcome}
        yield from ((values, of_outcome) for values in mutated(event, outcome))
    if event.can_fail or (is_first and not event.is_system):
        for envelope in envelopes(event):
            failed = envelope.get("outcome") == "failure" and event.can_fail
            yield failed_example(event) if failed else event.example, envelope


def disagreements(judges: Judges, event: Event, is_first: bool, counts: list[int]) -> list[str]:
    """Every mutation of an event on which the validators disagree."""
    found = []
    verdict_of = judges.of(event)
    schema = judges.catalog.schema(event)
    of_metadata = {**schema["properties"]["metadata"], "$defs": schema["$defs"]}
    fits_metadata = jsonschema_rs.validator_for(of_metadata).is_valid
    seen: set[str] = set()
    for values, envelope in cases(event, is_first):
        text = json.dumps([values, envelope], sort_keys=True)
        if text in seen:
            continue
        seen.add(text)
        before = copy.deepcopy(values)
        verdicts = {name: judge(values, envelope) for name, judge in verdict_of.items()}
        assert json.dumps(values) == json.dumps(before), "a judge changed what it was given"
        # null is the same as left out.
        given = {name: value for name, value in values.items() if value is not None}
        verdict = verdicts["jsonschema"] if given == values else verdict_of["jsonschema"](given, envelope)
        wanted = dict.fromkeys(verdicts, verdict)
        if envelope or any(field.outcome for field in event.metadata):
            wanted["model"] = fits_metadata(values)  # it knows neither
        if verdicts != wanted:
            found.append(f"{event.key} {text}: {verdicts}")
        counts[0] += 1
        counts[1] += wanted["emitter"]
    return found


def compare_all(package: str, mutations: dict[str, tuple[int, int]]) -> None:
    judges = Judges(package)
    counts = [0, 0]
    found = []
    with judges.log.acting(Actor.user("u-17", "Ada Lovelace"), ip_address="203.0.113.7"):
        for number, event in enumerate(judges.catalog.events.values()):
            found += disagreements(judges, event, number == 0, counts)
    mutations[package] = (counts[0], counts[1])
    assert not found, f"{len(found)} disagreements:\n" + "\n".join(found[:25])


def test_artifacts_of_the_catalog_agree(mutations: dict[str, tuple[int, int]]) -> None:
    compare_all("audit_events", mutations)
    assert len(audit_events.CATALOG.events) == 78
    assert mutations["audit_events"][0] > 9_000


def test_artifacts_of_the_system_catalog_agree(mutations: dict[str, tuple[int, int]]) -> None:
    compare_all("auditwright_events", mutations)
    assert mutations["auditwright_events"][0] > 50


def test_artifacts_of_a_catalog_with_everything_agree(
    kitchen_sink: Path, mutations: dict[str, tuple[int, int]]
) -> None:
    compare_all("kitchen_sink_events", mutations)
    compared, accepted = mutations["kitchen_sink_events"]
    assert compared > 5_000
    assert accepted > 500


def test_artifacts_of_a_catalog_with_stored_names_agree(
    stored_names: Path, mutations: dict[str, tuple[int, int]]
) -> None:
    compare_all("stored_names_events", mutations)
    compared, accepted = mutations["stored_names_events"]
    assert compared > 500
    assert accepted > 50


def test_artifacts_of_a_catalog_with_json_values_agree(
    json_values: Path, mutations: dict[str, tuple[int, int]]
) -> None:
    compare_all("json_values_events", mutations)
    assert min(mutations["json_values_events"]) > 200


def test_artifacts_of_a_catalog_with_further_types_agree(
    further_types: Path, mutations: dict[str, tuple[int, int]]
) -> None:
    compare_all("typed_events", mutations)
    compared, accepted = mutations["typed_events"]
    assert compared > 1_500
    assert accepted > 300


def test_artifacts_of_a_catalog_with_outcomes_agree(
    outcomes: Path, mutations: dict[str, tuple[int, int]]
) -> None:
    compare_all("outcome_events", mutations)
    compared, accepted = mutations["outcome_events"]
    assert compared > 1_500
    assert accepted > 300


def test_artifacts_of_a_catalog_without_levels_agree(
    no_levels: Path, mutations: dict[str, tuple[int, int]]
) -> None:
    compare_all("flat_events", mutations)
    assert min(mutations["flat_events"]) > 50


@pytest.mark.parametrize(
    "package", ["audit_events", "auditwright_events", "kitchen_sink_events", "typed_events", "outcome_events"]
)
def test_mutations_reach_both_sides_of_every_field(
    kitchen_sink: Path, further_types: Path, outcomes: Path, package: str
) -> None:
    """Guards the test above: each field of each event has valid and invalid values."""
    catalog = importlib.import_module(package).CATALOG
    for event in catalog.events.values():
        schema = catalog.schema(event)
        is_valid = jsonschema_rs.validator_for(schema).is_valid
        taken: set[str] = set()
        refused: set[str] = set()
        for outcome in outcomes_of(event):
            first, *others = mutated(event, outcome)
            form = {"event": event.key, "outcome": outcome}
            assert is_valid({**form, "metadata": first})
            for values in (first, *others):
                if is_valid({**form, "metadata": values}):
                    taken |= values.keys()
                else:
                    refused |= {name for name, value in values.items() if first.get(name) != value}
        fields = {field.name for field in event.metadata}
        assert taken == fields, event.key
        assert fields < refused, event.key


@pytest.mark.parametrize("package", ["audit_events", "kitchen_sink_events"])
def test_conditional_fields_cover_each_condition_value(kitchen_sink: Path, package: str) -> None:
    catalog = importlib.import_module(package).CATALOG
    tried = 0
    for event in catalog.events.values():
        texts = list(mutated(event))
        for field in event.metadata:
            for other in field.when:
                for value in choices(event, other):
                    same = [values for values in texts if values.get(other) == value and other in values]
                    assert any(field.name in values for values in same)
                    assert any(field.name not in values for values in same)
                    tried += 1
    assert tried > 5
