"""The entrances that record: emitters, models, JSON forms, imports."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from sqlalchemy import Connection
from tests.fuzz import valid
from tests.fuzz.campaign import Entrance, Outcome, WrongAnswer, fault_of_text
from tests.fuzz.hostile import any_value, raising_generator
from tests.fuzz.valid import damaged, exported_form, form, json_text, json_value, metadata, options
from tests.fuzz.world import World

from audit_events import CATALOG
from auditwright import AuditwrightError, Entry, IdConflict
from auditwright.catalog import Event
from auditwright.event_model import EventModel


def stored(world: World, entry: object) -> Outcome:
    """The outcome of a call that returned an entry."""
    if not isinstance(entry, Entry):
        raise WrongAnswer(f"expected an Entry, got {type(entry).__name__}")
    new = world.is_new(entry)
    return Outcome(stored=new, known=not new)


def arguments(event: Event, random: Random) -> dict[str, Any]:
    """The keyword arguments of an emitter: every required one is given, if only as None."""
    values = metadata(event, random)
    required = {each.name: None for each in event.metadata if each.required and not each.when}
    values.pop("self", None)
    return {**options(random), **required, **values}


def emitter(world: World, random: Random) -> Outcome:
    """One call of an emitter."""
    event = random.choice(valid.OWN_EVENTS)
    given = arguments(event, random)
    world.input = (event.key, (), given)
    return stored(world, world.emitter(event.key)(**given))


def async_emitters(world: World, random: Random) -> Outcome:
    """Twenty awaited emitters at once."""
    outcome = Outcome()
    calls = []
    for _ in range(20):
        event = random.choice(valid.OWN_EVENTS)
        calls.append((event.key, arguments(event, random)))
    world.input = ("asyncio.gather", calls, {})

    async def every() -> list[Any]:
        awaited = (world.async_emitter(key)(**given) for key, given in calls)
        return await asyncio.gather(*awaited, return_exceptions=True)

    for (key, given), result in zip(calls, world.loop.run_until_complete(every()), strict=True):
        if isinstance(result, BaseException):
            world.input = (key, (), given)
            _check(result)
            outcome.refused += 1
        else:
            outcome.add(stored(world, result))
    return outcome


def _check(error: BaseException) -> None:
    """Raise an error that is not documented, or whose text cannot be shown."""
    if not isinstance(error, AuditwrightError):
        raise error
    if fault := fault_of_text(error):
        raise WrongAnswer(fault) from error


def model_of(random: Random) -> Any:
    """A metadata model: valid, made without validation, or something else."""
    event = random.choice(valid.EVENTS)
    kind = CATALOG.model(event)
    if random.random() < 0.3:
        return kind(**event.example)
    if random.random() < 0.05:
        return any_value(random)
    values = metadata(event, random)
    if random.random() < 0.5:
        values = dict.fromkeys(kind.model_fields) | values
    return kind.model_construct(**values)


def record(world: World, random: Random) -> Outcome:
    """`record` with a model."""
    model, given = model_of(random), options(random)
    world.input = ("record", (model,), given)
    return stored(world, world.log.record(model, **given))


def record_event(world: World, random: Random) -> Outcome:
    """`record_event`, which emitters call."""
    event = random.choice(valid.EVENTS)
    key: Any = event.key if random.random() < 0.9 else any_value(random)
    values: Any = metadata(event, random) if random.random() < 0.9 else any_value(random)
    given: Any = options(random) if random.random() < 0.9 else any_value(random)
    world.input = ("record_event", (key, values, given), {})
    return stored(world, world.log.record_event(key, values, given))


def in_session(world: World, random: Random) -> Outcome:
    """An emitter in the caller's transaction, which is committed or rolled back."""
    event = random.choice(valid.OWN_EVENTS)
    given = arguments(event, random)
    given.pop("session", None)
    world.input = (event.key, (), given)
    commits = random.random() < 0.7
    connection: Connection
    with world.engine.connect() as connection:
        entry = world.emitter(event.key)(**given, session=connection)
        if not commits:
            connection.rollback()
            return Outcome(answered=1)
        outcome = stored(world, entry)
        connection.commit()
        return outcome


def record_form(world: World, random: Random) -> Outcome:
    """`record_form` with the JSON form as Python objects."""
    made = form(random)
    given = options(random) if random.random() < 0.15 else {}
    world.input = ("record_form", (made,), given)
    return stored(world, world.log.record_form(made, **given))


def record_forms(world: World, random: Random) -> Outcome:
    """`record_forms` with up to twenty forms."""
    if random.random() < 0.02:
        forms: Any = any_value(random)
    else:
        forms = [form(random) for _ in range(random.choice((0, 1, 5, 20)))]
    world.input = ("record_forms", (forms,), {})
    results = world.log.record_forms(forms)
    if type(forms) is list and len(results) != len(forms):
        raise WrongAnswer(f"{len(forms)} forms gave {len(results)} results")
    outcome = Outcome(answered=not results)
    for result in results:
        if isinstance(result, Entry):
            outcome.add(stored(world, result))
        else:
            _check(result)
            outcome.refused += 1
    return outcome


class _Counted:
    """An iterable that knows how many of its items were taken."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.taken: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self.taken.append(item)
            yield item


def record_many(world: World, random: Random) -> Outcome:
    """`record_many` with models and forms; the first refused one ends it."""
    if random.random() < 0.02:
        hostile = any_value(random)
        world.input = ("record_many", (hostile,), {})
        return Outcome(stored=world.log.record_many(hostile), answered=1)
    events: list[Any] = []
    for _ in range(random.choice((1, 3, 10))):
        events.append(model_of(random) if random.random() < 0.4 else form(random))
        # Few are refused, so that those after them are tried too.
        if random.random() < 0.7:
            event = random.choice(valid.EVENTS)
            events[-1] = {"event": event.key, "metadata": event.example, "actor": {"type": "system"}}
    given = _Counted(events)
    world.input = ("record_many", (events,), {})
    actor = valid.actor(random)
    try:
        with world.log.acting(actor):
            new = world.log.record_many(given)
    except AuditwrightError as error:
        _check(error)
        before = [note for note in error.__notes__ if "before it are stored" in note]
        if not before:
            raise WrongAnswer(f"the notes do not say what is stored: {error.__notes__}") from error
        number = int(before[0].partition("event ")[2].partition(" ")[0])
        known = sum(not _is_new(world, each) for each in events[:number])
        return Outcome(stored=number - known, known=known, refused=1)
    known = sum(not _is_new(world, each) for each in events)
    if new != len(events) - known:
        raise WrongAnswer(f"{len(events)} events, {known} of them known, and {new} are new")
    return Outcome(stored=new, known=known)


def _is_new(world: World, event: Any) -> bool:
    """Whether a stored event is new: it has no id of its own, or one that was not stored before."""
    if isinstance(event, EventModel) or "id" not in event:
        return True
    account = event.get("account_id") or "fuzz-record_many"
    return world.is_new_id(str.__str__(account), uuid.UUID(str.__str__(event["id"])).bytes)


def record_json(world: World, random: Random) -> Outcome:
    """`record_json` with a text whose bytes are changed."""
    payload: Any = damaged(json_text(form(random, json_value), random), random)
    chance = random.random()
    if chance < 0.3:
        payload = payload.decode("utf-8", "surrogateescape" if chance < 0.15 else "replace")
    elif chance < 0.33:
        payload = any_value(random)
    world.input = ("record_json", (payload,), {})
    return stored(world, world.log.record_json(payload))


def import_jsonl(world: World, random: Random) -> Outcome:
    """`import_jsonl` with up to fifty lines."""
    reported: list[int] = []

    def report(number: int, error: AuditwrightError) -> None:
        _check(error)
        reported.append(number)

    chance = random.random()
    if chance < 0.03:
        lines: Any = any_value(random)
    elif chance < 0.05:
        lines = raising_generator(random.randrange(3), b"bad")
    else:
        lines = []
        for _ in range(random.choice((1, 10, 50))):
            line: Any = damaged(json_text(exported_form(random), random), random)
            lines.append(any_value(random) if random.random() < 0.01 else line.replace(b"\n", b" ") + b"\n")
    world.input = ("import_jsonl", (lines,), {})
    with world.log.acting(valid.actor(random)):
        done = world.log.import_jsonl(lines, report)
    if done.refused != len(reported):
        raise WrongAnswer(f"{done.refused} lines are refused and {len(reported)} reported")
    if type(lines) is list:
        blank = sum(map(_is_blank, lines))
        if done.stored + done.known + done.refused + blank < len(lines):
            raise WrongAnswer(f"{done} of {len(lines)} lines, {blank} of them blank")
    return Outcome(
        done.stored, done.known, done.refused, answered=not (done.stored + done.known + done.refused)
    )


def _is_blank(line: Any) -> bool:
    """Whether a line is skipped: it has white space only, perhaps after a byte order mark."""
    if issubclass(type(line), str):
        return not str.__str__(line).removeprefix("\ufeff").strip()
    return isinstance(line, (bytes, bytearray, memoryview)) and not bytes(line).removeprefix(BOM).strip()


BOM = b"\xef\xbb\xbf"


def import_report(world: World, random: Random) -> Outcome:
    """`import_jsonl` with a hostile function to report to; every line is bad."""
    report: Any = any_value(random)
    if isinstance(report, (type, type(len))):  # its errors are its own
        report = lambda *_: next(raising_generator())  # noqa: E731
    lines = [random.choice((b"{}", b"x", b'{"event": 7}')) for _ in range(random.randrange(3))]
    world.input = ("import_jsonl", (lines, report), {})
    done = world.log.import_jsonl(lines, report)
    return Outcome(answered=1, stored=done.stored)


def other_catalog(world: World, random: Random) -> Outcome:
    """`record_event` and `record_form` with a catalog that has fields of every type, single and in lists."""
    log = world.other
    event = random.choice(tuple(log.catalog.events.values()))
    values = metadata(event, random)
    if random.random() < 0.5:
        given = options(random)
        world.input = ("record_event", (event.key, values, given), {})
        return stored(world, log.record_event(event.key, values, given))
    form: Any = {"event": event.key, "metadata": values, "actor": {"type": "user", "id": "u-1"}}
    world.input = ("record_form", (form,), {})
    return stored(world, log.record_form(form))


RECORDING = (
    Entrance("emitters", 20, emitter),
    Entrance("async_emitters", 8, async_emitters),
    Entrance("record", 8, record),
    Entrance("record_event", 5, record_event),
    Entrance("sessions", 2, in_session),
    Entrance("record_form", 12, record_form),
    Entrance("record_forms", 8, record_forms, passes=True),
    Entrance("record_many", 6, record_many, passes=True),
    Entrance("record_json", 8, record_json),
    Entrance("other_catalog", 6, other_catalog),
    Entrance("import_jsonl", 8, import_jsonl, passes=True),
    Entrance("import_report", 0.2, import_report, passes=True, documented=(IdConflict,)),
)
