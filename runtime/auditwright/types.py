"""The column types of the generated SQLModel classes: how a stored value becomes a Python one.

Only the generated tables import this module; recording and reading entries need no SQLAlchemy.
SQLite tables are STRICT, which takes few type names and none of SQLModel's defaults, so these say their own.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import INTEGER, BigInteger, Dialect, LargeBinary, TypeDecorator
from sqlalchemy import Text as Text

from auditwright.entry import format_time, from_microseconds, to_microseconds


class EntryId(TypeDecorator[uuid.UUID]):
    """A UUID, kept as its 16 bytes so that the order of the bytes is the order of time."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> bytes | None:
        """The bytes to store or compare with."""
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> uuid.UUID | None:
        """The UUID of stored bytes."""
        return None if value is None else uuid.UUID(bytes=value)


class Digest(TypeDecorator[bytes]):
    """The 32 bytes of a SHA-256."""

    impl = LargeBinary
    cache_ok = True


class Timestamp(TypeDecorator[datetime]):
    """A UTC time, kept as whole microseconds since 1970."""

    impl = BigInteger().with_variant(INTEGER(), "sqlite")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """The microseconds of an aware datetime."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The UTC datetime of stored microseconds."""
        return None if value is None else from_microseconds(value)


class TimestampText(TypeDecorator[datetime]):
    """A UTC time inside the metadata, kept as RFC 3339 text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The text of an aware datetime."""
        return None if value is None else format_time(to_microseconds(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """The UTC datetime of stored text."""
        return None if value is None else datetime.fromisoformat(value)


class Json(TypeDecorator[Any]):
    """A JSON value, kept as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The JSON text of a value."""
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value of JSON text."""
        return None if value is None else orjson.loads(value)
