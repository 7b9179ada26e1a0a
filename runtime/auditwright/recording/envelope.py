"""The envelope of an entry: account, id, time, actor, address, details, outcome and context.

The recorder builds it from the emitter's options and the context. The metadata is not part of it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from sys import modules
from typing import TYPE_CHECKING, Any, NamedTuple

from auditwright.actor import Actor, acted_for, identifier, ip_address, packed_id
from auditwright.context import current
from auditwright.emitters import FailureOptions, Options
from auditwright.entry import OCCURRED_AT, Row
from auditwright.errors import Problem, ValidationError
from auditwright.ids import LAST, clock, format_time, id_time, utc_microseconds
from auditwright.limits import MAX_DETAILS, MAX_FAILURE_REASON, shown, text_of

if TYPE_CHECKING:
    from auditwright.catalog import Event
    from auditwright.context import Context

OPTIONS = tuple(Options.__annotations__)
FAILURE_OPTIONS = tuple(name for name in FailureOptions.__annotations__ if name not in OPTIONS)
"""The options that only events that can fail have."""
CANNOT_FAIL = "nothing: this event cannot fail; one that can has a failure_message in the catalog"
NO_FAILURE = 'nothing, or outcome "failure"'
"""What is expected of a failure's options where nothing failed."""
SPANS = "opentelemetry.trace"
"""The module without which there is no current span."""
MAX_AHEAD = 5 * 60 * 1_000_000
"""How far a time or an id that a caller gives may be ahead of the system's clock, in microseconds."""


class TimeAhead(ValidationError):
    """The time of a given id is ahead of the clock: refused, unless the entry is known.

    An entry that was recorded before the clock was set back can have such an id. `row` is its row.
    """

    def __init__(self, event: str, row: Row) -> None:
        super().__init__(event, (_ahead(row[OCCURRED_AT]),))
        self.row = row


def _ahead(occurred_at: int) -> Problem:
    minutes = (occurred_at - time.time_ns() // 1000) // 60_000_000
    return Problem("occurred_at", "a time at most 5 minutes ahead", f"one {minutes} minutes ahead")


class Envelope(NamedTuple):
    """The values of an entry besides its metadata; account and actor may be missing."""

    account_id: str | None
    entry_id: bytes | None
    occurred_at: int
    actor: Actor | None
    address: str | None
    details: str | None
    is_ahead: bool
    """Whether the time of a given id is more than `MAX_AHEAD` ahead."""
    outcome: str
    """`success` or `failure`."""
    failure_reason: str | None
    on_behalf_of: Actor | None
    context: str | None
    """JSON with sorted keys; None where nothing is known."""


def envelope_of(event: Event, options: Mapping[str, Any], account_id: str | None, imported: bool) -> Envelope:
    """The envelope from the options, with defaults from the context; `account_id` is the log's default.

    An imported entry with an actor takes nothing that belongs to the actor from the context, and its time may
    be ahead. It may have failed although the event can no longer fail. Raises `ValidationError`.
    """
    context = current()
    can_fail = event.can_fail or imported
    for name in options:
        if name not in OPTIONS and not (can_fail and name in FAILURE_OPTIONS):
            raise _not_an_option(event, name)
    actor = options.get("actor")
    if actor is None:
        actor = context.actor
    if actor is not None and not isinstance(actor, Actor):
        raise _wrong(event, "actor", "an Actor", type(actor).__name__)
    details = options.get("details")
    if details is not None:
        text = text_of(details)
        if text is None or len(text) > MAX_DETAILS:
            got = f"{len(text)} characters" if text is not None else type(details).__name__
            raise _wrong(event, "details", f"a string of at most {MAX_DETAILS} characters", got)
        details = text
    try:
        named = options.get("account_id")
        account = identifier("account_id", named) if named is not None else context.account_id or account_id
        given = options.get("ip_address")
        is_foreign = imported and "actor" in options
        around = None if is_foreign else context.address_of(actor)
        address = ip_address(given) if given is not None else around
        for_whom = acted_for(options["on_behalf_of"]) if "on_behalf_of" in options else None
        if for_whom is None and context.on_behalf_of is not None and not is_foreign:
            for_whom = context.acted_for_by(actor)
        if "context" in options or imported:
            parts = _context_of(context, options.get("context"), imported)
        else:
            parts = context_json(context)
    except ValidationError as error:
        raise ValidationError(event.key, error.problems) from None
    entry_id, occurred_at = _id_and_time(event, options.get("id"), options.get("occurred_at"))
    is_ahead = (
        not imported
        and ("id" in options or "occurred_at" in options)
        and occurred_at > time.time_ns() // 1000 + MAX_AHEAD
    )
    if is_ahead and entry_id is None:
        raise ValidationError(event.key, (_ahead(occurred_at),))
    outcome, reason = "success", None
    if "outcome" in options or "failure_reason" in options:
        outcome, reason = _outcome(event, options)
    return Envelope(
        account,
        entry_id,
        occurred_at,
        actor,
        address,
        details or None,
        is_ahead,
        outcome,
        reason,
        for_whom,
        parts,
    )


def context_json(context: Context) -> str | None:
    """The column `context` of an entry that is recorded in this context; see `Envelope.context`."""
    if not context.details and SPANS not in modules:  # most entries: nothing is loaded
        return None
    from auditwright.entry_context import context_text

    return context_text(context.details)


def _context_of(context: Context, given: object, imported: bool) -> str | None:
    """The column `context`: what the caller gives over what surrounds it; an import has the former only."""
    if given is None:
        return None if imported else context_json(context)
    from auditwright.entry_context import checked_parts, context_text, parts_as_text

    if imported:
        return parts_as_text(checked_parts(given, of_log=True))
    return context_text(context.details | checked_parts(given))


def _outcome(event: Event, options: Mapping[str, Any]) -> tuple[str, str | None]:
    """The outcome of an event that can fail, and the reason of a failure."""
    given, reason = options.get("outcome"), options.get("failure_reason")
    outcome = "success" if given is None else text_of(given)
    if outcome not in ("success", "failure"):
        raise _wrong(event, "outcome", '"success" or "failure"', shown(given))
    if reason is None:
        return outcome, None
    if outcome == "success":
        raise _wrong(event, "failure_reason", NO_FAILURE, "a reason of a success")
    text = text_of(reason)
    if text is None or not 1 <= len(text) <= MAX_FAILURE_REASON:
        got = f"{len(text)} characters" if text is not None else type(reason).__name__
        raise _wrong(event, "failure_reason", f"a string of 1 to {MAX_FAILURE_REASON} characters", got)
    return outcome, text


def _not_an_option(event: Event, name: object) -> ValidationError:
    text = text_of(name) or shown(name)
    if text in FAILURE_OPTIONS:
        return _wrong(event, text, CANNOT_FAIL, "a value")
    from auditwright.recording.problem_text import unknown  # for errors only

    known = (*OPTIONS, *FAILURE_OPTIONS) if event.can_fail else OPTIONS
    return ValidationError(event.key, (unknown(event, text, known),))


def missing(account_id: str | None, actor: Actor | None) -> tuple[Problem, ...]:
    """The problems of an entry without an account or an actor, with hints."""
    problems = []
    if account_id is None:
        hint = "an account: open the log with account_id=, use log.acting(account_id=...) or pass account_id="
        problems.append(Problem("account_id", hint, "none"))
    if actor is None:
        hint = 'an actor: use log.acting(Actor.user(...)), pass actor=, or give "actor" in the JSON form'
        problems.append(Problem("actor", hint, "none"))
    return tuple(problems)


def _wrong(event: Event, path: str, expected: str, got: str) -> ValidationError:
    return ValidationError(event.key, (Problem(path, expected, got),))


def _id_and_time(event: Event, given_id: Any, moment: Any) -> tuple[bytes | None, int]:
    """The id, if given, and the time in microseconds. The time of a given id must be `occurred_at`."""
    entry_id: bytes | None = None
    stated: int | None = None
    if given_id is not None:
        entry_id = packed_id(given_id)
        if entry_id is None:
            raise _wrong(event, "id", "a UUID, version 7", shown(given_id, 60))
        stated = id_time(entry_id)
        if stated is None:
            raise _wrong(event, "id", "a UUID, version 7", f"version {uuid.UUID(bytes=entry_id).version}")
        if stated > LAST:
            raise _wrong(event, "id", "an id of the years 1970 to 9999", "one of a later year")
    if moment is None:
        occurred_at = stated if stated is not None else clock.now()
    else:
        given = utc_microseconds(moment)
        if given is None:
            got = "one without a time zone" if isinstance(moment, datetime) else type(moment).__name__
            raise _wrong(event, "occurred_at", "a datetime with a time zone", got)
        if not 0 <= given <= LAST:
            got = datetime.isoformat(moment, " ")
            raise _wrong(event, "occurred_at", "a time of the years 1970 to 9999", got)
        occurred_at = given
    if stated is not None and stated != occurred_at:
        expected = f"an id that states occurred_at, {format_time(occurred_at)}"
        raise _wrong(event, "id", expected, format_time(stated))
    return entry_id, occurred_at
