"""What the assertions of the fixture `audit` report, in a bounded number of lines, without secrets."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from auditwright.actor import Actor
from auditwright.entry import FINGERPRINT
from auditwright.limits import shown, truncate
from auditwright.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditwright.catalog import Field
    from auditwright.contrib.pytest_wanted import Wanted
    from auditwright.contrib.pytest_watching import Sighting

Uncounted = tuple["Sighting", str, str]
"""An entry that does not count, its state, and why that is unclear."""

MAX_ENTRIES = 5
MAX_FIELDS = 8
MAX_CHARACTERS = 80
MAX_DEPTH = 8
_STATES = {
    "open": "in a transaction that is still open; commit it, roll it back, or see auditwright_uncommitted",
    "gone": "rolled back",
    "unclear": "perhaps rolled back",
}


def not_recorded(
    wanted: Wanted,
    count: int | None,
    found: Sequence[Sighting],
    counted: Sequence[Sighting],
    others: Sequence[Uncounted],
) -> str:
    """The text for too few or too many entries."""
    if count is not None and found:
        lines = [f"{_wish(wanted)}: expected {count}, recorded {len(found)}:"]
        lines += _listed(f"  {_entry(each)}" for each in reversed(found))
    else:
        lines = [f"{_wish(wanted)} was not recorded"]
    if not found:
        if counted:
            lines.append(f"{_number(len(counted))} recorded, the nearest first:")
        else:
            lines.append("nothing was recorded")
        lines += _nearest(wanted, counted)
    lines += _uncounted(each for each in others if wanted.is_event(each[0]))
    return _lines(lines)


def recorded_all_the_same(wanted: Wanted, found: Sequence[Sighting], perhaps: Sequence[Uncounted]) -> str:
    """The text for entries that should not be there."""
    lines = [f"expected no entry{_of(wanted)}"]
    if found:
        lines.append(f"{_number(len(found))} recorded:")
        lines += _listed(f"  {_entry(each)}" for each in found)
    return _lines([*lines, *_uncounted(perhaps)])


def _lines(lines: Iterable[str]) -> str:
    """The lines as one text; what was recorded adds none to them."""
    return "\n".join(map(printable, lines))


def value(given: object, field: Field | None = None, depth: int = 0) -> str:
    """A value, cut short; of a secret only that there is one. A change is as in JSON."""
    if given is None:
        return "null" if depth else "nothing"
    if isinstance(given, Actor):
        return actor(given)
    if field is not None and field.sensitivity == "secret":
        is_fingerprint = type(given) is str and FINGERPRINT.match(given)
        return f"the secret {truncate(str(given), 32)}" if is_fingerprint else "a secret"
    if isinstance(given, (list, tuple)) and depth < MAX_DEPTH:
        items = (value(each, depth=depth + 1) for each in given[:MAX_FIELDS])
        return truncate(f"[{', '.join(items)}]", MAX_CHARACTERS)
    if isinstance(given, dict) and depth < MAX_DEPTH:
        members = islice(given.items(), MAX_FIELDS)
        texts = (f"{shown(name)}: {value(each, depth=depth + 1)}" for name, each in members)
        return truncate(f"{{{', '.join(texts)}}}", MAX_CHARACTERS)
    return shown(given, MAX_CHARACTERS)


def actor(given: Actor) -> str:
    """An actor: `user u-17 (Ada Lovelace)`."""
    name = f" ({given.name})" if given.name else ""
    return truncate(f"{given.type}{f' {given.id}' if given.id else ''}{name}", MAX_CHARACTERS)


def _number(entries: int) -> str:
    return "1 entry was" if entries == 1 else f"{entries} entries were"


def _wish(wanted: Wanted) -> str:
    return f"{wanted.event.key if wanted.event else 'an entry'}{_conditions(wanted)}"


def _of(wanted: Wanted) -> str:
    return f" of {_wish(wanted)}" if wanted.event else _conditions(wanted)


def _conditions(wanted: Wanted) -> str:
    parts = [f"{name}={value(each, wanted.declared[name])}" for name, each in wanted.fields.items()]
    parts += (f"{name}={value(each)}" for name, each in wanted.envelope.items())
    return f" with {', '.join(parts)}" if parts else ""


def _nearest(wanted: Wanted, counted: Sequence[Sighting]) -> Iterator[str]:
    """The entries that differ least: those of the event with their differences, of its category, others."""
    category = wanted.event.category if wanted.event else ""

    def distance(each: Sighting) -> tuple[bool, bool, int]:
        is_event = wanted.is_event(each)
        return not is_event, each.entry.category != category, len(wanted.differences(each)) if is_event else 0

    newest_first = list(reversed(counted))
    by_distance = sorted(newest_first, key=distance)
    for each in by_distance[:MAX_ENTRIES]:
        yield f"  {_entry(each)}"
        if wanted.is_event(each):
            differences = wanted.differences(each)
            for part in differences[:MAX_FIELDS]:
                expected, got = value(part.wanted, part.field), value(part.got, part.field)
                yield f"    {part.name}: expected {expected}, got {got}"
            if len(differences) > MAX_FIELDS:
                yield f"    and {len(differences) - MAX_FIELDS} more"
    if len(by_distance) > MAX_ENTRIES:
        yield f"  and {len(by_distance) - MAX_ENTRIES} more"


def _uncounted(others: Iterable[Uncounted]) -> Iterator[str]:
    by_reason: dict[str, list[Sighting]] = {}
    for sighting, state, reason in others:
        because = f" ({truncate(reason, 200)})" if reason else ""
        by_reason.setdefault(f"{_STATES[state]}{because}", []).append(sighting)
    for reason, sightings in by_reason.items():
        yield f"not counted, {reason}:"
        yield from _listed(f"  {_entry(each)}" for each in sightings)


def _listed(lines: Iterable[str]) -> Iterator[str]:
    number = 0
    for number, line in enumerate(lines, 1):
        if number <= MAX_ENTRIES:
            yield line
    if number > MAX_ENTRIES:
        yield f"  and {number - MAX_ENTRIES} more"


def _entry(sighting: Sighting) -> str:
    """One line: event, actor, account and the first fields."""
    entry = sighting.entry
    event = sighting.log.catalog.event(entry.event)
    fields = {field.name: field for field in event.metadata} if event else {}
    shown_fields = list(entry.metadata.items())[:MAX_FIELDS]
    metadata = ", ".join(f"{name}={value(each, fields.get(name))}" for name, each in shown_fields)
    line = f"{entry.event} by {actor(entry.actor)} in {value(entry.account_id)}"
    return truncate(f"{line}: {metadata}" if metadata else line, 4 * MAX_CHARACTERS)
