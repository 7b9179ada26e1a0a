"""The context of an entry: what callers may give, what headers give, and the current span."""

from types import SimpleNamespace
from typing import Any

import pytest

from auditwright import ValidationError
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
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.trace", broken)
    assert context_json(Context()) is None
