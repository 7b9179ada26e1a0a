"""The context of an entry: what callers may give, what headers give, and the current span."""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from tests.support.sample_events import ADA, KEY_CREATED

from audit_events import AsyncAuditEvents, AuditEvents
from auditwright import AuditLog, ValidationError
from auditwright.context import Context
from auditwright.entry_context import LIMITS, checked_parts, context_text, parts_of_headers
from auditwright.recording.envelope import context_json

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEYS = "request_id, trace_id, span_id, session_id, user_agent"


def test_parts_are_stored_bounded_and_clean() -> None:
    given = {
        "request_id": "r\0\x1b[2J\ud800",
        "session_id": "",
        "user_agent": None,
        "trace_id": TRACE.upper(),
    }
    assert checked_parts(given) == {"request_id": "r\ufffd\ufffd[2J\ufffd", "trace_id": TRACE}
    assert {
        name: len(text)
        for name, text in checked_parts(dict.fromkeys(("session_id", "user_agent"), "0a" * 999)).items()
    } == {
        "session_id": LIMITS["session_id"],
        "user_agent": LIMITS["user_agent"],
    }
    assert checked_parts({"trace_id": "0" * 32, "span_id": "0" * 16}) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("r-1", f"context: expected a dict with {KEYS}, got str"),
        ({"submitted_by": "app:a"}, f"context: expected no keys except {KEYS}, got 'submitted_by'"),
        (
            {"user_agent": 7, "span_id": TRACE},
            "context: 2 problems\n  context.user_agent: expected a string, got int\n"
            f"  context.span_id: expected 16 hexadecimal digits, got '{TRACE}'",
        ),
    ],
)
def test_other_parts_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        checked_parts(given)
    assert str(caught.value) == message


def test_many_unknown_keys_give_a_bounded_error() -> None:
    with pytest.raises(ValidationError) as caught:
        checked_parts(dict.fromkeys(range(100_000)))
    assert len(caught.value.problems) == 50


def test_headers_give_bounded_and_clean_parts() -> None:
    utf8 = "Grüße/1".encode().decode("latin-1")
    assert parts_of_headers(utf8, "r\r\n1" * 99) == {
        "user_agent": "Grüße/1",
        "request_id": ("r\ufffd\ufffd1" * 99)[:128],
    }
    assert parts_of_headers("caf\xe9", " ") == {"user_agent": "caf\xe9"}
    assert parts_of_headers("\u4e2d", None) == {"user_agent": "\u4e2d"}
    assert parts_of_headers("", None) == {}


def test_an_entry_without_context_has_none() -> None:
    assert context_json(Context()) is None
    assert context_text({"user_agent": '"', "request_id": "r-1"}) == '{"request_id":"r-1","user_agent":"\\""}'


@pytest.mark.parametrize("broken", [None, SimpleNamespace(), SimpleNamespace(get_current_span=lambda: None)])
def test_broken_telemetry_stops_no_entry(monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", broken)
    assert context_json(Context()) is None


def span(trace_id: int, span_id: int) -> Any:
    """A block inside of which a span with these ids is the current one."""
    context = trace.SpanContext(trace_id, span_id, is_remote=False)
    return trace.use_span(trace.NonRecordingSpan(context))


def test_the_current_span_is_in_the_entry(log: AuditLog, audit: AuditEvents) -> None:
    create = audit.account.app_api_key.app_api_key_created
    ids = {"trace_id": TRACE, "span_id": SPAN}
    with log.acting(ADA), span(int(TRACE, 16), int(SPAN, 16)):
        entries = [create(), asyncio.run(AsyncAuditEvents(log).account.app_api_key.app_api_key_created())]
        form = {"event": KEY_CREATED, "metadata": {}, "context": {"request_id": "r-1"}}
        with_more = [log.record_form(form), create(context={"request_id": "r-1"})]
        explicit = create(context={"trace_id": "a" * 32})
    assert [log.account("acme").get(each.id) for each in entries] == entries
    assert [each.context for each in entries] == [ids, ids]
    assert [each.context for each in with_more] == [{**ids, "request_id": "r-1"}] * 2
    assert explicit.context == {"trace_id": "a" * 32}, "a span of another trace"


@pytest.mark.parametrize("ids", [(0, 0), (0, 1), (1, 0), (1 << 128, 1), (1, 1 << 64), (-1, 1)])
def test_a_span_that_is_not_valid_is_none(audit: AuditEvents, ids: tuple[int, int]) -> None:
    with span(*ids):
        assert audit.account.app_api_key.app_api_key_created(actor=ADA).context == {}
