"""The JSON form: its envelope, and the errors of invalid forms."""

import json
from typing import Any

import pytest
from tests.support.databases import Database
from tests.support.sample_events import ADA, DEPLOYED, KEY_CREATED, MODEL, form

from auditwright import Actor, AuditLog, ValidationError

UNSTORABLE = {"type": "user", "id": "u", "name": "n\udfff"}


def error_text(log: AuditLog, payload: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        log.record_json(payload) if isinstance(payload, (str, bytes)) else log.record_form(payload)
    return str(caught.value)


def test_an_entry_needs_an_event_and_metadata(log: AuditLog) -> None:
    assert error_text(log, "{}") == "entry: event: expected the key of an event, got nothing"
    assert error_text(log, '{"event": null}') == "entry: event: expected the key of an event, got null"
    assert (
        error_text(log, {"event": KEY_CREATED}) == f"{KEY_CREATED}: metadata: expected an object, got nothing"
    )
    assert (
        error_text(log, {"event": KEY_CREATED, "metadata": []})
        == f"{KEY_CREATED}: metadata: expected an object, got a list"
    )


@pytest.mark.parametrize(
    ("payload", "got"),
    [
        ("5", "an integer"),
        ('"text"', "a string"),
        ("null", "null"),
        ("[]", "a list"),
    ],
)
def test_a_payload_is_a_json_object(log: AuditLog, payload: str, got: str) -> None:
    assert error_text(log, payload) == f"entry: expected a JSON object, got {got}"


@pytest.mark.parametrize("payload", ["", "NaN", "{'a': 1}", b"\xff", "{} {}"])
def test_invalid_json_is_reported(log: AuditLog, payload: str) -> None:
    # The rest is the text of orjson.
    assert error_text(log, payload).startswith("entry: expected a JSON object, got invalid JSON: ")


def test_a_payload_is_bytes_or_text(log: AuditLog) -> None:
    wrong: Any = 5
    with pytest.raises(ValidationError) as caught:
        log.record_json(wrong)
    assert str(caught.value) == "entry: expected a JSON object as bytes or str, got int"


@pytest.mark.parametrize("as_bytes", [False, True])
def test_surrogates_written_as_escapes_are_replaced_and_marked(log: AuditLog, as_bytes: bool) -> None:
    payload = json.dumps(form(DEPLOYED, MODEL | {"model_name": "a\ud800b"}, actor=UNSTORABLE))
    assert "\\ud800" in payload
    entry = log.record_json(payload.encode() if as_bytes else payload)
    assert (entry.metadata["model_name"], entry.actor) == ("a\ufffdb", Actor.user("u", "n\ufffd"))
    assert {path: mark["cleaned"] for path, mark in entry.alterations.items()} == {
        "metadata.model_name": True,
        "actor.name": True,
    }
    assert log.account("acme").get(entry.id) == entry


def test_raw_surrogates_in_text_are_replaced_and_noted(log: AuditLog) -> None:
    payload = json.dumps(
        form(DEPLOYED, MODEL | {"model_name": "a\ud800b"}, actor=UNSTORABLE), ensure_ascii=False
    )
    assert "\ud800" in payload
    entry = log.record_json(payload)
    assert (entry.metadata["model_name"], entry.actor) == ("a\ufffdb", Actor.user("u", "n\ufffd"))
    assert list(entry.alterations) == ["metadata.model_name", "actor.name"]


@pytest.mark.parametrize("payload", ['{"a": "\ud800"', '{"a": "\\ud800", "b": NaN}', '"\\ud800" 5'])
def test_surrogates_do_not_make_invalid_json_valid(log: AuditLog, payload: str) -> None:
    assert error_text(log, payload).startswith("entry: expected a JSON object, got invalid JSON: ")


def test_a_pair_of_surrogates_is_its_character(log: AuditLog) -> None:
    payload = json.dumps(form(DEPLOYED, MODEL | {"model_name": "\U0001f600", "model_id": "\udfff"}))
    entry = log.record_json(payload)
    assert entry.metadata["model_name"] == "\U0001f600"
    assert list(entry.alterations) == ["metadata.model_id"]


TYPES = '"user", "app", "system" or "anonymous"'
ACTOR = f"an object with type ({TYPES}), id and name"
NAMES = (
    "id, account_id, event, occurred_at, actor, on_behalf_of, ip_address, outcome, failure_reason, context, "
    "metadata"
)
TIME = "an RFC 3339 time such as 2026-01-02T03:04:05.678901Z"
ID = "a UUID, version 7, in its usual text form"


@pytest.mark.parametrize(
    ("name", "value", "where", "wanted", "got"),
    [
        ("id", "x", "id", ID, "'x'"),
        ("id", "919108f7-52d1-4320-9bac-f847db4148a8", "id", ID, "'919108f7-52d1-4320-9bac-f847db4148a8'"),
        ("id", 5, "id", ID, "an integer"),
        ("id", None, "id", ID, "null"),
        ("occurred_at", "yesterday", "occurred_at", TIME, "'yesterday'"),
        (
            "occurred_at",
            "2024-02-30T00:00:00Z",
            "occurred_at",
            TIME,
            "'2024-02-30T00:00:00Z' (not in the calendar)",
        ),
        ("occurred_at", "2024-01-01T00:00:00", "occurred_at", TIME, "'2024-01-01T00:00:00'"),
        ("account_id", "", "account_id", "a string of 1 to 256 characters", "a string"),
        ("account_id", "x" * 257, "account_id", "a string of 1 to 256 characters", "a string"),
        ("ip_address", "203.0.113.256", "ip_address", "an IP address", "a string"),
        ("ip_address", None, "ip_address", "an IP address", "null"),
        ("actor", "u-17", "actor", ACTOR, "a string"),
        ("actor", {"type": "robot", "id": "r"}, "actor.type", TYPES, "a string"),
        ("actor", {"type": "user"}, "actor", ACTOR, "an object"),
        ("actor", {"type": "user", "id": ""}, "actor.id", "a string of 1 to 256 characters", "a string"),
        ("actor", {"type": "user", "id": "u", "name": 5}, "actor.name", "a string", "an integer"),
        ("actor", {"type": "user", "id": "u", "nme": "x"}, "actor", ACTOR, "an object"),
    ],
)
def test_a_fault_in_the_envelope_is_named(
    log: AuditLog, database: Database, name: str, value: Any, where: str, wanted: str, got: str
) -> None:
    content = form(KEY_CREATED, {}, **{name: value})
    assert error_text(log, content) == f"{KEY_CREATED}: {where}: expected {wanted}, got {got}"
    assert database.rows() == []


def test_an_unknown_name_is_refused_with_the_nearest(log: AuditLog) -> None:
    assert error_text(log, form(KEY_CREATED, {}, occured_at="2024-01-01T00:00:00Z")) == (
        f"{KEY_CREATED}: occured_at: expected one of {NAMES}, got an unknown name; did you mean "
        '"occurred_at"?'
    )


def test_a_system_actor_needs_no_id(log: AuditLog) -> None:
    entry = log.record_form(form(KEY_CREATED, {}, actor={"type": "system"}))
    assert (entry.actor.type, entry.actor.id) == ("system", None)


def test_the_envelope_is_completed_from_the_context(log: AuditLog) -> None:
    with log.acting(ADA, account_id="other", ip_address="203.0.113.7"):
        entry = log.record_json(b'{"event": "account.app_api_key.app_api_key_created", "metadata": {}}')
    assert (entry.actor, entry.account_id, entry.ip_address) == (ADA, "other", "203.0.113.7")


def test_options_override_the_form(log: AuditLog) -> None:
    entry = log.record_form(form(KEY_CREATED, {}), actor=ADA, account_id="other", details="More.")
    assert (entry.actor, entry.account_id) == (ADA, "other")
    assert entry.description.endswith(" More.")


def test_the_forms_of_a_caller_are_not_changed(log: AuditLog) -> None:
    content = form(KEY_CREATED, {}, occurred_at="2024-01-01T00:00:00Z")
    before = repr(content)
    log.record_form(content)
    log.record_many([content])
    assert repr(content) == before


@pytest.mark.parametrize("depth", [400, 900, 1020])
def test_a_deeply_nested_payload_is_refused(log: AuditLog, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    payload = f'{{"event": "{DEPLOYED}", "metadata": {{"model_id": {nested}}}}}'
    assert "metadata.model_id: expected a string of 1 to 200 characters, got a list" in error_text(
        log, payload
    )
    assert (
        error_text(log, f'{{"event": {nested}}}') == "entry: event: expected the key of an event, got a list"
    )


# --- outcome, context, on whose behalf --------------------------------------------------------------

LOGIN = "account.login_logout.login"
EMAIL = {"email_id": "ada@example.com"}
OBJECT = "an object with request_id, trace_id, span_id, session_id, user_agent"
BEHALF = 'an object with type ("user" or "app"), id and name'
NO_REASON = 'nothing, or outcome "failure"'


def test_an_entry_in_its_json_form_is_recorded_whole(log: AuditLog) -> None:
    whole: dict[str, Any] = {
        "actor": {"type": "anonymous"},
        "on_behalf_of": {"type": "app", "id": "billing", "name": "Billing"},
        "outcome": "failure",
        "failure_reason": "The password was wrong.",
        "context": {
            "request_id": "r-1",
            "trace_id": "A" * 32,
            "span_id": "b" * 16,
            "session_id": "s-1",
            "user_agent": "Firefox/99\ud800" * 60,
        },
    }
    entry = log.record_form(form(LOGIN, EMAIL, **whole))
    agent = ("Firefox/99\ufffd" * 60)[:512]
    context = {**whole["context"], "trace_id": "a" * 32, "user_agent": agent}
    assert {name: entry.to_json()[name] for name in whole} == {**whole, "context": context}
    assert (entry.description.partition(" on behalf of ")[0], entry.alterations) == ("Anonymous", {})


def test_every_event_may_say_that_it_succeeded(log: AuditLog) -> None:
    assert log.record_form(form(KEY_CREATED, {}, outcome="success")).outcome == "success"
    assert log.record_form(form(LOGIN, EMAIL, outcome="success")).outcome == "success"


@pytest.mark.parametrize(
    ("parts", "where", "wanted", "got"),
    [
        ({"outcome": "failed"}, "outcome", '"success" or "failure"', "'failed'"),
        ({"outcome": None}, "outcome", '"success" or "failure"', "null"),
        ({"failure_reason": "No."}, "failure_reason", NO_REASON, "a string"),
        ({"outcome": "success", "failure_reason": "No."}, "failure_reason", NO_REASON, "a string"),
        (
            {"outcome": "failure", "failure_reason": "x" * 301},
            "failure_reason",
            "a string of 1 to 300 characters",
            "a string",
        ),
        ({"on_behalf_of": "u-1"}, "on_behalf_of", BEHALF, "a string"),
        ({"on_behalf_of": {"type": "user"}}, "on_behalf_of", BEHALF, "an object"),
        ({"on_behalf_of": {"type": "system"}}, "on_behalf_of.type", '"user" or "app"', "a string"),
        (
            {"actor": {"type": "anonymous", "name": "Ada"}},
            "actor.name",
            "nothing, as the actor is anonymous",
            "a string",
        ),
        ({"context": []}, "context", OBJECT, "a list"),
        ({"context": {"trace_id": "0af7"}}, "context.trace_id", "32 hexadecimal digits", "a string"),
        ({"context": {"user_agent": 7}}, "context.user_agent", "a string", "an integer"),
        ({"context": {"agent": "x"}}, "context.agent", f"one of {OBJECT[15:]}", "a value"),
        (
            {"context": {"submitted_by": "user:ceo"}},
            "context.submitted_by",
            "nothing: the server that takes the entry writes it",
            "a value",
        ),
    ],
)
def test_a_fault_of_outcome_or_context_is_named(
    log: AuditLog, parts: dict[str, Any], where: str, wanted: str, got: str
) -> None:
    problems = error_text(log, form(LOGIN, EMAIL, **parts)).split("\n  ")
    assert f"{where}: expected {wanted}, got {got}" in problems[-1]


def test_an_event_that_cannot_fail_says_how_it_could(log: AuditLog) -> None:
    hint = "nothing: this event cannot fail; one that can has a failure_message in the catalog"
    assert error_text(log, form(KEY_CREATED, {}, outcome="failure", failure_reason="No.")) == (
        f"{KEY_CREATED}: 2 problems\n  outcome: expected {hint}, got 'failure'\n"
        f"  failure_reason: expected {hint}, got a value"
    )
