"""Valid inputs, and their mutations: metadata, options, JSON forms, texts of filters, cursors and queries.

Every function takes the random numbers of one input, so that its seed repeats it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from tests.fuzz.hostile import TEXTS, TIMES, any_value

from audit_events import CATALOG
from auditwright import Actor, Condition, Filter
from auditwright.catalog import Event, Field
from auditwright.ids import make_id, to_microseconds

EVENTS = tuple(CATALOG.every_event.values())
OWN_EVENTS = tuple(CATALOG.events.values())
START = datetime(2026, 5, 1, tzinfo=UTC)
ADDRESSES = ("203.0.113.7", "2001:DB8::1", "::ffff:1.2.3.4", "::1")
KINDS: dict[str, tuple[Any, ...]] = {
    "string": ("a", "Llama", "é" * 50, "\0", "\ud800x", "x" * 5000, " ", "\u202e", "=1+1"),
    "integer": (0, 1, 5, 100, 1.0, 2**53 - 1, -1),
    "number": (0, 1, 0.5, 0.7, 100, 1e300, -0.0),
    "boolean": (True, False),
    "timestamp": ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456Z", datetime(2026, 1, 2, tzinfo=UTC)),
    "ip": ("203.0.113.7", "::1"),
    "url": ("https://example.com/a?b=c", "http://[::1]:80/"),
    "email": ("ada@example.com",),
}


def value_of(field: Field, random: Random) -> Any:
    """A value that the field probably allows."""
    choices = tuple(field.values) if field.values else KINDS[field.kind]
    if not field.many:
        return random.choice(choices)
    return [random.choice(choices) for _ in range(random.randrange(4))]


def metadata(event: Event, random: Random, hostile: Callable[[Random], Any] = any_value) -> dict[str, Any]:
    """The example of an event, with up to three changes."""
    values: dict[str, Any] = dict(event.example)
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        if event.metadata:
            field = random.choice(event.metadata)
            chance = random.random()
            if chance < 0.4:
                values[field.name] = value_of(field, random)
            elif chance < 0.5:
                values.pop(field.name, None)
            elif chance < 0.6 and field.many:
                values[field.name] = [value_of(field, random), hostile(random)]
            else:
                values[field.name] = hostile(random)
    if random.random() < 0.03:
        values[random.choice(("no_such_field", "model_nam", "", "\ud800", "metadata", "self"))] = hostile(
            random
        )
    return values


def actor(random: Random) -> Actor:
    """An actor, sometimes with a name that is altered."""
    number = random.randrange(50)
    name = random.choice((None, f"User {number}", "A\0b", "\ud800", "n" * 5000, ""))
    kind = random.choice((Actor.user, Actor.user, Actor.app))
    chance = random.random()
    if chance < 0.05:
        return Actor.anonymous()
    return kind(f"u-{number}", name) if chance < 0.9 else Actor.system(name)


CONTEXT: dict[str, tuple[Any, ...]] = {
    "request_id": ("r-1", "", "\r\n\0", "\ud800" * 200, None),
    "trace_id": ("4bf92f3577b34da6a3ce929d0e0e4736", "A" * 32, "0" * 32),
    "span_id": ("00f067aa0ba902b7", "0" * 16),
    "session_id": ("s-1", "😀" * 300),
    "user_agent": ("Mozilla/5.0", "x" * 5000, "\x1b[2J\u202e"),
}


def context(random: Random, hostile: Callable[[Random], Any] = any_value) -> Any:
    """The context of an entry, with some parts; a hostile one of ten, or a hostile part."""
    made: Any = {name: random.choice(CONTEXT[name]) for name in CONTEXT if random.random() < 0.5}
    chance = random.random()
    if chance < 0.1:
        return hostile(random)
    if chance < 0.2:
        made[random.choice((*CONTEXT, "submitted_by", "request", "", 7))] = hostile(random)
    return made


def moment(random: Random) -> datetime:
    """A time of a few months, so that PostgreSQL has few partitions."""
    return START + timedelta(microseconds=random.randrange(25 * 86_400 * 1_000_000))


OPTIONS: dict[str, Callable[[Random], Any]] = {
    "actor": actor,
    "ip_address": lambda random: random.choice(ADDRESSES),
    "account_id": lambda random: random.choice(("acme", "globex", "é" * 256)),
    "occurred_at": moment,
    "details": lambda random: random.choice(("Ticket 7.", "", "x" * 2000, "\0\ud800")),
    "on_behalf_of": actor,
    "context": context,
}


def failure(random: Random, hostile: Callable[[Random], Any] = any_value) -> dict[str, Any]:
    """Mostly nothing; else an outcome, perhaps with a reason, which few events can have."""
    chance = random.random()
    if chance < 0.9:
        return {}
    made: dict[str, Any] = {"outcome": mostly(random, ("success", "failure", "failure"), hostile)}
    if chance < 0.97:
        reasons = ("No.", "x" * 300, "\0\ud800", "", "x" * 301)
        made["failure_reason"] = mostly(random, reasons, hostile)
    return made


def options(random: Random, hostile: Callable[[Random], Any] = any_value) -> dict[str, Any]:
    """The options of an emitter: mostly valid ones, sometimes a hostile one."""
    chosen: dict[str, Any] = {"actor": actor(random)} if random.random() < 0.9 else {}
    chosen |= failure(random, hostile)
    for name, make in OPTIONS.items():
        chance = random.random()
        if chance < 0.15:
            chosen[name] = make(random)
        elif chance < 0.18:
            chosen[name] = hostile(random)
    chance = random.random()
    if chance < 0.05:
        at: Any = chosen.get("occurred_at")
        plain = type(at) is datetime and at.tzinfo is UTC
        packed = make_id(to_microseconds(at if plain and at.year > 1970 else moment(random)))
        head, tail = packed[:8], random.randbytes(8)
        entry_id = uuid.UUID(bytes=head + bytes((0x80 | tail[0] & 0x3F,)) + tail[1:])
        chosen["id"] = entry_id if random.random() < 0.5 else str(entry_id)
    elif chance < 0.09:
        chosen["id"] = hostile(random)
    if random.random() < 0.01:
        chosen["session"] = hostile(random)
    return chosen


# --- the JSON form ---------------------------------------------------------------------------------

JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.0,
    0.5,
    1e300,
    2**53,
    2**63,
    2**64,
    10**400,
    "",
    "a",
    "\0",
    "\ud800",
    "x" * 5000,
    "😀" * 3000,
    [],
    {},
    [None],
    ["a"],
    [[]],
    {"a": 1},
    [1, "a"],
    "2026-01-01T00:00:00Z",
    "2026-01-01t00:00:00z",
    "2026-01-01T00:00:00+02:00",
    "2026-01-01T00:00:60Z",
    "2026-01-01",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+14:00",
    "203.0.113.7",
    "user",
    {"type": "system"},
    {"type": "user", "id": "u"},
    {"type": "user"},
    {"type": 7, "id": []},
    {"type": "app", "id": "\ud800", "name": "\0"},
    "a" * 257,
)


def json_value(random: Random) -> Any:
    """A value that JSON can express; a deep one sometimes."""
    if random.random() < 0.05:
        value: Any = []
        for _ in range(random.choice((20, 260, 2000))):
            value = [value] if random.random() < 0.5 else {"a": value}
        return value
    return random.choice(JSON_VALUES)


def form(random: Random, hostile: Callable[[Random], Any] = any_value, **parts: Any) -> Any:
    """The JSON form of an event, with up to three changes; rarely something else."""
    event = random.choice(EVENTS)
    made: dict[Any, Any] = {
        "event": event.key,
        "actor": {"type": "user", "id": f"u-{random.randrange(50)}", "name": "Ada"},
        **failure(random, hostile),
        "metadata": metadata(event, random, hostile),
    }
    made["metadata"] = {
        name: "2026-01-02T03:04:05Z" if isinstance(value, datetime) and hostile is json_value else value
        for name, value in made["metadata"].items()
    }
    if random.random() < 0.2:
        made["ip_address"] = random.choice(ADDRESSES)
    if random.random() < 0.2:
        at = moment(random)
        made["occurred_at"] = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        if random.random() < 0.5:
            head, tail = make_id(to_microseconds(at))[:8], random.randbytes(8)
            made["id"] = str(uuid.UUID(bytes=head + bytes((0x80 | tail[0] & 0x3F,)) + tail[1:]))
    if random.random() < 0.1:
        made["on_behalf_of"] = {"type": "app", "id": "billing", "name": random.choice(("Billing", "\0"))}
    if random.random() < 0.1:
        made["context"] = context(random, hostile)
    made |= parts
    chance = random.random()
    if chance < 0.25:
        name = random.choice(
            (*made, "id", "account_id", "occurred_at", "ip_address", "on_behalf_of", "no_such_name", "level")
        )
        made[name] = hostile(random)
    elif chance < 0.3:
        made.pop(random.choice(tuple(made)))
    elif chance < 0.33 and isinstance(made.get("actor"), dict):
        made["actor"][random.choice(("type", "id", "name", "other"))] = hostile(random)
    elif chance < 0.35:
        return hostile(random)
    return made


READ_ONLY: dict[str, Callable[[Random], Any]] = {
    "level": lambda random: random.choice(("account", "tool", "gone")),
    "category": lambda random: random.choice(("account.models", "account.gone")),
    "description": lambda random: random.choice(("Someone did something.", "x" * 4096)),
    "catalog_version": lambda random: random.choice((CATALOG.version, "0.9.0", "99.0.0")),
    "recorded_at": lambda random: "2026-05-30T00:00:00.000001Z",
    "alterations": lambda random: {"metadata.model_name": {"length": 5000, "sha256": "0" * 64, "cut": True}},
}


def exported_form(random: Random) -> Any:
    """A JSON form with the parts that another log wrote."""
    parts = {name: make(random) for name, make in READ_ONLY.items() if random.random() < 0.3}
    for name in READ_ONLY:
        if random.random() < 0.03:
            parts[name] = json_value(random)
    return form(random, json_value, **parts)


def json_text(value: Any, random: Random) -> bytes:
    """The JSON of a value, with surrogates as escapes or as bytes that are not UTF-8."""
    try:
        text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    except (RecursionError, TypeError, ValueError):
        text = "null"
    return text.encode("utf-8", "surrogatepass")


TOKENS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"-0",
    b"0x1",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\x00",
    b"\n",
    b"\r\n",
    b"\xef\xbb\xbf",
    b'"event":"account.roles.role_changed",',
    b'"metadata":{},',
    b"9" * 400,
    b"[" * 1200,
    b'{"a":' * 300,
    b" " * 100,
)


def damaged(text: bytes, random: Random) -> bytes:
    """A JSON text with bytes changed, removed, repeated or put in; a BOM; another encoding; cut short."""
    chance = random.random()
    if chance < 0.35 or not text:
        return text
    if chance < 0.4:
        return b"\xef\xbb\xbf" + text
    if chance < 0.42:
        return text.decode("utf-8", "surrogatepass").encode(
            random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig")), "surrogatepass"
        )
    if chance < 0.5:
        return text[: random.randrange(len(text))]
    if chance < 0.6:  # a key twice
        inner = text.strip()[1:]
        return b"{" + inner[: inner.find(b",") + 1] + inner
    changed = bytearray(text)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(changed) + 1)
        kind = random.random()
        if kind < 0.4 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif kind < 0.6:
            changed[at : at + random.randrange(1, 9)] = b""
        else:
            changed[at:at] = random.choice(TOKENS)
    return bytes(changed)


# --- reading ---------------------------------------------------------------------------------------

CATEGORIES = tuple(dict.fromkeys(event.category for event in EVENTS))


def condition_text(random: Random) -> Any:
    """A condition as text, or a mutation of one."""
    field = random.choice(("category", "event", "user", "user"))
    value = {
        "category": random.choice(CATEGORIES),
        "event": random.choice(EVENTS).key,
        "user": f"u-{random.randrange(60)}",
    }[field]
    text = f"{field}:{random.choice(('is', 'is_not'))}:{value}"
    chance = random.random()
    if chance < 0.75:
        return text
    if chance < 0.9:
        at = random.randrange(len(text))
        return (
            text[:at] + random.choice(("", ":", "\0", "\ud800", "é", " ", "is", "x" * 300)) + text[at + 1 :]
        )
    return any_value(random)


def filter_of(random: Random) -> Any:
    """A filter; a hostile value sometimes."""
    chance = random.random()
    if chance < 0.3:
        return None
    if chance < 0.9:
        conditions = []
        for _ in range(random.choice((0, 1, 1, 2, 5, 20))):
            field = random.choice(("category", "event", "user", "user"))
            value = random.choice(CATEGORIES) if field == "category" else random.choice(EVENTS).key
            if field == "user":
                value = random.choice((f"u-{random.randrange(60)}", "\ud800", "\0", "x" * 256))
            elif random.random() < 0.02:
                value = random.choice(("gone.gone", "gone.gone.gone", "\ud800"))
            conditions.append(Condition(field, random.choice(("is", "is_not")), value))  # type: ignore[arg-type]
        return Filter(random.choice(("all", "any")), tuple(conditions))
    return any_value(random)


def text_of(value: Any) -> str:
    """The text of a value; of another value "a"."""
    return str.__str__(value) if issubclass(type(value), str) else "a"


def filter_form(random: Random) -> Any:
    """The JSON form of a filter, with changes."""
    conditions: Any = []
    for _ in range(random.choice((0, 1, 1, 2, 21))):
        condition: Any = dict(
            zip(("field", "operator", "value"), text_of(condition_text(random)).split(":", 2), strict=False)
        )
        if random.random() < 0.1:
            condition[random.choice(("field", "operator", "value", "other", 7))] = any_value(random)
        if random.random() < 0.03:
            condition = any_value(random)
        conditions.append(condition)
    made: Any = {"match": random.choice(("all", "any")), "conditions": conditions}
    if random.random() < 0.15:
        made[random.choice(("match", "conditions", "other", None))] = any_value(random)
    return made if random.random() < 0.95 else any_value(random)


def bound(random: Random) -> Any:
    """A bound of a time range."""
    chance = random.random()
    if chance < 0.4:
        return None
    if chance < 0.7:
        return moment(random)
    if chance < 0.8:
        return random.choice(
            (date(2026, 5, 1), "2026-05-31", "2026-05-31T10:00:00+02:00", date.min, date.max)
        )
    return random.choice(TIMES)() if chance < 0.9 else any_value(random)


def search(random: Random) -> Any:
    """A text to search for."""
    chance = random.random()
    if chance < 0.5:
        return None
    if chance < 0.8:
        return random.choice(
            ("llama", "ada", "é" * 50, "%%%", "___", "'''", "\\\\\\", "\0\0\0", "\ud800" * 3)
        )
    return random.choice(TEXTS)() if chance < 0.9 else any_value(random)


def mostly(random: Random, values: Iterable[Any], hostile: Callable[[Random], Any] = any_value) -> Any:
    """One of the values; a hostile one of six."""
    return random.choice(tuple(values)) if random.random() < 0.85 else hostile(random)
