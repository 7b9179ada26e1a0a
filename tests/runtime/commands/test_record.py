"""`auditwright record`."""

import json
import re

import pytest
from tests.support.command_line import OS_USER, SCANNER, Auditwright

ID = "019b7ab5-1dca-7000-8000-000000000001"
TOOL = '{"tool_id": "t-4"}'
LOGIN, EMAIL = "account.login_logout.login", '{"email_id": "ada@example.com"}'
CONTEXT_KEYS = "request_id, trace_id, span_id, session_id, user_agent"
USAGE_FAILS = {
    (
        "--actor",
        "robot:1",
    ): "argument --actor: 'robot:1' is not an actor; write user:ID:NAME, app:ID:NAME, os or system",
    (
        "--actor",
        "user:",
    ): "argument --actor: actor.id: expected a string of 1 to 256 characters, got 0 characters",
    ("--actor", ""): "argument --actor: '' is not an actor; write user:ID:NAME, app:ID:NAME, os or system",
    (
        "--actor",
        "system:x",
    ): "argument --actor: 'system:x' is not an actor; write user:ID:NAME, app:ID:NAME, os or system",
    (
        "--on-behalf-of",
        "system",
    ): "argument --on-behalf-of: 'system' is no user or app; write user:ID:NAME or app:ID:NAME",
    ("--outcome", "maybe"): "argument --outcome: invalid choice: 'maybe' (choose from 'success', 'failure')",
    ("--occurred-at", "tomorrow"): "argument --occurred-at: 'tomorrow' is not a time; "
    "write 2026-01-31, 2026-01-31T09:30 or 2026-01-31T09:30:00+01:00",
    ("--account", ""): "argument --account: an account's id has 1 to 256 characters, not 0",
    ("--format", "xml"): "argument --format: invalid choice: 'xml' (choose from 'text', 'json')",
}
REFUSED = {
    ("--metadata", "{bad"): "metadata: expected a JSON object, got invalid JSON: "
    "unexpected character, expected a string key: line 1 column 2 (char 1)",
    ("--metadata", "[1]"): "metadata: expected an object, got a list",
    ("--ip", "nowhere"): "ip_address: expected an IPv4 or IPv6 address, got other text",
    ("--id", "5"): "id: expected a UUID, version 7, got '5'",
    ("--context", "{bad"): "context: expected a JSON object, got invalid JSON: "
    "unexpected character, expected a string key: line 1 column 2 (char 1)",
    ("--context", "[1]"): f"context: expected a dict with {CONTEXT_KEYS}, got list",
    ("--context", '{"cookie": "c-1"}'): f"context: expected no keys except {CONTEXT_KEYS}, got 'cookie'",
    ("--context", '{"request_id": 5}'): "context.request_id: expected a string, got int",
    ("--context", '{"trace_id": "abc"}'): "context.trace_id: expected 32 hexadecimal digits, got 'abc'",
    (
        "--context",
        '{"submitted_by": "app:billing"}',
    ): f"context: expected no keys except {CONTEXT_KEYS}, got 'submitted_by'",
    ("--details", "x" * 2001): "details: expected a string of at most 2000 characters, got 2001 characters",
}


def test_prints_the_recorded_entry(auditwright: Auditwright) -> None:
    done = auditwright(
        "record", SCANNER, "--metadata", TOOL, "--actor", "user:u-17:Ada", "--details", "By hand."
    )
    assert (done.code, done.err) == (0, "")
    entry_id, rest = done.out.split("  ", 1)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", entry_id)
    assert rest == f"{SCANNER}  Ada added an input scanner to tool t-4. By hand.\n"


def test_json_format_prints_the_entry(auditwright: Auditwright) -> None:
    done = auditwright(
        "record", SCANNER, "--metadata", TOOL, "--actor", "app:ci", "--ip", "::ffff:192.0.2.1",
        "--format", "json", "--occurred-at", "2026-01-02T03:04:05+01:00", "--account", "acme",
    )  # fmt: skip
    form = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert form.pop("id").startswith("019b7c72-9e08-7000-")
    assert form.pop("recorded_at").endswith("Z")
    assert form == {
        "account_id": "acme",
        "event": SCANNER,
        "occurred_at": "2026-01-02T02:04:05.000000Z",
        "actor": {"type": "app", "id": "ci"},
        "ip_address": "192.0.2.1",
        "metadata": {"tool_id": "t-4"},
        "level": "tool",
        "category": "tool.guardrails",
        "description": "ci added an input scanner to tool t-4.",
        "catalog_version": "1.1.0",
    }


def test_failure_on_behalf_of_somebody_is_recorded(auditwright: Auditwright) -> None:
    done = auditwright(
        "record", LOGIN, "--metadata", EMAIL, "--actor", "anonymous",
        "--on-behalf-of", "user:u-18:Grace Hopper", "--outcome", "failure",
        "--failure-reason", "The password was wrong.", "--format", "json",
    )  # fmt: skip
    form = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert (form["actor"], form["outcome"], form["failure_reason"]) == (
        {"type": "anonymous"},
        "failure",
        "The password was wrong.",
    )
    assert form["on_behalf_of"] == {"type": "user", "id": "u-18", "name": "Grace Hopper"}
    assert form["description"].startswith("Anonymous on behalf of Grace Hopper ")


def test_context_is_recorded(auditwright: Auditwright) -> None:
    context = {"request_id": "r-1", "session_id": "s-1", "user_agent": "curl/8.7"}
    done = auditwright(
        "record", SCANNER, "--metadata", TOOL, "--context", json.dumps(context), "--format", "json"
    )
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["context"] == context


def test_event_that_cannot_fail_is_explained(auditwright: Auditwright) -> None:
    assert auditwright("record", SCANNER, "--metadata", TOOL, "--outcome", "success").code == 0
    done = auditwright("record", SCANNER, "--metadata", TOOL, "--outcome", "failure")
    assert (done.code, done.err) == (
        1,
        f"auditwright: {SCANNER}: outcome: expected nothing: this event cannot fail; one that can has a "
        "failure_message in the catalog, got 'failure'\n",
    )


def test_metadata_is_read_from_stdin(auditwright: Auditwright) -> None:
    done = auditwright("record", SCANNER, "--metadata", "-", stdin=TOOL)
    assert done.out.endswith(f"  {OS_USER.name} added an input scanner to tool t-4.\n")
    assert (done.code, done.err) == (0, "")


def test_recording_an_id_twice_is_idempotent(auditwright: Auditwright) -> None:
    first = auditwright("record", SCANNER, "--metadata", TOOL, "--id", ID)
    again = auditwright("record", SCANNER, "--metadata", TOOL, "--id", ID)
    other = auditwright("record", SCANNER, "--metadata", '{"tool_id": "t-5"}', "--id", ID)
    assert first == again
    assert first.out == f"{ID}  {SCANNER}  {OS_USER.name} added an input scanner to tool t-4.\n"
    assert (other.code, other.out) == (1, "")
    assert other.err == (
        "auditwright: an entry with this id and other content is stored already; it is unchanged\n"
    )


def test_unknown_event_suggests_the_nearest(auditwright: Auditwright) -> None:
    done = auditwright("record", "tool.guardrails.input_scaner_added")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "auditwright: tool.guardrails.input_scaner_added: event: expected an event of audit_events 1.1.0, "
        f'got an unknown one; did you mean "{SCANNER}"?\n'
    )


def test_invalid_metadata_reports_every_problem(auditwright: Auditwright) -> None:
    given = '{"model_name": 5, "model_type": "open", "modelid": "m-17"}'
    done = auditwright("record", "account.models.api_key_created", "--metadata", given)
    assert (done.code, done.out) == (1, "")
    first, *problems = done.err.splitlines()
    assert first == "auditwright: account.models.api_key_created: 4 problems"
    assert sorted(problems) == [
        "  metadata.model_id: expected a string of 1 to 200 characters, got nothing",
        "  metadata.model_name: expected a string of 1 to 300 characters, got 5",
        "  metadata.model_type: expected one of open_source, fine_tuned, commercial, got 'open'",
        "  metadata.modelid: expected one of model_id, model_name, model_type, "
        'got an unknown field; did you mean "model_id"?',
    ]


def test_secret_without_a_key_is_refused_with_a_hint(auditwright: Auditwright) -> None:
    event = "tool.tool_management.api_async_enabled"
    given = '{"tool_id": "t", "version_id": "v", "timeout": false, "access_token": "sesame"}'
    done = auditwright("record", event, "--metadata", given)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f'auditwright: {event}: the field "access_token" is secret and no key is configured to keep its '
        "fingerprint; set AUDITWRIGHT_SECRET_KEY=<key id>:<base64 of at least 32 random bytes>, or pass "
        "secret_key= to AuditLog.open; `auditwright secret-key` makes one\n"
    )


def test_secret_is_stored_as_a_fingerprint(auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITWRIGHT_SECRET_KEY", auditwright("secret-key", "--id", "here").out)
    given = '{"tool_id": "t", "version_id": "v", "timeout": false, "access_token": "sesame"}'
    done = auditwright(
        "record", "tool.tool_management.api_async_enabled", "--metadata", given, "--format", "json"
    )
    assert json.loads(done.out)["metadata"]["access_token"].startswith("hkdf-sha256:here:")
    assert "sesame" not in done.out


@pytest.mark.parametrize("options", USAGE_FAILS, ids=" ".join)
def test_invalid_options_are_usage_errors(auditwright: Auditwright, options: tuple[str, str]) -> None:
    done = auditwright("record", SCANNER, *options)
    assert done.usage_error.replace("choose from text, json", "choose from 'text', 'json'") == (
        f"auditwright record: error: {USAGE_FAILS[options]}"
    )


@pytest.mark.parametrize("options", REFUSED, ids=lambda options: options[0])
def test_invalid_values_are_refused(auditwright: Auditwright, options: tuple[str, str]) -> None:
    given = [] if options[0] == "--metadata" else ["--metadata", TOOL]
    done = auditwright("record", SCANNER, *given, *options)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"auditwright: {SCANNER}: {REFUSED[options]}\n"


@pytest.mark.parametrize("time", ["2026-01-02T05:04:05.6789010009+02:00", "2026-01-02t03:04:05.678901z"])
def test_any_time_of_rfc_3339_is_taken(auditwright: Auditwright, time: str) -> None:
    done = auditwright("record", SCANNER, "--metadata", TOOL, "--occurred-at", time, "--format", "json")
    assert json.loads(done.out)["occurred_at"] == "2026-01-02T03:04:05.678901Z"


def test_time_in_the_future_is_refused(auditwright: Auditwright) -> None:
    done = auditwright("record", SCANNER, "--metadata", TOOL, "--occurred-at", "2999-01-01")
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(
        rf"auditwright: {re.escape(SCANNER)}: occurred_at: expected a time at most 5 minutes ahead, "
        r"got one \d+ minutes ahead\n",
        done.err,
    )


def test_invalid_database_is_an_error(auditwright: Auditwright) -> None:
    done = auditwright("record", SCANNER, "--metadata", TOOL, "--database", "mysql://ada:sesame@host/db")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "auditwright: host/db: unknown kind of database; write sqlite:///audit.db for a relative path, "
        "sqlite:////var/lib/audit.db for an absolute one, or postgresql://user@host/database\n"
    )
