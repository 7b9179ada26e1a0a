"""What generated emitters stand on: one class that passes a call on, and the options they all take.

`Emitters[S, R]` is generic in the session a caller may pass and in what recording returns, so that the
same generated class serves synchronous and asynchronous code.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

from auditwright.errors import Problem, ValidationError

if TYPE_CHECKING:
    import sqlite3
    import uuid

    import sqlalchemy
    import sqlalchemy.ext.asyncio
    import sqlalchemy.orm

    from auditwright.actor import Actor

    Session = sqlalchemy.orm.Session | sqlalchemy.Connection | sqlite3.Connection
    AsyncSession = sqlalchemy.ext.asyncio.AsyncSession | sqlalchemy.ext.asyncio.AsyncConnection

S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)


class Options(TypedDict, Generic[S], total=False):
    """What every emitter takes besides its event's fields; what is left out comes from `log.acting` and
    the log.
    """

    id: uuid.UUID | str
    """The entry's id, a UUIDv7: for a retry, `error.entry.id`."""
    session: S | None
    """Record in this session's transaction: committed with it, gone with its rollback."""
    actor: Actor
    """Who did it."""
    ip_address: str
    """From where; IPv4 or IPv6."""
    occurred_at: datetime
    """When it happened, with a time zone; at most 5 minutes ahead."""
    account_id: str
    """The tenant, 1 to 256 characters."""
    details: str
    """Up to 2,000 characters that are appended to the description."""


Record = Callable[[str, dict[str, Any], Any], R_co]
"""What passes an emitter's call on to the log: the event's key, its values, the options."""


class Emitters(Generic[S, R_co]):
    """The base of the generated classes that hold a category's emitters."""

    __slots__ = ("_record",)

    def __init__(self, record: Record[R_co]) -> None:
        self._record = record


def timestamp(path: str, value: object) -> object:
    """The JSON form of a time, or of a list of times: UTC with Z and microseconds; all else is left as it is.

    Raises `ValidationError` for a datetime without a time zone.
    """
    if isinstance(value, list):
        return [timestamp(f"{path}[{index}]", each) for index, each in enumerate(value)]
    if not isinstance(value, datetime):
        return value
    event, _, field = path.partition(":")
    if value.tzinfo is None:
        raise ValidationError(
            event, (Problem(f"metadata.{field}", "a datetime with a time zone", "one without"),)
        )
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        problem = Problem(f"metadata.{field}", "a time of the years 1 to 9999 in UTC", str(value))
        raise ValidationError(event, (problem,)) from None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
