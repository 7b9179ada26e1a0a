"""Hostile values: each is made anew for a call, because generators and lists are used up or changed.

`any_value(random)` gives one of any kind. `Raised` is the exception of those whose own methods raise.
"""

from __future__ import annotations

import enum
import io
import math
import uuid
from collections import ChainMap, OrderedDict, UserDict, UserList, UserString, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from types import MappingProxyType, SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd  # type: ignore[import-untyped]

from auditwright import Actor, Condition, Filter


class Raised(Exception):
    """What the hostile objects of the fuzzer raise."""


def _raise(*_: object, **__: object) -> Any:
    raise Raised("a hostile object was used")


# --- classes ---------------------------------------------------------------------------------------


class Text(str):
    """A str of another class."""


class Number(int):
    """An int of another class."""


class Ratio(float):
    """A float of another class."""


class Moment(datetime):
    """A datetime of another class."""


class Id(uuid.UUID):
    """A UUID of another class."""


class Items(list):  # type: ignore[type-arg]
    """A list of another class."""


class Object(dict):  # type: ignore[type-arg]
    """A dict of another class."""


class Colour(str, enum.Enum):  # noqa: UP042 - older code has these
    """Texts as an enumeration."""

    RED = "red"
    OPEN = "open_source"


class Level(enum.IntEnum):
    """Numbers as an enumeration."""

    LOW = 1


def _hostile(base: type, *names: str) -> type:
    """A subclass whose methods raise."""
    return type(f"Raising{base.__name__.title()}", (base,), dict.fromkeys(names, _raise))


_COMPARED = ("__eq__", "__ne__", "__hash__", "__lt__", "__gt__", "__le__", "__ge__", "__bool__")
_SHOWN = ("__str__", "__repr__", "__format__")
RaisingObject = _hostile(
    object, *_COMPARED, *_SHOWN, "__iter__", "__len__", "__call__", "__int__", "__float__"
)
RaisingText = _hostile(
    str,
    "__eq__",
    "__ne__",
    "__len__",
    "__iter__",
    "__contains__",
    "__getitem__",
    *_SHOWN,
    "encode",
    "strip",
    "partition",
    "startswith",
    "endswith",
    "split",
    "lower",
    "replace",
    "__add__",
    "__lt__",
    "__bool__",
)
RaisingNumber = _hostile(
    int,
    "__lt__",
    "__gt__",
    "__le__",
    "__ge__",
    "__eq__",
    "__ne__",
    "__index__",
    "__int__",
    "__bool__",
    "bit_length",
    "__abs__",
    *_SHOWN,
)
RaisingRatio = _hostile(
    float,
    "__lt__",
    "__gt__",
    "__le__",
    "__ge__",
    "__eq__",
    "__ne__",
    "is_integer",
    "__float__",
    "__bool__",
    *_SHOWN,
)
RaisingItems = _hostile(
    list, "__iter__", "__len__", "__getitem__", "__eq__", "__contains__", "__bool__", *_SHOWN
)
RaisingDict = _hostile(
    dict,
    "__iter__",
    "__len__",
    "__getitem__",
    "keys",
    "items",
    "values",
    "get",
    "__contains__",
    "__eq__",
    "copy",
    "pop",
    "__bool__",
    *_SHOWN,
)
RaisingMoment = _hostile(
    datetime,
    "astimezone",
    "isoformat",
    "utcoffset",
    "__sub__",
    "__rsub__",
    "__lt__",
    "__gt__",
    "__eq__",
    "replace",
    *_SHOWN,
)
RaisingId = _hostile(uuid.UUID, "__eq__", "__hash__", "__int__", *_SHOWN)


class RaisingMapping(Mapping[str, Any]):
    """A mapping that raises when it is read; `at` says where."""

    def __init__(self, at: str) -> None:
        self._at = at

    def __getitem__(self, name: str) -> Any:
        return _raise() if self._at == "item" else "x"

    def __iter__(self) -> Iterator[str]:
        return _raise() if self._at == "iter" else iter(("event", "metadata"))

    def __len__(self) -> int:
        return int(_raise()) if self._at == "len" else 2


class LateMapping(Mapping[str, Any]):
    """A mapping that names a key and does not have it."""

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(("event",))

    def __len__(self) -> int:
        return 1


class Proxy:
    """An object that says it is another, as lazy proxies of web frameworks do."""

    def __init__(self, target: Any) -> None:
        self._target = target

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self._target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __str__(self) -> str:
        return str(self._target)


class Zone(tzinfo):
    """A time zone that answers with what it was given."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def utcoffset(self, _: datetime | None) -> Any:
        return self._answer() if callable(self._answer) else self._answer

    def dst(self, _: datetime | None) -> Any:
        return None

    def tzname(self, _: datetime | None) -> Any:
        return "?"


def raising_generator(after: int = 0, item: Any = None) -> Iterator[Any]:
    """Some items, and then the exception."""
    for _ in range(after):
        yield item
    _raise()


def cyclic_list() -> list[Any]:
    """A list that contains itself."""
    items: list[Any] = [1]
    items.append(items)
    return items


def cyclic_dict() -> dict[str, Any]:
    """An object that contains itself."""
    found: dict[str, Any] = {"a": 1}
    found["self"] = found
    return found


def nested(depth: int, of: type = list) -> Any:
    """Lists in lists, or objects in objects."""
    value: Any = of()
    for _ in range(depth):
        value = [value] if of is list else {"a": value}
    return value


# --- pools -----------------------------------------------------------------------------------------

Maker = Callable[[], Any]
NOW = datetime(2026, 6, 7, 8, 9, 10, 123456, UTC)

TEXTS: tuple[Maker, ...] = (
    lambda: "",
    lambda: "a",
    lambda: " ",
    lambda: "x" * 256,
    lambda: "x" * 257,
    lambda: "é" * 5000,
    lambda: "😀" * 20_000,
    lambda: "\0",
    lambda: "a\0b",
    lambda: "\ud800",
    lambda: "a\udfffb",
    lambda: "\ud83d\ude00",
    lambda: "\ufeffa",
    lambda: "a\r\nb",
    lambda: "\u202eabc",
    lambda: "=1+1",
    lambda: "%s%n{0}{a}",
    lambda: "'; DROP TABLE audit_entry; --",
    lambda: "../../etc/passwd",
    lambda: "\ufdfa" * 300,
    lambda: "1e400",
    lambda: "NaN",
    lambda: "null",
    lambda: "0" * 5000,
    lambda: "2026-01-01",
    lambda: "2026-01-01T00:00:00Z",
    lambda: "9999-12-31T23:59:59.999999Z",
    lambda: "0001-01-01T00:00:00+23:59",
    lambda: "2026-02-30",
    lambda: "203.0.113.7",
    lambda: "::ffff:1.2.3.4",
    lambda: "fe80::1%eth0",
    lambda: "acme",
    lambda: "user",
    lambda: "k1:" + "A" * 44,
    lambda: "\x7f\x1b[31m",
    lambda: "019a0000-0000-7000-8000-000000000000",
    lambda: "{019a000000007000800000000000ffff}",
    lambda: "urn:uuid:019a0000-0000-7000-8000-000000000000",
    lambda: "category:is:account.models",
    lambda: Text("a"),
    lambda: Text(""),
    lambda: Colour.RED,
    lambda: Colour.OPEN,
    lambda: np.str_("a"),
    lambda: RaisingText("a"),
    lambda: RaisingText("\0"),
    lambda: UserString("a"),
)
NUMBERS: tuple[Maker, ...] = (
    lambda: 0,
    lambda: 1,
    lambda: -1,
    lambda: 50,
    lambda: True,
    lambda: False,
    lambda: 2**31,
    lambda: 2**53 - 1,
    lambda: 2**53,
    lambda: 2**63,
    lambda: 2**64,
    lambda: -(2**63) - 1,
    lambda: 10**5000,
    lambda: -(10**5000),
    lambda: 0.0,
    lambda: -0.0,
    lambda: 0.5,
    lambda: 1.0,
    lambda: 1e16,
    lambda: 1e308,
    lambda: math.nan,
    lambda: math.inf,
    lambda: -math.inf,
    lambda: 5e-324,
    lambda: 1j,
    lambda: Decimal("1.5"),
    lambda: Decimal("NaN"),
    lambda: Decimal("sNaN"),
    lambda: Decimal("1e999999"),
    lambda: Fraction(1, 3),
    lambda: Number(7),
    lambda: Number(10**5000),
    lambda: Ratio(0.5),
    lambda: Ratio("nan"),
    lambda: Level.LOW,
    lambda: np.float64(0.5),
    lambda: np.float64("nan"),
    lambda: np.float32(0.5),
    lambda: np.float64(7),
    lambda: np.int64(7),
    lambda: np.int8(-1),
    lambda: np.uint64(2**64 - 1),
    lambda: np.bool_(True),
    lambda: np.datetime64("2026-01-01"),
    lambda: np.array([1, 2]),
    lambda: np.array(1.5),
    lambda: RaisingNumber(7),
    lambda: RaisingRatio(0.5),
)
TIMES: tuple[Maker, ...] = (
    lambda: NOW,
    lambda: NOW.replace(tzinfo=None),
    lambda: date(2026, 1, 1),
    lambda: time(1, 2),
    lambda: timedelta(days=1),
    lambda: datetime.max,
    lambda: datetime.min,
    lambda: date.max,
    lambda: date.min,
    lambda: datetime.max.replace(tzinfo=UTC),
    lambda: datetime.min.replace(tzinfo=UTC),
    lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    lambda: NOW.astimezone(timezone(timedelta(hours=5, minutes=30))),
    lambda: NOW.astimezone(timezone(timedelta(seconds=1, microseconds=1))),
    lambda: NOW.astimezone(ZoneInfo("Europe/Berlin")),
    lambda: datetime(1969, 12, 31, tzinfo=UTC),
    lambda: datetime(1970, 1, 1, tzinfo=UTC),
    lambda: datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    lambda: NOW.replace(tzinfo=Zone(None)),
    lambda: NOW.replace(tzinfo=Zone(_raise)),
    lambda: NOW.replace(tzinfo=Zone("+01:00")),
    lambda: NOW.replace(tzinfo=Zone(timedelta(hours=30))),
    lambda: NOW.replace(tzinfo=Zone(timedelta(hours=1))),
    lambda: NOW.replace(tzinfo=tzinfo()),  # type: ignore[abstract]
    lambda: Moment.fromisoformat("2026-06-07T08:09:10.123456+00:00"),
    lambda: Moment.fromisoformat("2026-06-07T08:09:10.123456"),
    lambda: RaisingMoment(2026, 6, 7, tzinfo=UTC),
    lambda: RaisingMoment(2026, 6, 7),
    lambda: pd.NaT,
    lambda: pd.Timestamp("2026-06-07T08:09:10.123456789Z"),
    lambda: pd.Timestamp("2026-06-07"),
)
IDS: tuple[Maker, ...] = (
    lambda: uuid.UUID("019a0000-0000-7000-8000-000000000000"),
    uuid.uuid4,
    lambda: uuid.UUID(int=0),
    lambda: uuid.UUID(int=2**128 - 1),
    lambda: Id(int=5),
    lambda: RaisingId(int=7),
    lambda: "019a0000-0000-7000-8000-000000000000",
    lambda: str(uuid.uuid4()),
    lambda: "not-a-uuid",
    lambda: b"0123456789abcdef",
    lambda: 10**5000,
    lambda: 0,
    lambda: uuid.UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"),
    lambda: uuid.UUID("00000000-0000-7000-8000-000000000000"),
    lambda: "ffffffff-ffff-7fff-bfff-ffffffffffff",
)
CONTAINERS: tuple[Maker, ...] = (
    list,
    dict,
    tuple,
    set,
    lambda: [None],
    lambda: ["a"],
    lambda: ["a", "a"],
    lambda: [["a"]],
    lambda: [1, "a"],
    lambda: {"a": 1},
    lambda: {1: 2, None: 3},
    lambda: {(1, 2): 3},
    lambda: {"\ud800": 1},
    lambda: {"\0": "\0"},
    lambda: {Text("a"): 1},
    cyclic_list,
    cyclic_dict,
    lambda: nested(300),
    lambda: nested(5000),
    lambda: nested(300, dict),
    lambda: nested(5000, dict),
    lambda: ("a", "b"),
    lambda: {"a", "b"},
    lambda: frozenset(("a",)),
    lambda: deque(("a",)),
    lambda: range(3),
    lambda: iter(["a"]),
    lambda: (each for each in ("a", "b")),
    raising_generator,
    lambda: {"a": 1}.keys(),
    lambda: {"a": 1}.items(),
    lambda: Items(["a"]),
    lambda: Object(a=1),
    lambda: OrderedDict(a=1),
    lambda: MappingProxyType({"a": 1}),
    lambda: ChainMap({"a": 1}),
    lambda: UserDict({"a": 1}),
    lambda: UserList(["a"]),
    lambda: ["x"] * 10_000,
    lambda: {f"field_{number}": number for number in range(1000)},
    lambda: ["\ud800"],
    lambda: [b"a"],
    lambda: RaisingItems(["a"]),
    lambda: RaisingDict(a=1),
    lambda: RaisingMapping("item"),
    lambda: RaisingMapping("iter"),
    lambda: RaisingMapping("len"),
    LateMapping,
    lambda: [math.nan],
    lambda: [NOW],
    lambda: [Text("a"), Colour.RED],
    lambda: [RaisingText("a")],
    lambda: [RaisingObject()],
    lambda: [np.float64(0.5)],
    lambda: [Number(3)],
    lambda: [cyclic_list()],
    lambda: [10**5000],
)
OBJECTS: tuple[Maker, ...] = (
    object,
    RaisingObject,
    lambda: RaisingObject,
    lambda: ...,
    lambda: NotImplemented,
    lambda: len,
    lambda: int,
    lambda: io,
    lambda: ValueError("x"),
    lambda: io.BytesIO(b"x"),
    lambda: io.StringIO("x"),
    lambda: Path("x"),
    lambda: b"",
    lambda: b"abc",
    lambda: b"\xff\xfe",
    lambda: bytearray(b"a"),
    lambda: memoryview(b"a"),
    lambda: memoryview(b"abcd").cast("I"),
    lambda: Proxy("acme"),
    lambda: Proxy(7),
    lambda: Proxy(0.5),
    lambda: Proxy({"a": 1}),
    lambda: Proxy(["a"]),
    lambda: Proxy(NOW),
    lambda: Proxy(Actor.system()),
    lambda: Proxy(uuid.UUID(int=7)),
    lambda: Proxy(Filter()),
    lambda: SimpleNamespace(bytes="x"),
    lambda: SimpleNamespace(type="user", id="u", name="n"),
    lambda: Actor.user("u-1", "U"),
    Actor.system,
    Filter,
    lambda: Condition("user", "is", "u-1"),
    lambda: Actor,
    lambda: Filter,
    lambda: slice(1, 2),
)
NOTHING: tuple[Maker, ...] = (lambda: None,)

POOLS = (TEXTS, NUMBERS, TIMES, IDS, CONTAINERS, OBJECTS, NOTHING)
EVERY: tuple[Maker, ...] = tuple(maker for pool in POOLS for maker in pool)


def any_value(random: Random) -> Any:
    """A hostile value of any kind."""
    return random.choice(EVERY if random.random() < 0.3 else random.choice(POOLS))()


def shown(value: Any) -> str:
    """The value for a report, whatever its methods do."""
    try:
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple) and len(value) < 30:
            return f"[{', '.join(shown(each) if each is not value else '<itself>' for each in value)}]"
        if type(value) is dict and len(value) < 60:
            pairs = (
                f"{shown(name)}: {shown(each) if each is not value else '<itself>'}"
                for name, each in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        text = repr(value)
    except BaseException as error:  # its own __repr__ raises, or it is too deep or too large to be shown
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    text = text if type(value).__module__ == "builtins" else f"{type(value).__name__} {text}"
    return text if len(text) <= 200 else f"{text[:150]}… ({len(text)} characters)"
