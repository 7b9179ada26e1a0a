"""The base class of generated emitters, their common options, and the conversion of times.

Generated code imports this module. `Emitters[S, R]` is generic in the session type and the return type, so
that one generated class serves synchronous and asynchronous code. Validation is in `recording/`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, cast
from uuid import UUID

from auditwright.change import Change
from auditwright.errors import Problem, ValidationError
from auditwright.ids import FIRST, LAST, format_time, utc_microseconds

if TYPE_CHECKING:
    import sqlite3

    import sqlalchemy
    import sqlalchemy.ext.asyncio
    import sqlalchemy.orm

    from auditwright.actor import Actor
    from auditwright.entry_context import EntryContext

    Session = sqlalchemy.orm.Session | sqlalchemy.Connection | sqlite3.Connection
    AsyncSession = sqlalchemy.ext.asyncio.AsyncSession | sqlalchemy.ext.asyncio.AsyncConnection

S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)


class Options(TypedDict, Generic[S], total=False):
    """The options of every emitter besides its event's fields; defaults come from the context and the log."""

    id: UUID | str
    """The entry's id, a UUIDv7; for a retry pass `error.entry.id`."""
    session: S | None
    """Record in the transaction of this session; a rollback removes the entry."""
    actor: Actor
    """Who acted."""
    ip_address: str
    """The address of the actor, IPv4 or IPv6."""
    occurred_at: datetime
    """When it happened, with a time zone, in the years 1970 to 9999; at most 5 minutes ahead of the clock."""
    account_id: str
    """The tenant, 1 to 256 characters."""
    details: str
    """Text of up to 2,000 characters, appended to the description."""
    on_behalf_of: Actor
    """The user or app for whom the actor acted."""
    context: EntryContext
    """Where the entry comes from, part by part over the surrounding context."""


class FailureOptions(Options[S], total=False):
    """The options of an event that can fail: one that has a `failure_message` in the catalog."""

    outcome: Literal["success", "failure"]
    """Whether it succeeded; "success" by default."""
    failure_reason: str
    """Why it failed, 1 to 300 characters."""


Record = Callable[[str, dict[str, Any], Any], R_co]
"""Records an event: takes its key, its values and the options."""


class Emitters(Generic[S, R_co]):
    """The base of the generated classes with the emitters of a category."""

    __slots__ = ("_record",)

    def __init__(self, record: Record[R_co]) -> None:
        self._record = record


def timestamp(path: str, value: object) -> object:
    """The JSON form of a time, a list or a change of times, in UTC with microseconds.

    Other values are returned as they are. Raises `ValidationError` for a datetime without a time zone.
    """
    if issubclass(type(value), list):
        items = enumerate(list.__iter__(cast("list[object]", value)))
        return [_timestamp(f"{path}[{index}]", each) for index, each in items]
    if type(value) is Change:
        return Change(_timestamp(f"{path}.from", value.before), _timestamp(f"{path}.to", value.after))
    return _timestamp(path, value)


def as_text(value: object) -> object:
    """The JSON form of a UUID or a date, of a list or of a change of them; other values as they are."""
    if issubclass(type(value), list):
        return [_as_text(each) for each in list.__iter__(cast("list[object]", value))]
    if type(value) is Change:
        return Change(_as_text(value.before), _as_text(value.after))
    return _as_text(value)


def _as_text(value: object) -> object:
    """A datetime is a date to Python, but not to a catalog."""
    kind = type(value)
    if issubclass(kind, date) and not issubclass(kind, datetime):
        return date.isoformat(cast("date", value))
    return UUID.__str__(cast("UUID", value)) if issubclass(kind, UUID) else value


def _timestamp(path: str, value: object) -> object:
    if not issubclass(type(value), datetime):
        return value
    event, _, field = path.partition(":")
    micros = utc_microseconds(value)
    if micros is None:
        problem = Problem(f"metadata.{field}", "a datetime with a time zone", "one without")
        raise ValidationError(event, (problem,))
    if not FIRST <= micros <= LAST:
        got = datetime.isoformat(cast("datetime", value), " ")
        problem = Problem(f"metadata.{field}", "a time of the years 1 to 9999 in UTC", got)
        raise ValidationError(event, (problem,))
    return format_time(micros)
