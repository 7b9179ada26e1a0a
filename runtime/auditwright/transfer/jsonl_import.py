"""Import JSON Lines: exports of another log, or entries in their JSON form from other sources.

Lines are independent: a bad one is reported by its number and the others are stored. An import is idempotent,
by the ids of the entries, so an interrupted one is run again.

A line of another catalog version is stored unchanged even if its metadata does not match this version: that
version has validated it. Its event must be known, by its key or as an alias.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

import orjson

from auditwright.entry import Row
from auditwright.errors import AuditwrightError, Problem, ValidationError
from auditwright.limits import MAX_STRING, sanitize, truncate
from auditwright.recording.group_commit import may_be_row_error
from auditwright.recording.json_form import READ_ONLY, Form, microseconds_of, options_of, parse
from auditwright.recording.problem_text import got
from auditwright.recording.recorder import ImportedParts
from auditwright.storage.errors import IdConflict, NotStored

if TYPE_CHECKING:
    from auditwright.recording.json_form import Schemas
    from auditwright.recording.recorder import Recorder
    from auditwright.storage.base import Storage

BATCH = 1000
"""Entries in one transaction."""
MAX_LINE = 1024 * 1024
"""Bytes in one line: many times the size of an entry."""
_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import, in lines."""

    stored: int
    known: int
    """Entries that were stored already, with the same content."""
    refused: int


def import_lines(
    lines: Iterable[bytes],
    recorder: Recorder,
    schemas: Schemas,
    storage: Storage,
    report: Callable[[int, AuditwrightError], None],
) -> Imported:
    """Store every good line; `report` is called with the number (from 1) and the error of each bad one."""
    batches = _Batches(storage, report)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if len(line) > MAX_LINE:
                raise ValidationError(
                    "entry", (Problem("line", f"at most {MAX_LINE} bytes", "a longer line"),)
                )
            row = row_of(parse(line), recorder, schemas)
        except AuditwrightError as error:
            batches.refuse(number, error)
        else:
            batches.add(number, row)
    batches.store()
    return Imported(batches.stored, batches.known, batches.refused)


class _Batches:
    """Stores rows in batches and counts the results."""

    def __init__(self, storage: Storage, report: Callable[[int, AuditwrightError], None]) -> None:
        self.stored = self.known = self.refused = 0
        self._storage = storage
        self._report = report
        self._rows: list[tuple[int, Row]] = []

    def add(self, number: int, row: Row) -> None:
        """Add a row; stores a full batch."""
        self._rows.append((number, row))
        if len(self._rows) == BATCH:
            self.store()

    def refuse(self, number: int, error: AuditwrightError) -> None:
        """Count and report a refused line."""
        self.refused += 1
        self._report(number, error)

    def store(self) -> None:
        """Store the batch in one transaction; row by row if the database refuses one of them."""
        if not self._rows:
            return
        try:
            self._insert([row for _, row in self._rows])
        except NotStored as refusal:
            if not _is_of_a_row(refusal):
                raise
            for number, row in self._rows:
                try:
                    self._insert([row])
                except NotStored as error:
                    if not _is_of_a_row(error):
                        raise
                    self.refuse(number, error)
        self._rows.clear()

    def _insert(self, rows: list[Row]) -> None:
        new = self._storage.insert(rows)
        self.stored += new
        self.known += len(rows) - new


def _is_of_a_row(error: NotStored) -> bool:
    """Whether the database has refused a row, as for a time for which PostgreSQL has no partition."""
    return isinstance(error, IdConflict) or may_be_row_error(error)


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream. A line over the limit is read only as far as the limit, and then skipped."""
    while line := stream.readline(MAX_LINE + 1):
        yield line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE + 1)


def row_of(form: Form, recorder: Recorder, schemas: Schemas) -> Row:
    """The row of a JSON form, with the parts that another log wrote. Raises `ValidationError`."""
    imported = _imported_parts(
        {name: form.pop(name) for name in READ_ONLY if name in form}, form.get("event")
    )
    event = schemas.check(form, altered_fields(imported.alterations), imported.catalog_version)
    if imported.alterations or (imported.catalog_version and not schemas.fits(event, form)):
        imported = replace(imported, skip_validation=True)
    return recorder.row(event.key, form["metadata"], options_of(form), imported)


def altered_fields(alterations: str | bytes | None) -> frozenset[str]:
    """The metadata fields in the paths of alterations: `stop_sequence` of `metadata.stop_sequence[2]`."""
    paths = orjson.loads(alterations) if alterations else {}
    return frozenset(
        path.removeprefix("metadata.").partition("[")[0] for path in paths if path.startswith("metadata.")
    )


def _imported_parts(parts: Form, event: object) -> ImportedParts:
    """Validate the parts that only a log writes."""
    key = event if isinstance(event, str) else ""
    for name, expected, is_valid in (
        ("level", "the key of a level", _is_key),
        ("category", "the key of a category", _is_key),
        ("description", f"a string of 1 to {MAX_STRING} characters", _is_text),
        ("catalog_version", f"a string of 1 to {MAX_STRING} characters", _is_text),
        ("alterations", "an object of JSON values", _is_object),
    ):
        if name in parts and not is_valid(parts[name]):
            problem = Problem(name, expected, got(parts[name]))
            raise ValidationError(truncate(sanitize(key), 200) or "entry", (problem,))
    description, version = (
        truncate(sanitize(parts[name])) if name in parts else None
        for name in ("description", "catalog_version")
    )
    return ImportedParts(
        event=key,
        level=parts.get("level"),
        category=parts.get("category"),
        description=description,
        catalog_version=version,
        recorded_at=microseconds_of(parts["recorded_at"], "recorded_at") if "recorded_at" in parts else None,
        alterations=orjson.dumps(parts["alterations"]).decode() if parts.get("alterations") else None,
    )


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _is_object(value: object) -> bool:
    try:
        return isinstance(value, dict) and bool(orjson.dumps(value))
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_STRING
