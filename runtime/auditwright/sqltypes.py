"""The column types of the generated SQLModel classes: they convert stored values to Python values.

Only the generated tables import this module; recording and reading do not use SQLAlchemy. STRICT tables of
SQLite accept few type names and none of SQLModel's defaults, therefore the types are defined here.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import INTEGER, BigInteger, Dialect, LargeBinary, TypeDecorator
from sqlalchemy import Text as Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import TypeEngine

from auditwright.ids import format_time, from_microseconds, to_microseconds


def quoted(name: str) -> dict[str, Any]:
    """The arguments of a column whose name SQLAlchemy must quote, although it does not know the SQL word."""
    return {"name": quoted_name(name, True)}


def _is_postgresql(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


class EntryId(TypeDecorator[uuid.UUID]):
    """A UUID; on SQLite its 16 bytes, which sort by time."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        own = postgresql.UUID() if _is_postgresql(dialect) else LargeBinary()
        return dialect.type_descriptor(own)

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> Any:
        """The stored form, also for comparisons."""
        return value if value is None or _is_postgresql(dialect) else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        """The UUID of a stored value."""
        return value if value is None or _is_postgresql(dialect) else uuid.UUID(bytes=value)


class Digest(TypeDecorator[bytes]):
    """The 32 bytes of a SHA-256."""

    impl = LargeBinary
    cache_ok = True


class Timestamp(TypeDecorator[datetime]):
    """A UTC time; on SQLite whole microseconds since 1970."""

    impl = BigInteger().with_variant(INTEGER(), "sqlite")
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        if _is_postgresql(dialect):
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """The stored form of an aware datetime, also for comparisons."""
        return value if value is None or _is_postgresql(dialect) else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The UTC datetime of a stored value."""
        if value is None:
            return None
        # PostgreSQL returns it in the time zone of the session.
        return value.astimezone(UTC) if _is_postgresql(dialect) else from_microseconds(value)


class TimestampText(TypeDecorator[datetime]):
    """A UTC time in the metadata, stored as RFC 3339 text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The text of an aware datetime."""
        return None if value is None else format_time(to_microseconds(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """The UTC datetime of stored text."""
        return None if value is None else datetime.fromisoformat(value)


class Address(TypeDecorator[str]):
    """An IPv4 or IPv6 address in its normal form; text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        return dialect.type_descriptor(postgresql.INET() if _is_postgresql(dialect) else Text())

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """The address as text; some PostgreSQL drivers return an object of `ipaddress`."""
        return None if value is None else str(value)


class Json(TypeDecorator[Any]):
    """A JSON value; text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        return dialect.type_descriptor(postgresql.JSONB() if _is_postgresql(dialect) else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The stored form, also for comparisons."""
        return value if value is None or _is_postgresql(dialect) else orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value of stored JSON; an entry of another catalog version may have a text instead."""
        if not isinstance(value, str) or _is_postgresql(dialect):
            return value
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
