"""What the generated SQLModel classes are made of: column types, which convert stored values, and registries.

Only the generated tables import this module; recording and reading do not use SQLAlchemy. STRICT tables of
SQLite accept few type names and none of SQLModel's defaults, therefore the types are defined here. Values and
operators behave alike on both engines. A stored value that no log can have written never raises.
"""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import (
    INTEGER,
    BigInteger,
    Boolean,
    ColumnElement,
    Dialect,
    Float,
    LargeBinary,
    MetaData,
    TypeDecorator,
    literal,
    not_,
)
from sqlalchemy import Text as Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import registry
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BinaryExpression, quoted_name
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from auditwright.ids import LAST, format_time, from_microseconds, to_microseconds
from auditwright.limits import shown


def own_registry() -> registry:
    """A registry of generated classes, apart from those of an application and of other generated packages.

    Its MetaData is marked, so that the hooks in `auditwright.alembic` know the tables by it.
    """
    return registry(metadata=MetaData(info={"auditwright": True}))


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
        """The stored form, also for comparisons; raises `TypeError` for anything but a `uuid.UUID`."""
        if value is not None and not isinstance(value, uuid.UUID):
            raise TypeError(f"an entry's id is compared with a uuid.UUID, not {type(value).__name__}")
        return value if value is None or _is_postgresql(dialect) else value.bytes

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        """The UUID of a stored value."""
        if value is None or isinstance(value, uuid.UUID):
            return value
        return uuid.UUID(bytes=bytes(value)[:16].ljust(16, b"\0"))


class Digest(TypeDecorator[bytes]):
    """The 32 bytes of a SHA-256."""

    impl = LargeBinary
    cache_ok = True


def _microseconds(value: object) -> int:
    """Microseconds since 1970 of an aware datetime; raises `TypeError` for anything else."""
    if not isinstance(value, datetime):
        raise TypeError(f"a time is compared with a datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise TypeError(f"a time needs a time zone, such as tzinfo=UTC: {value!r} has none")
    return to_microseconds(value)


class Timestamp(TypeDecorator[datetime]):
    """A UTC time; on SQLite whole microseconds since 1970.

    A stored time outside of the years 1970 to 9999 is read as the nearest one in them.
    """

    impl = BigInteger().with_variant(INTEGER(), "sqlite")
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        if _is_postgresql(dialect):
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """The stored form, also for comparisons; raises `TypeError` for anything but an aware datetime."""
        if value is None:
            return None
        microseconds = _microseconds(value)
        return value if _is_postgresql(dialect) else microseconds

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What is selected for a column."""
        return _SelectedTime(column)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The UTC datetime of a stored value."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return from_microseconds(min(max(value, 0), LAST))


class TimestampText(TypeDecorator[datetime]):
    """A UTC time in the metadata, stored as RFC 3339 text; null where the text is no such time."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The text of an aware datetime; raises `TypeError` for anything else."""
        return None if value is None else format_time(_microseconds(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The UTC datetime of stored text."""
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo is not None else None
        except (TypeError, ValueError, OverflowError):
            return None


class DateText(TypeDecorator[date]):
    """A day in the metadata, stored as text such as 2026-01-31; null where the text is no such day."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """The text of a date; raises `TypeError` for anything else, and for a datetime."""
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise TypeError(f"a date is compared with a date, not {type(value).__name__}")
        return None if value is None else value.isoformat()

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        """The date of stored text."""
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            return None


class UuidText(TypeDecorator[uuid.UUID]):
    """A UUID in the metadata, stored as text; null where the text is none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> str | None:
        """The text of a UUID; raises `TypeError` for anything else."""
        if value is not None and not isinstance(value, uuid.UUID):
            raise TypeError(f"a UUID is compared with a uuid.UUID, not {type(value).__name__}")
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        """The UUID of stored text."""
        try:
            return uuid.UUID(value)
        except (TypeError, ValueError, AttributeError):
            return None


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
    """A JSON value; text on SQLite. A stored text that is not JSON is read as that text.

    - `column["name"]` is a member, and null where there is none.
    - `.as_string()`, `.as_integer()`, `.as_float()` and `.as_boolean()` are values of that type, and null for
      others.
    - `.contains(item)` is whether a list has the item, or all of a list of items; false for other values.
    - `==` and `!=` compare whole values.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        return dialect.type_descriptor(self._of_postgresql() if _is_postgresql(dialect) else Text())

    def _of_postgresql(self) -> TypeEngine[Any]:
        return postgresql.JSONB(none_as_null=True)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Values are compared as JSON."""
        return self

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What is selected for a column: its text, which is read here."""
        return _SelectedJson(column)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The stored form of a value, with sorted keys."""
        if value is None or _is_postgresql(dialect):
            return value
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The value of stored JSON."""
        try:
            return orjson.loads(value) if isinstance(value, (str, bytes)) else value
        except ValueError:
            return value

    class Comparator(TypeDecorator.Comparator[Any]):
        """The operators of a JSON value."""

        def operate(self, op: Any, *other: Any, **options: Any) -> ColumnElement[Any]:
            """`[]`, `contains`, `==` and `!=`; every other operator is that of the database."""
            if op is operators.getitem:
                (key,) = other
                if isinstance(key, bool) or not isinstance(key, (str, int)):
                    raise TypeError(f"a JSON value has members by name or number, not {type(key).__name__}")
                if isinstance(key, int):
                    return _Item(self.expr, literal(key))
                if '"' in key or "\\" in key:
                    raise ValueError(f"the name of a member has neither quotes nor backslashes: {shown(key)}")
                return _Member(self.expr, literal(key))
            if op is operators.contains_op:
                (item,) = other
                items = list(item) if isinstance(item, (list, tuple, set, frozenset)) else [item]
                return _Contains(self.expr, literal(items, Json()))
            if op in (operators.eq, operators.ne) and other[0] is not None:
                right = other[0] if isinstance(other[0], ColumnElement) else literal(other[0], Json())
                equal = BinaryExpression(_Value(self.expr), _Value(right), operators.eq, type_=Boolean())
                return equal if op is operators.eq else not_(equal)
            return super().operate(op, *other, **options)

        def as_string(self) -> ColumnElement[str | None]:
            """The value as text; null unless it is a string."""
            return _String(self.expr)

        def as_integer(self) -> ColumnElement[int | None]:
            """The value as an integer; null unless it is one of 64 bits."""
            return _Integer(self.expr)

        def as_float(self) -> ColumnElement[float | None]:
            """The value as a float; null unless it is a number within its range."""
            return _Number(self.expr)

        def as_boolean(self) -> ColumnElement[bool | None]:
            """The value as true or false; null unless it is one of them."""
            return _Boolean(self.expr)

    comparator_factory = Comparator  # pyright: ignore[reportAssignmentType]


class JsonAsWritten(Json):
    """JSON that PostgreSQL stores as its text, in the type `json`."""

    cache_ok = True

    def _of_postgresql(self) -> TypeEngine[Any]:
        return postgresql.JSON(none_as_null=True)


# --- expressions that each engine spells in its own way ------------------------------------------------


class _SelectedTime(FunctionElement[Any]):
    """A time in the list of what is selected, in a form that every driver can read."""

    name = "audit_selected_time"
    type = Timestamp()
    inherit_cache = True


class _SelectedJson(FunctionElement[Any]):
    """JSON in the list of what is selected: its text, which `Json` reads."""

    name = "audit_selected_json"
    type = Json()
    inherit_cache = True


class _Value(FunctionElement[Any]):
    """JSON in the form in which it is compared."""

    name = "audit_value"
    type = Json()
    inherit_cache = True


class _Member(FunctionElement[Any]):
    """The member of an object."""

    name = "audit_member"
    type = Json()
    inherit_cache = True


class _Item(FunctionElement[Any]):
    """The item of a list."""

    name = "audit_item"
    type = Json()
    inherit_cache = True


class _String(FunctionElement[Any]):
    """A JSON value as text."""

    name = "audit_string"
    type = Text()
    inherit_cache = True


class _Integer(FunctionElement[Any]):
    """A JSON value as an integer."""

    name = "audit_integer"
    type = BigInteger()
    inherit_cache = True


class _Number(FunctionElement[Any]):
    """A JSON value as a float."""

    name = "audit_number"
    type = Float(53)
    inherit_cache = True


class _Boolean(FunctionElement[Any]):
    """A JSON value as true or false."""

    name = "audit_boolean"
    type = Boolean()
    inherit_cache = True


class _Contains(FunctionElement[bool]):
    """Whether a JSON list contains all items of another."""

    name = "audit_contains"
    type = Boolean()
    inherit_cache = True


# json_extract makes 1 and 0 of true and false.
_PART = (
    "CASE WHEN json_valid({0}) THEN CASE json_type({0}, {path}) WHEN 'true' THEN 'true' "
    "WHEN 'false' THEN 'false' WHEN 'null' THEN 'null' "
    "ELSE nullif(json_quote(json_extract({0}, {path})), 'null') END END"
)
_ON_SQLITE = {
    _SelectedTime: "{0}",
    _SelectedJson: "{0}",
    _Value: "{0}",
    _Member: _PART.replace("{path}", "'$.\"' || {1} || '\"'"),
    _Item: _PART.replace("{path}", "'$[' || iif({1} < 0, '#', '') || {1} || ']'"),  # [#-1] is the last one
    _String: "CASE json_type({0}) WHEN 'text' THEN json_extract({0}, '$') END",
    _Integer: "CASE json_type({0}) WHEN 'integer' THEN json_extract({0}, '$') WHEN 'real' THEN "
    "iif(abs(json_extract({0}, '$')) < 9.2e18 "
    "AND CAST(json_extract({0}, '$') AS INTEGER) = json_extract({0}, '$'), "
    "CAST(json_extract({0}, '$') AS INTEGER), NULL) END",
    _Number: "CASE WHEN json_type({0}) IN ('integer', 'real') AND abs(json_extract({0}, '$')) < 1.7976e308 "
    "THEN CAST(json_extract({0}, '$') AS REAL) END",
    _Boolean: "CASE json_type({0}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    _Contains: "(CASE WHEN json_valid({0}) THEN coalesce(json_type({0}), '') END = 'array' AND NOT EXISTS "
    "(SELECT 1 FROM json_each({1}) AS wanted WHERE NOT EXISTS (SELECT 1 FROM json_each({0}) AS item "
    "WHERE item.atom IS wanted.atom AND (item.type = wanted.type "
    "OR item.type IN ('integer', 'real') AND wanted.type IN ('integer', 'real')))))",
}
"""The SQL of each expression, with its arguments; the last two of a member are a value and a name."""
_JSONB = "CAST({0} AS JSONB)"
_ON_POSTGRESQL = {
    # Drivers refuse infinity, and times that are outside of the calendar in the zone of the session.
    _SelectedTime: "(least(greatest({0}, to_timestamp(0)), "
    "CAST('9999-12-31 23:59:59.999999+00' AS TIMESTAMPTZ)) AT TIME ZONE 'UTC')",
    _SelectedJson: "CAST({0} AS TEXT)",
    _Value: _JSONB,
    _Member: f"({_JSONB} -> CAST({{1}} AS TEXT))",
    _Item: f"({_JSONB} -> CAST({{1}} AS INTEGER))",
    _String: f"CASE jsonb_typeof({_JSONB}) WHEN 'string' THEN {_JSONB} #>> '{{{{}}}}' END",
    _Integer: f"CASE jsonb_typeof({_JSONB}) WHEN 'number' "
    f"THEN CASE WHEN mod(CAST({_JSONB} AS NUMERIC), 1) = 0 AND abs(CAST({_JSONB} AS NUMERIC)) < 9.2e18 "
    f"THEN CAST({_JSONB} AS BIGINT) END END",
    _Number: f"CASE jsonb_typeof({_JSONB}) WHEN 'number' THEN CASE WHEN CAST({_JSONB} AS NUMERIC) = 0 "
    f"OR abs(CAST({_JSONB} AS NUMERIC)) BETWEEN 1e-307 AND 1.7976e308 "
    f"THEN CAST({_JSONB} AS DOUBLE PRECISION) END END",
    _Boolean: f"CASE jsonb_typeof({_JSONB}) WHEN 'boolean' THEN CAST({_JSONB} AS BOOLEAN) END",
    _Contains: f"coalesce(jsonb_typeof({_JSONB}) = 'array' AND {_JSONB} @> CAST({{1}} AS JSONB), false)",
}


def _compile(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    forms = _ON_POSTGRESQL if _is_postgresql(compiler.dialect) else _ON_SQLITE
    return forms[type(element)].format(*(compiler.process(each, **options) for each in element.clauses))


for _expression in _ON_SQLITE:
    compiles(_expression)(_compile)
