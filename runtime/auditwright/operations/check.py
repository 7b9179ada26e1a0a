"""Compare the entries and tables of a database with the catalog.

Entries are read one by one and counted: a report has what differs, never a value of an entry. The check only
reads; see `Inspection`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from auditwright.catalog import release
from auditwright.damage import is_context, json_object
from auditwright.entry import (
    ACCOUNT_ID,
    ALTERATIONS,
    CATALOG_VERSION,
    CONTEXT,
    EVENT,
    FINGERPRINT,
    ID,
    LEADING,
    METADATA,
    TRAILING,
)
from auditwright.errors import Problem, ValidationError
from auditwright.ids import LAST, from_microseconds
from auditwright.limits import names_at
from auditwright.operations.row_digests import RowDigests
from auditwright.recording.json_form import HINT, Schemas, problems_of
from auditwright.recording.problem_text import condition_holds
from auditwright.storage.base import Difference, Views
from auditwright.transfer.jsonl_import import altered_fields

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event, Field
    from auditwright.entry import Progress, Row
    from auditwright.storage.base import Damage, Inspection, Stored

_STEP = 1000
"""Entries between two reports of progress."""
MAX_MISMATCHES = 1000
"""Mismatches that are counted by field; further ones are counted by event only."""

HINTS = {
    "missing": "make the field optional again, by required: false",
    "unknown": "put the field back into the event, with deprecated: and required: false",
    "value": "allow again the values that the field allowed then",
    "condition": "change the field's condition, its when:, so that it holds for these entries",
    "in plain": "the field was not secret then: treat the stored values as known to readers of the database",
    "unreadable": "Auditwright did not write this: find out what did",
}
"""The hint for each fault."""
NEWER = "recorded under a newer catalog than this one: check with that one"
"""The hint where the catalog is older than the entries."""


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of stored entries that the catalog has neither as a key nor as an alias."""

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
    """One way in which stored metadata does not match its event, and the number of entries with it."""

    event: str
    path: str
    """`metadata.amount`, or `metadata` where it cannot be read."""
    fault: str
    """One of `HINTS`."""
    expected: str
    entries: int
    account_id: str
    example: uuid.UUID
    """An entry of that account."""
    hint: str


@dataclass(frozen=True, slots=True)
class DamagedPart:
    """How many entries have a part that no log can have written."""

    part: str
    """One of `auditwright.damage.PARTS`."""
    entries: int
    account_id: str
    example: uuid.UUID
    """An entry of that account."""
    hint: str = "Auditwright did not write this: find out what did"


@dataclass(frozen=True, slots=True)
class ChangedEntries:
    """How many entries are not as they were recorded: their digest of the row is another one."""

    entries: int
    account_id: str
    example: uuid.UUID
    """An entry of that account."""
    hint: str = "Auditwright changes no entry: find out what did, and compare with a backup or an export"


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias that entries are stored under. The catalog covers them."""

    key: str
    event: str
    """The present key."""
    entries: int


@dataclass(frozen=True, slots=True)
class CatalogVersion:
    """A version of the catalog that the database or any of its entries knows."""

    version: str
    entries: int | None
    """None where entries were not read."""
    newer: bool
    """Whether it is newer than the catalog of the check."""
    differs: bool
    """Whether it has the version of the catalog, but other content."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The findings of a check."""

    entries: int
    unknown: tuple[UnknownEvent, ...]
    mismatches: tuple[Mismatch, ...] | None
    """None where metadata was not read."""
    mismatched_entries: int
    """Entries with at least one mismatch."""
    aliases: tuple[Alias, ...]
    versions: tuple[CatalogVersion, ...]
    views: Views
    differences: tuple[Difference, ...]
    """Of tables, constraints, indexes, triggers, functions, partitions and rights."""
    damaged: tuple[DamagedPart, ...] | None = None
    """None where entries were not read."""
    changed: ChangedEntries | None = None
    """None where no entry was changed, or entries were not read."""
    without_row_digest: int | None = None
    """Entries that cannot be compared, such as those from before the digest was stored; None as above."""

    @property
    def covered(self) -> bool:
        """Whether the catalog has every event, and all metadata that was read matches."""
        return not self.unknown and not self.mismatches


def check_database(
    inspection: Inspection,
    catalog: Catalog,
    account_id: str | None = None,
    events_only: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare a database with the catalog; `events_only` does not read metadata and is fast.

    `account_id` limits the check to one account. Raises `StorageError`.
    """
    tallies = _tallies(inspection.stored(account_id))
    metadata, digests = _MetadataCheck(catalog), RowDigests()
    if not events_only:
        with closing(inspection.entries(account_id)) as rows:
            _read(rows, catalog, metadata, digests, progress)
    keys = sorted(tallies)
    return CheckReport(
        entries=sum(tally.entries for tally in tallies.values()),
        unknown=tuple(
            _unknown(inspection, catalog, key, tallies[key]) for key in keys if key not in catalog.current
        ),
        mismatches=None if events_only else metadata.mismatches(),
        mismatched_entries=metadata.mismatched_entries,
        aliases=tuple(
            Alias(key, catalog.current[key], tallies[key].entries)
            for key in keys
            if catalog.current.get(key, key) != key
        ),
        versions=tuple(_versions(inspection.catalogs(), catalog, None if events_only else metadata.versions)),
        views=inspection.views(),
        differences=inspection.differences(),
        damaged=None if events_only else tuple(map(_damaged, inspection.damaged(account_id))),
        changed=_changed(digests),
        without_row_digest=None if events_only else digests.missing,
    )


def _read(
    rows: Iterable[Row],
    catalog: Catalog,
    metadata_check: _MetadataCheck,
    digests: RowDigests,
    progress: Progress | None,
) -> None:
    """Read the rows of `Inspection.entries`, each once for both checks."""
    for number, row in enumerate(rows, 1):
        metadata = json_object(row[METADATA])
        if metadata is not None:
            for name, value in zip(catalog.columns.values(), row[len(LEADING) : -len(TRAILING)], strict=True):
                if value is not None:
                    metadata[name] = value
        digests.add(row, metadata)
        metadata_check.add(row, metadata)
        if progress is not None and number % _STEP == 0:
            progress(number)


def _damaged(found: Damage) -> DamagedPart:
    return DamagedPart(found.part, found.entries, found.account_id, _uuid(found.example))


def _changed(digests: RowDigests) -> ChangedEntries | None:
    if not digests.changed:
        return None
    return ChangedEntries(digests.changed, digests.account_id, _uuid(digests.example))


def _uuid(entry_id: bytes) -> uuid.UUID:
    """The id of an entry; foreign rows may have a shorter or a longer one."""
    return uuid.UUID(bytes=entry_id.ljust(16, b"\0")[:16])


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
    first, _ = inspection.time_and_version(tally.first.account_id, tally.first.first)
    last, version = inspection.time_and_version(tally.last.account_id, tally.last.last)
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
    """The time, limited to what `datetime` can hold: foreign rows may exceed it."""
    return from_microseconds(max(0, min(microseconds, LAST)))


def _versions(
    seen: dict[str, str], catalog: Catalog, recorded: dict[str, int] | None
) -> Iterator[CatalogVersion]:
    counts = recorded or {}
    present = release(catalog.version)
    for version in sorted({*seen, *counts}, key=lambda each: (release(each), each)):
        yield CatalogVersion(
            version,
            None if recorded is None else counts.get(version, 0),
            release(version) > present,
            version == catalog.version and seen.get(version, catalog.json.decode()) != catalog.json.decode(),
        )


# --- metadata --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _MismatchCount:
    """The number of entries with a mismatch, and the first of them."""

    entries: int
    account_id: str
    example: bytes
    newer: bool
    """Whether all of them were recorded under a newer catalog."""


@dataclass(frozen=True, slots=True)
class _EventCheck:
    """What checking the entries of one event needs; made once per event."""

    event: Event
    is_valid: Callable[[Any], bool]
    fields: dict[str, Field]
    secrets: tuple[str, ...]


@dataclass(slots=True)
class _MetadataCheck:
    """Counts the mismatches of the metadata of entries."""

    catalog: Catalog
    versions: dict[str, int] = field(default_factory=dict)
    mismatched_entries: int = 0
    _schemas: Schemas = field(init=False)
    _checks: dict[str, _EventCheck | None] = field(default_factory=dict)
    _counts: dict[tuple[str, str, str, str], _MismatchCount] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._schemas = Schemas(self.catalog)

    def add(self, row: Row, metadata: dict[str, Any] | None) -> None:
        """Check an entry; `metadata` has all of its fields, or is None if it cannot be read."""
        key, version = row[EVENT], row[CATALOG_VERSION]
        self.versions[version] = self.versions.get(version, 0) + 1
        if key not in self._checks:
            self._checks[key] = self._event_check(key)
        check = self._checks[key]
        if check is not None and (faults := self._faults(check, metadata, row)):
            self.mismatched_entries += 1
            newer = release(version) > release(self.catalog.version)
            for fault in faults:
                self._add(check.event.key, fault, _MismatchCount(1, row[ACCOUNT_ID], row[ID], newer))

    def mismatches(self) -> tuple[Mismatch, ...]:
        """The mismatches, ordered by event and field."""
        return tuple(
            Mismatch(
                event=event,
                path=path,
                fault=fault,
                expected=expected,
                entries=count.entries,
                account_id=count.account_id,
                example=_uuid(count.example),
                hint=NEWER if count.newer else HINTS[fault],
            )
            for (event, path, fault, expected), count in sorted(
                self._counts.items(), key=lambda each: each[0]
            )
        )

    def _event_check(self, key: str) -> _EventCheck | None:
        event = self.catalog.event(key)
        if event is None:
            return None
        return _EventCheck(
            event,
            self.catalog.validator(event).is_valid,
            {each.name: each for each in event.metadata},
            tuple(each.name for each in event.metadata if each.sensitivity == "secret"),
        )

    def _faults(
        self, check: _EventCheck, metadata: dict[str, Any] | None, row: Row
    ) -> set[tuple[str, str, str]]:
        """Path, fault and expectation of each mismatch; normally none."""
        faults: set[tuple[str, str, str]] = set()
        if row[CONTEXT] is not None and not is_context(row[CONTEXT]):
            faults.add(("context", "unreadable", "a JSON object of texts"))
        if metadata is None:
            return faults | {("metadata", "unreadable", "a JSON object")}
        for name in check.secrets:
            stored = metadata.get(name)
            if isinstance(stored, str) and not FINGERPRINT.match(stored):
                faults.add((f"metadata.{name}", "in plain", "the fingerprint of a secret"))
        form = {"event": check.event.key, "metadata": metadata}
        if not check.is_valid(form):
            problems = self._problems(check, form, row[ALTERATIONS])
            faults |= {_fault(check, metadata, problem) for problem in problems}
        return faults

    def _problems(
        self, check: _EventCheck, form: dict[str, Any], alterations: str | None
    ) -> Iterable[Problem]:
        readable = alterations is not None and json_object(alterations) is not None
        altered = altered_fields(alterations) if readable else frozenset()
        if altered:
            try:
                self._schemas.check(form, altered)
            except ValidationError as error:
                return error.problems
            return ()
        return problems_of(check.event, form, self.catalog.validator(check.event).iter_errors(form))

    def _add(self, event: str, fault: tuple[str, str, str], first: _MismatchCount) -> None:
        key = (event, *fault)
        if key not in self._counts and len(self._counts) >= MAX_MISMATCHES:
            key = (event, "metadata", *fault[1:])
        count = self._counts.setdefault(key, first)
        if count is not first:
            count.entries += 1
            count.newer &= first.newer


def _fault(check: _EventCheck, metadata: dict[str, Any], problem: Problem) -> tuple[str, str, str]:
    """Path without list index, fault and expectation of a problem; no value of the entry."""
    names = names_at(problem.path)
    name = next((each for each in names if each in check.fields), names[0])
    path = f"metadata.{name}"
    field = check.fields.get(name)
    if field is None:
        return path, "unknown", "no such field"
    if field.when and not (name in metadata and condition_holds(field, metadata)):
        return path, "condition", problem.expected
    return path, "value" if name in metadata else "missing", problem.expected
