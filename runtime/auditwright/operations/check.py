"""Whether the present catalog covers what a database has stored, and the tables are as they should be.

Entries are read one by one and only counted: a report holds what differs, never a value of an entry. The
database is not changed; see `Inspection`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from auditwright.catalog import release
from auditwright.errors import Problem, ValidationError
from auditwright.ids import LAST, from_microseconds
from auditwright.recording.fingerprint import FINGERPRINT
from auditwright.recording.json_form import HINT, Schemas, problems_of
from auditwright.recording.problem_text import condition_holds
from auditwright.storage.base import Difference, Views
from auditwright.transfer.jsonl_import import altered_fields

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event, Field
    from auditwright.entry import Row
    from auditwright.storage.base import Inspection, Stored

Progress = Callable[[int], None]
"""Is told how many entries are read, now and then."""
_STEP = 1000
MAX_MISMATCHES = 1000
"""Mismatches that are told apart by their fields; further ones are counted together."""

HINTS = {
    "missing": "make the field optional again, by required: false",
    "unknown": "put the field back into the event, with deprecated: and required: false",
    "value": "let the field take again what it took then",
    "condition": "let the condition of the field, its when:, hold for what was recorded then",
    "in plain": "the field was not secret then: treat what was stored as known to whoever reads the database",
    "unreadable": "Auditwright did not write this metadata: find out what did",
}
"""What to do about each fault."""
NEWER = "recorded under a newer catalog than this one: check with that one"
"""What to do about what an older catalog does not cover yet."""


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event that entries are stored under, and that the catalog has neither as a key nor as an alias."""

    event: str
    entries: int
    accounts: int
    first: datetime
    last: datetime
    catalog_version: str
    """The version that the last entry was recorded under."""
    hint: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A way in which stored metadata does not fit the present event, and how many entries have it."""

    event: str
    path: str
    """`metadata.amount`, or `metadata` where it cannot be read at all."""
    fault: str
    """One of `HINTS`."""
    expected: str
    entries: int
    account_id: str
    example: uuid.UUID
    """An entry of that account."""
    hint: str


@dataclass(frozen=True, slots=True)
class Alias:
    """An older key that entries are stored under; they are covered."""

    key: str
    event: str
    """The present key."""
    entries: int


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the catalog that the database has seen, or that entries were recorded under."""

    version: str
    entries: int | None
    """None where entries were not read."""
    newer: bool
    """Whether it is newer than the present catalog."""
    differs: bool
    """Whether it is the present version with another content."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    entries: int
    unknown: tuple[UnknownEvent, ...]
    mismatches: tuple[Mismatch, ...] | None
    """None where metadata was not read."""
    mismatched_entries: int
    """Entries with at least one mismatch."""
    aliases: tuple[Alias, ...]
    versions: tuple[Version, ...]
    views: Views
    differences: tuple[Difference, ...]
    """Of the tables and what belongs to them."""

    @property
    def covered(self) -> bool:
        """Whether the catalog has the event of every entry, and all metadata that was read fits."""
        return not self.unknown and not self.mismatches


def check_database(
    inspection: Inspection,
    catalog: Catalog,
    account_id: str | None = None,
    events_only: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Compare what is stored with the catalog; `events_only` leaves the metadata unread, which is quick.

    `account_id` narrows it to one account. Raises `StorageError`.
    """
    tallies = _tallies(inspection.stored(account_id))
    reading = _Reading(catalog)
    if not events_only:
        with closing(inspection.entries(account_id)) as rows:
            reading.read(rows, progress)
    keys = sorted(tallies)
    return Report(
        entries=sum(tally.entries for tally in tallies.values()),
        unknown=tuple(
            _unknown(inspection, catalog, key, tallies[key]) for key in keys if key not in catalog.current
        ),
        mismatches=None if events_only else reading.mismatches(),
        mismatched_entries=reading.mismatched_entries,
        aliases=tuple(
            Alias(key, catalog.current[key], tallies[key].entries)
            for key in keys
            if catalog.current.get(key, key) != key
        ),
        versions=tuple(_versions(inspection.catalogs(), catalog, None if events_only else reading.versions)),
        views=inspection.views(),
        differences=inspection.differences(),
    )


# --- events ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """The entries of one event, over all accounts."""

    entries: int
    accounts: int
    first: Stored
    last: Stored


def _tallies(stored: Iterable[Stored]) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = {}
    for each in stored:
        tally = tallies.get(each.event)
        if tally is None:
            tallies[each.event] = _Tally(each.entries, 1, each, each)
            continue
        tally.entries += each.entries
        tally.accounts += 1
        tally.first = min(tally.first, each, key=lambda one: one.first)
        tally.last = max(tally.last, each, key=lambda one: one.last)
    return tallies


def _unknown(inspection: Inspection, catalog: Catalog, key: str, tally: _Tally) -> UnknownEvent:
    first, _ = inspection.place(tally.first.account_id, tally.first.first)
    last, version = inspection.place(tally.last.account_id, tally.last.last)
    return UnknownEvent(
        event=key,
        entries=tally.entries,
        accounts=tally.accounts,
        first=_moment(first),
        last=_moment(last),
        catalog_version=version,
        hint=NEWER if release(version) > release(catalog.version) else HINT,
    )


def _moment(microseconds: int) -> datetime:
    """The time, or the nearest one that the calendar has: what others wrote may be beyond it."""
    return from_microseconds(max(0, min(microseconds, LAST)))


def _versions(seen: dict[str, str], catalog: Catalog, recorded: dict[bytes, int] | None) -> Iterator[Version]:
    counts = {} if recorded is None else {_text(version): count for version, count in recorded.items()}
    present = release(catalog.version)
    versions: set[str] = {*seen, *counts}
    for version in sorted(versions, key=lambda each: (release(each), each)):
        yield Version(
            version,
            None if recorded is None else counts.get(version, 0),
            release(version) > present,
            version == catalog.version and seen.get(version, catalog.json.decode()) != catalog.json.decode(),
        )


# --- metadata --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Count:
    """How often a mismatch was met, and the first entry with it."""

    entries: int
    account_id: str
    example: bytes
    newer: bool
    """Whether all of them were recorded under a newer catalog."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What reading the entries of one event needs, looked up once."""

    event: Event
    fits: Callable[[Any], bool]
    fields: dict[str, Field]
    secrets: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """Reads entries and counts what does not fit; of what fits it keeps nothing."""

    catalog: Catalog
    versions: dict[bytes, int] = field(default_factory=dict)
    mismatched_entries: int = 0
    _schemas: Schemas = field(init=False)
    _plans: dict[bytes, _Plan | None] = field(default_factory=dict)
    _counts: dict[tuple[str, str, str, str], _Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._schemas = Schemas(self.catalog)

    def read(self, rows: Iterable[Row], progress: Progress | None) -> None:
        """Read rows as `Inspection.entries` gives them."""
        versions, plans = self.versions, self._plans
        for number, row in enumerate(rows, 1):
            version, key = row[3], row[2]
            versions[version] = versions.get(version, 0) + 1
            if key not in plans:
                plans[key] = self._plan(key)
            plan = plans[key]
            if plan is not None and (faults := self._faults(plan, row)):
                self.mismatched_entries += 1
                for fault in faults:
                    self._add(plan.event.key, fault, row)
            if progress is not None and number % _STEP == 0:
                progress(number)

    def mismatches(self) -> tuple[Mismatch, ...]:
        """What was counted, in the order of events and fields."""
        return tuple(
            Mismatch(
                *key,
                entries=count.entries,
                account_id=count.account_id,
                example=uuid.UUID(bytes=count.example.ljust(16, b"\0")[:16]),
                hint=NEWER if count.newer else HINTS[key[2]],
            )
            for key, count in sorted(self._counts.items(), key=lambda each: each[0])
        )

    def _plan(self, key: bytes) -> _Plan | None:
        event = self.catalog.event(_text(key))
        if event is None:
            return None
        return _Plan(
            event,
            self.catalog.validator(event).is_valid,
            {each.name: each for each in event.metadata},
            tuple(each.name for each in event.metadata if each.sensitivity == "secret"),
        )

    def _faults(self, plan: _Plan, row: Row) -> set[tuple[str, str, str]]:
        """Path, fault and expectation of all that does not fit; normally nothing."""
        try:
            metadata = orjson.loads(row[5])
        except ValueError:
            metadata = None
        if not isinstance(metadata, dict):
            return {("metadata", "unreadable", "a JSON object")}
        for name, value in zip(self.catalog.columns, row[6:], strict=True):
            if value is not None:
                metadata[name] = _text(value)
        faults: set[tuple[str, str, str]] = set()
        for name in plan.secrets:
            value = metadata.get(name)
            if isinstance(value, str) and not FINGERPRINT.match(value):
                faults.add((f"metadata.{name}", "in plain", "the fingerprint of a secret"))
        form = {"event": plan.event.key, "metadata": metadata}
        if not plan.fits(form):
            problems = self._problems(plan, form, row[4])
            faults |= {_fault(plan, metadata, problem) for problem in problems}
        return faults

    def _problems(self, plan: _Plan, form: dict[str, Any], alterations: bytes | None) -> Iterable[Problem]:
        try:
            altered = altered_fields(alterations)
        except (ValueError, TypeError, AttributeError):  # nothing that a log wrote
            altered = frozenset()
        if altered:
            try:
                self._schemas.check(form, altered)
            except ValidationError as error:
                return error.problems
            return ()
        return problems_of(plan.event, form, self.catalog.validator(plan.event).iter_errors(form))

    def _add(self, event: str, fault: tuple[str, str, str], row: Row) -> None:
        key = (event, *fault)
        if key not in self._counts and len(self._counts) >= MAX_MISMATCHES:
            key = (event, "metadata", *fault[1:])
        newer = release(_text(row[3])) > release(self.catalog.version)
        count = self._counts.get(key)
        if count is None:
            self._counts[key] = _Count(1, _text(row[0]), row[1], newer)
        else:
            count.entries += 1
            count.newer &= newer


def _fault(plan: _Plan, metadata: dict[str, Any], problem: Problem) -> tuple[str, str, str]:
    """A problem without what came: the path without a number in a list, the fault, what was expected."""
    name = problem.path.removeprefix("metadata.").partition("[")[0]
    path = f"metadata.{name}"
    field = plan.fields.get(name)
    if field is None:
        return path, "unknown", "no such field"
    if field.when and not (name in metadata and condition_holds(field, metadata)):
        return path, "condition", problem.expected
    return path, "value" if name in metadata else "missing", problem.expected


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
