"""The context of an entry: from which request, trace, session and browser it comes.

It has the keys and their limits, checks what callers give, and makes the parts of HTTP headers, which are
never trusted. Most entries have no context, so recording imports this module on first use.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, cast

import orjson

from auditwright.errors import MAX_PROBLEMS, Problem, ValidationError
from auditwright.limits import shown, text_of

if TYPE_CHECKING:
    from auditwright.actor import Actor


class EntryContext(TypedDict, total=False):
    """Where an entry comes from; all parts are optional, and None is a part that is not given.

    Longer texts are truncated, and control characters become U+FFFD.
    """

    request_id: str | None
    """The id of the request, at most 128 characters."""
    trace_id: str | None
    """The id of the trace (W3C Trace Context): 32 hexadecimal digits."""
    span_id: str | None
    """The id of the span in the trace: 16 hexadecimal digits."""
    session_id: str | None
    """What identifies the session, at most 256 characters; never the secret of a cookie or a token."""
    user_agent: str | None
    """The program of the actor, such as the browser, at most 512 characters."""


LIMITS = {"request_id": 128, "trace_id": 32, "span_id": 16, "session_id": 256, "user_agent": 512}
"""The most characters of each part that a caller can give."""
SUBMITTED_BY = "submitted_by"
"""The part that only the server sets: the type and the id of the principal who sent the entry."""
TITLES = {
    "request_id": "Request ID",
    "trace_id": "Trace ID",
    "span_id": "Span ID",
    "session_id": "Session ID",
    "user_agent": "User Agent",
    SUBMITTED_BY: "Submitted By",
}
"""The parts with their titles, in the order in which they are shown."""
MAX_SUBMITTED_BY = 300
"""The most characters of `submitted_by`: a type, a colon and an id."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HEX = {name: re.compile(f"[0-9a-f]{{{LIMITS[name]}}}") for name in ("trace_id", "span_id")}


def checked_parts(given: object, *, of_log: bool = False) -> dict[str, str]:
    """The parts of a caller's mapping as they are stored, without those that are None or empty.

    `of_log` allows what only a log writes, for an import.
    Raises `ValidationError` with all problems: unknown keys, values that are no texts, and ids of traces and
    spans that are not hexadecimal. An id of zeros only is none (W3C Trace Context).
    """
    if not issubclass(type(given), dict):
        problem = Problem("context", f"a dict with {', '.join(LIMITS)}", type(given).__name__)
        raise ValidationError("context", (problem,))
    limits = LIMITS | {SUBMITTED_BY: MAX_SUBMITTED_BY} if of_log else LIMITS
    parts: dict[str, str] = {}
    problems: list[Problem] = []
    # No method of a subclass is called: it may do anything.
    for key, value in dict.items(cast("dict[object, object]", given)):
        name, text = text_of(key), text_of(value)
        if name is None or name not in limits:
            problems.append(Problem("context", f"no keys except {', '.join(LIMITS)}", shown(key)))
        elif text is None and value is not None:
            problems.append(Problem(f"context.{name}", "a string", type(value).__name__))
        elif text and name in _HEX:
            if not _HEX[name].fullmatch(text := text.lower()):
                expected = f"{LIMITS[name]} hexadecimal digits"
                problems.append(Problem(f"context.{name}", expected, shown(text, 40)))
            elif text.strip("0"):
                parts[name] = text
        elif text:
            parts[name] = _stored(text, limits[name])
        if len(problems) == MAX_PROBLEMS:
            break
    if problems:
        raise ValidationError("context", tuple(problems))
    return parts


def _stored(text: str, limit: int) -> str:
    """The text truncated, with U+FFFD for control characters and lone surrogates."""
    return _CONTROLS.sub("\ufffd", text[:limit])


def submitter(actor: Actor) -> str:
    """The part `submitted_by` of what this actor sends: `app:billing`."""
    return _stored(f"{actor.type}:{actor.id}" if actor.id else actor.type, MAX_SUBMITTED_BY)


def parts_of_headers(user_agent: str | None, request_id: str | None) -> dict[str, str]:
    """The parts of a request's headers, decoded as Latin-1; without those that are missing or blank."""
    given = (("user_agent", user_agent), ("request_id", request_id))
    return {name: _stored(_of_utf8(text), LIMITS[name]) for name, text in given if text and text.strip()}


def _of_utf8(text: str) -> str:
    """A header that is UTF-8 after all, as its text."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def context_text(parts: Mapping[str, str]) -> str | None:
    """The context of an entry as it is stored: JSON with sorted keys; None where nothing is known.

    The current span of OpenTelemetry gives the ids that the parts do not have.
    """
    if "trace_id" not in parts and "span_id" not in parts and (ids := _current_span()):
        # Only together: a span belongs to one trace.
        parts = {**ids, **parts}
    return parts_as_text(parts)


def parts_as_text(parts: Mapping[str, str]) -> str | None:
    """The parts as they are stored, and no others."""
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode() if parts else None


def _current_span() -> dict[str, str]:
    """The ids of the current span; none where OpenTelemetry was never imported or no span is valid."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    try:
        span = trace.get_current_span().get_span_context()
        trace_id, span_id = span.trace_id, span.span_id
        if 0 < trace_id < 1 << 128 and 0 < span_id < 1 << 64:
            return {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}
    except Exception:  # faulty telemetry, or an import that is not complete, does not stop an entry
        return {}
    return {}
