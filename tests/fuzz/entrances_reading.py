"""The entrances that read: filters, pages, counts, cursors, exports, typed views."""

from __future__ import annotations

import base64
import importlib
import io
import traceback
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from random import Random
from typing import Any

import sqlalchemy.exc
from sqlmodel import Session, select
from tests.fuzz import valid
from tests.fuzz.campaign import Entrance, Outcome, WrongAnswer
from tests.fuzz.hostile import any_value, raising_generator
from tests.fuzz.valid import bound, condition_text, filter_form, filter_of, json_text, mostly, search
from tests.fuzz.world import ADA, READABLE, World

from auditwright import Condition, Entry, Filter, Page

Make = Callable[[World, Random], Any]
ANSWERED = Outcome(answered=1)


def cursor(world: World, random: Random) -> Any:
    """A cursor: valid, changed, or something else; usually none."""
    chance = random.random()
    if chance < 0.5:
        return None
    text = random.choice(world.cursors)
    if chance < 0.75:
        return text
    if chance < 0.9:
        packed = bytearray(base64.urlsafe_b64decode(text + "=="))
        packed[random.randrange(len(packed))] ^= 1 << random.randrange(8)
        changed = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        return random.choice(
            (changed, changed[:-1], changed + "=", text + "\0", text * 2, text[:5] + "é", text[1:])
        )
    return any_value(random)


def _mostly(*values: Any) -> Make:
    return lambda _, random: mostly(random, values)


def _of(make: Callable[[Random], Any]) -> Make:
    return lambda _, random: make(random)


SELECTION: dict[str, Make] = {
    "where": _of(filter_of),
    "since": _of(bound),
    "until": _of(bound),
    "search": _of(search),
}
LIMIT = _mostly(1, 2, 50, 1000, 0, 1001)


class Broken(io.BytesIO):
    """A stream that raises after some bytes."""

    def write(self, data: Any, /) -> int:
        """Raise."""
        return int(next(raising_generator()))


def target(world: World, random: Random) -> Any:
    """Where an export goes: a stream, a file in the fuzzer's folder, or something else."""
    chance = random.random()
    if chance < 0.6:
        return io.BytesIO()
    if chance < 0.75:
        name = random.choice(
            ("a.csv", "a.csv.gz", "a.zst", "é\ud800", "a\0b", "x" * 300, "", ".", "no/such/a.csv")
        )
        return random.choice((name, world.folder / "exports" / name)) if "\0" not in name else name
    return Broken() if chance < 0.8 else any_value(random)


def _callback(_: World, random: Random) -> Any:
    chance = random.random()
    if chance < 0.6:
        return None
    if chance < 0.8:
        return lambda *_: None
    return (lambda *_: next(raising_generator())) if chance < 0.9 else any_value(random)


FLAG = _mostly(True, False)
EXCEL = _mostly(None, "comma", "semicolon", "tab")
EXPORT: dict[str, Make] = {
    **SELECTION,
    "target": target,
    "progress": _callback,
    "begin": _callback,
    "processes": _mostly(1, 1, 0),
}
FUNCTIONS: dict[str, dict[str, Make]] = {
    "entries": {**SELECTION, "limit": LIMIT, "after": cursor, "before": cursor},
    "all": SELECTION,
    "count": {**SELECTION, "progress": _callback},
    "count_up_to": {**SELECTION, "limit": LIMIT},
    "has_entries": {},
    "events": {},
    "users": {"text": _mostly("u-1", "", "User", "\0", "%"), "limit": LIMIT},
    "get": {"entry_id": lambda world, random: mostly(random, world.readable_ids)},
    "find": {
        "prefix": lambda world, random: mostly(random, (random.choice(world.readable_ids)[:9], "f", "-")),
        "limit": LIMIT,
    },
    "stream": {
        **SELECTION,
        "form": _mostly("csv", "jsonl", "xml"),
        "full": FLAG,
        "excel": EXCEL,
        "begin": _callback,
    },
    "export_csv": {**EXPORT, "after": cursor, "limit": LIMIT, "full": FLAG, "excel": EXCEL},
    "export_jsonl": EXPORT,
    "export_parquet": {name: EXPORT[name] for name in (*SELECTION, "target", "progress", "begin")},
}
"""What the functions of `AccountLog` take."""
REQUIRED = {"count_up_to": ("limit",), "get": ("entry_id",), "find": ("prefix",), "stream": ("form",)}
SHARES = {
    "entries": 30,
    "all": 4,
    "count": 5,
    "count_up_to": 12,
    "has_entries": 1,
    "events": 1,
    "users": 10,
    "get": 16,
    "find": 5,
    "stream": 4,
    "export_csv": 6,
    "export_jsonl": 4,
    "export_parquet": 1,
}
_NAMES = tuple(name for name, share in SHARES.items() for _ in range(share))


def read(world: World, random: Random) -> Outcome:
    """A function of `AccountLog` with mostly valid arguments."""
    name = random.choice(_NAMES)
    given: dict[str, Any] = {}
    for parameter, make in FUNCTIONS[name].items():
        if parameter in REQUIRED.get(name, ("target",)) or random.random() < 0.5:
            given[parameter] = make(world, random)
    world.input = (name, (), given)
    (world.folder / "exports").mkdir(exist_ok=True)
    with world.log.acting(ADA):
        answer = getattr(world.readable, name)(**given)
        _check(answer, name)
    return ANSWERED


def _check(answer: Any, name: str) -> None:
    """Use what was returned as a caller does."""
    if isinstance(answer, Page):
        for entry in islice(answer.entries, 5):
            use(entry)
        return
    if isinstance(answer, Entry):
        use(answer)
    elif name in ("all", "stream"):
        with closing(answer) as items:
            for item in islice(items, 3):
                use(item) if isinstance(item, Entry) else len(item)


def use(entry: Entry) -> None:
    """Read every part of an entry."""
    entry.to_json()
    repr(entry)
    hash(entry)
    _ = (entry.typed, entry.actor, entry.occurred_at, entry.recorded_at, entry.alterations, entry.event_title)


def filters(world: World, random: Random) -> Outcome:
    """The functions that make filters; what they make reads a page."""
    kind = random.randrange(7)
    conditions = [condition_text(random) for _ in range(random.choice((0, 1, 2, 20, 21)))]
    given: Any
    made: Any
    if kind == 0:
        given = (condition_text(random),)
        world.input = ("Condition.parse", given, {})
        str(Condition.parse(*given))
        return ANSWERED
    if kind == 1:
        given = tuple(
            mostly(random, values) for values in (("event", "user"), ("is", "is_not"), ("u-1", "a.b.c"))
        )
        world.input = ("Condition", given, {})
        hash(Condition(*given))
        return ANSWERED
    if kind == 2:
        given = (mostly(random, (conditions,)), mostly(random, ("all", "any")))
        world.input = ("Filter.parse", given, {})
        made = Filter.parse(*given)
    elif kind == 3:
        parsed = tuple(
            Condition("user", "is", f"u-{number}") for number in range(random.choice((0, 1, 20, 21)))
        )
        given = (mostly(random, ("all", "any")), mostly(random, (parsed, list(parsed))))
        world.input = ("Filter", given, {})
        made = Filter(*given)
    elif kind == 4:
        form = filter_form(random)
        given = (json_text(form, random) if random.random() < 0.3 else form,)
        world.input = ("Filter.from_json", given, {})
        made = Filter.from_json(*given)
    else:
        given = (_query(random),)
        world.input = ("Filter.from_query", given, {})
        made = Filter.from_query(*given)
    if Filter.from_query(made.to_query()) != made or Filter.from_json(made.to_json()) != made:
        raise WrongAnswer("the texts of a filter give another filter")
    world.readable.entries(made, limit=2)
    return ANSWERED


def _query(random: Random) -> Any:
    pairs = [f"where={valid.text_of(condition_text(random))}" for _ in range(random.choice((0, 1, 2, 40)))]
    if random.random() < 0.5:
        pairs.append(
            random.choice(("match=any", "match=all", "match=", "match=%00", "other=1", "%ff=%ff", "a;b"))
        )
    return mostly(random, ("&".join(pairs),))


def cursors(world: World, random: Random) -> Outcome:
    """Paging with changed cursors and changed selections."""
    given = {
        "after": cursor(world, random),
        "before": cursor(world, random),
        "limit": random.choice((1, 7, 50)),
    }
    if random.random() < 0.5:
        given["since"] = bound(random)
    if random.random() < 0.3:
        given["where"] = filter_of(random)
    world.input = ("entries", (), given)
    page = world.readable.entries(**given)
    for name in ("next", "previous"):
        if found := getattr(page, name):
            rest = {each: given[each] for each in given if each not in ("after", "before")}
            world.readable.entries(**rest, **{"after" if name == "next" else "before": found})
    return ANSWERED


def log_functions(world: World, random: Random) -> Outcome:
    """`AuditLog.account`, `accounts`, and the functions of the catalog."""
    catalog = world.log.catalog
    event = random.choice(valid.EVENTS)
    calls: dict[str, Callable[[], Any]] = {
        "account": lambda: world.log.account(mostly(random, (READABLE, "nobody"))),
        "accounts": lambda: world.log.accounts(mostly(random, (1, 100))),
        "catalog.event": lambda: catalog.event(mostly(random, (event.key, "no.such.event"))),
        "catalog.titles": lambda: catalog.titles(
            mostly(random, (event.key,)), mostly(random, (event.category, "gone"))
        ),
        "catalog.lifecycle_note": lambda: catalog.lifecycle_note(mostly(random, (event.key, "gone"))),
        "catalog.unknown_event": lambda: catalog.unknown_event(mostly(random, (event.key, "gone"))),
        "catalog.model": lambda: catalog.model(mostly(random, (event,))),
        "catalog.schema": lambda: catalog.schema(mostly(random, (event,))),
        "catalog.validator": lambda: catalog.validator(mostly(random, (event,))),
    }
    name = random.choice(tuple(calls))
    world.input = (name, ("see the seed",), {})
    calls[name]()
    return ANSWERED


def views(world: World, random: Random) -> Outcome:
    """A comparison in a query of a typed view; SQLAlchemy's errors are its own."""
    event = random.choice(valid.OWN_EVENTS)
    view = view_of(event.package, event.key)
    columns = list(view.__table__.columns)
    column = random.choice(columns)
    value = any_value(random)
    comparison = random.choice(("__eq__", "__lt__", "__ge__", "in_", "contains"))
    world.input = (f"{event.key}.{column.name}.{comparison}", (value,), {})
    given = [value] if comparison == "in_" else value
    try:
        with Session(world.engine) as session:
            condition = getattr(column, comparison)(given)
            session.exec(select(view).where(view.account_id == READABLE, condition)).all()
    except Exception as error:
        # For a plain column the error is the driver's own; `sqltypes.py` must not raise others.
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        if isinstance(error, sqlalchemy.exc.SQLAlchemyError) or "/auditwright/" not in raised_in:
            return Outcome(refused=1)
        raise
    return ANSWERED


def view_of(package: str, key: str) -> Any:
    """The class of an event's view."""
    level, category, name = key.split(".")
    module = importlib.import_module(f"{package}.tables.{level}.{category}")
    return getattr(module, "".join(part.capitalize() for part in name.split("_")))


READING = (
    Entrance("filters", 10, filters, passes=True),
    Entrance("reads", 8, read, passes=True),
    Entrance("cursors", 4, cursors),
    Entrance("log_functions", 2, log_functions),
)
VIEWS = Entrance("views", 0.3, views)
