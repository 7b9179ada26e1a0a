"""Import JSON Lines: exports of another log, or entries in their JSON form from other sources.

Lines are independent: a bad one is reported by its number and the others are stored. An import is idempotent,
by the ids of the entries, so an interrupted one is run again. At its end it is recorded itself: see
`import_record.py`. So everybody can see how many entries of the level `audit` came from elsewhere.

A line of another catalog version is stored unchanged even if its metadata does not match this version: that
version has validated it. Its event must be known, by its key or as an alias. Every part has a limit, so that
whatever is stored can be read.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from auditwright.catalog import is_of_system_level
from auditwright.effort import bounded_effort
from auditwright.entry import Row
from auditwright.errors import AuditwrightError, Problem, SourceError, ValidationError
from auditwright.json_value import INTEGERS, WIDEST
from auditwright.limits import MAX_ID, MAX_STRING, names_at, sanitize, shown, text_of, truncate
from auditwright.recording.arguments import iterator_of
from auditwright.recording.group_commit import may_be_row_error
from auditwright.recording.json_form import (
    READ_ONLY,
    TEXTS,
    Form,
    is_storable,
    microseconds_of,
    options_of,
    parse,
    unstorable,
)
from auditwright.recording.problem_text import got
from auditwright.recording.recorder import ImportedParts
from auditwright.storage.errors import IdConflict, NotStored

if TYPE_CHECKING:
    from auditwright.catalog import Catalog, Event
    from auditwright.recording.json_form import Schemas
    from auditwright.recording.recorder import Recorder
    from auditwright.storage.base import Storage
    from auditwright.transfer.import_record import ImportRecord

BATCH = 1000
"""Entries in one transaction."""
MAX_LINE = 1024 * 1024
"""Bytes in one line: many times the size of an entry."""
MAX_DEPTH = WIDEST.max_depth + 8
"""How deep objects and lists may be nested in a line; an entry has two levels around a JSON value."""
MAX_ALTERATIONS = 256 * 1024
"""Bytes of JSON of `alterations`; an entry has a note of about 150 bytes for each altered value."""
MAX_NOTE = 8
"""Values in one note of `alterations`; a log writes four."""
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62})*")
_NO_DESCRIPTION = Problem("description", "the text that the other log wrote", "nothing")
_MARKS = ("\ufeff", b"\xef\xbb\xbf")
"""The byte order mark, which some programs write at the start of a file."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import, in lines."""

    stored: int
    known: int
    """Entries that were stored already, with the same content."""
    refused: int


@bounded_effort()
def import_lines(
    source: Iterable[bytes] | BinaryIO,
    recorder: Recorder,
    schemas: Schemas,
    storage: Storage,
    report: Callable[[int, AuditwrightError], None],
    record: ImportRecord,
) -> Imported:
    """Store every good line; `report` is called with the number (from 1) and the error of each bad one.

    `source` has the lines, or is a stream for `read_lines`. `record` is stored at the end, however that comes
    about. Raises `StorageError`; other errors of the source and of `report` are raised as they are, those of
    the source after all lines before them are stored.
    """
    if not callable(report):
        raise ValidationError("report", (Problem("report", "a function", shown(report)),))
    is_stream = hasattr(source, "readline") and not isinstance(source, io.TextIOBase)
    lines = read_lines(cast("BinaryIO", source)) if is_stream else iterator_of("lines", source)
    batches = _Batches(storage, report, record)
    try:
        _store_lines(lines, recorder, schemas, batches)
    except BaseException as error:
        record.store_after(error, recorder, storage)
        raise
    record.store(recorder, storage)
    return Imported(batches.stored, batches.known, batches.refused)


def _store_lines(lines: Iterable[bytes], recorder: Recorder, schemas: Schemas, batches: _Batches) -> None:
    for number, line in _numbered(lines, batches):
        try:
            form = _form_of(line, number)
            row = None if form is None else row_of(form, recorder, schemas)
        except AuditwrightError as error:
            batches.refuse(number, error)
        else:
            if row is not None:
                batches.add(number, row)
    batches.store()


def _numbered(lines: Iterable[bytes], batches: _Batches) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers. An error of theirs gets a note about what was imported."""
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            yield number, line
    except Exception as error:
        batches.store()
        error.add_note(f"the lines up to {number:,} are imported, and none after it")
        raise


def _form_of(line: object, number: int) -> Form | None:
    """The JSON object of a line, within the limits; None for an empty line. Raises `ValidationError`."""
    if type(line) is not bytes:
        is_data = issubclass(type(line), (bytes, bytearray, memoryview))
        plain = bytes(cast("bytes", line)) if is_data else text_of(line)
        if plain is None:
            raise _bad_line("bytes", type(line).__name__)
        line = plain
    if number == 1:
        line = line.removeprefix(_MARKS[0] if isinstance(line, str) else _MARKS[1])  # type: ignore[arg-type]
    if len(line) > MAX_LINE:
        raise _bad_line(f"at most {MAX_LINE} bytes", "a longer line")
    if not line.strip():
        return None
    form = parse(line)
    text = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH or not _is_as_written(form, text):
        names = _count_names(form)
        if _count_colons(text) != names:
            json.loads(line, object_pairs_hook=_refuse_repeated)
    return form


def _is_as_written(form: Form, text: bytes) -> bool:
    """Whether the line is what the form is written as: then no name was there twice. Most exports are."""
    try:
        return orjson.dumps(form) == text.rstrip()
    except TypeError:
        return False


def _count_colons(text: bytes) -> int:
    """The number of colons outside of strings: of names, with those that are there twice."""
    if b"\\" in text:
        return TEXTS.sub(b"", text).count(b":")
    return b"".join(text.split(b'"')[::2]).count(b":")


def _count_names(form: Form) -> int:
    """The number of names in all objects. Refuses what no log writes and readers may not take."""
    names = depth = 0
    found: list[Any] = [form]
    while found:
        depth += 1
        if depth > MAX_DEPTH:
            raise _bad_line(f"at most {MAX_DEPTH} levels of objects and lists", "more")
        inner = []
        for each in found:
            values = each
            if isinstance(each, dict):
                names += len(each)
                values = each.values()
            for value in values:
                if isinstance(value, (dict, list)):
                    inner.append(value)
                elif type(value) is int and value not in INTEGERS:
                    raise _bad_line("integers of at most 64 bits", "a larger one")
        found = inner
    return names


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise _bad_line("each name of an object once", f'"{truncate(sanitize(name), 100)}" twice')
        seen.add(name)


def _bad_line(expected: str, found: str) -> ValidationError:
    return ValidationError("entry", (Problem("line", expected, found),))


class _Batches:
    """Stores rows in batches and counts the results."""

    def __init__(
        self, storage: Storage, report: Callable[[int, AuditwrightError], None], record: ImportRecord
    ) -> None:
        self.stored = self.known = self.refused = 0
        self._storage = storage
        self._report = report
        self._record = record
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
        batch, self._rows = self._rows, []
        if not batch:
            return
        try:
            self._insert(batch)
        except NotStored as refusal:
            if not may_be_row_error(refusal):
                _note_progress(refusal, batch[0][0])
                raise
            for number, row in batch:
                try:
                    self._insert([(number, row)])
                except NotStored as error:
                    if not may_be_row_error(error):
                        _note_progress(error, number)
                        raise
                    self.refuse(number, error)

    def _insert(self, batch: list[tuple[int, Row]]) -> None:
        """Store rows in one transaction, except those with the id of another entry."""
        outcomes = self._storage.insert_new([row for _, row in batch])
        conflicts = []
        for (number, row), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, IdConflict):
                conflicts.append((number, outcome))
            elif outcome:
                self.stored += 1
                self._record.add(row)
            else:
                self.known += 1
        for number, conflict in conflicts:  # when all are counted, as `report` may raise
            self.refuse(number, conflict)


def _note_progress(error: NotStored, number: int) -> None:
    error.add_note(
        f"the lines before {number:,} are imported; importing all of them again is safe, and stores what is "
        "missing"
    )


def read_lines(stream: BinaryIO, name: str = "") -> Iterator[bytes]:
    """The lines of a stream, which may be compressed with gzip or Zstandard.

    A line over the limit is read only as far as the limit, and then skipped. Raises `SourceError` for
    compressed data that is damaged, incomplete or needs a package, and errors of the stream as they are.
    `name` is the beginning of the text of such an error.
    """
    from auditwright.transfer.compressed import DAMAGED, decompressed

    number = 0
    try:
        source = decompressed(stream)
        while line := source.readline(MAX_LINE + 1):
            number += 1
            yield line
            while len(line) > MAX_LINE and not line.endswith(b"\n"):
                line = source.readline(MAX_LINE + 1)
    except DAMAGED as error:
        raise SourceError(
            f"{name}the compressed data is damaged or incomplete after line {number:,}: {error}"
        ) from error


def row_of(form: Form, recorder: Recorder, schemas: Schemas) -> Row:
    """The row of a JSON form, with the parts that another log wrote. Raises `ValidationError`."""
    imported = _imported_parts(
        {name: form.pop(name) for name in READ_ONLY if name in form}, form.get("event")
    )
    altered = altered_fields(imported.alterations)
    kept = _kept(form, recorder.catalog, imported)
    event = schemas.check(form, altered, imported.catalog_version, is_import=True)
    _check_level(event, imported)
    if imported.level is None and imported.category and event.level:
        of_level = imported.category.startswith(f"{event.level}.")
        # The other log had a catalog without levels: its exports have no level.
        imported = replace(imported, level=event.level if of_level else "")
    if imported.alterations or (imported.catalog_version and not schemas.fits(event, form)):
        imported = replace(imported, skip_validation=True)
        problems = unstorable(event, form["metadata"], recorder.catalog.columns.values())
        if not problems and imported.description is None:
            problems = (_NO_DESCRIPTION,)
        if problems:
            raise ValidationError(event.key, problems)
    return recorder.row(event.key, form["metadata"], options_of(form | kept), imported)


def _kept(form: Form, catalog: Catalog, imported: ImportedParts) -> Form:
    """Take out of a form what the other log may say and a caller may not; the recorder checks it.

    That is who submitted an entry, and a failure of an event that could fail in another catalog.
    """
    event = catalog.event(text_of(form.get("event")) or "")
    names = ["context"]
    if imported.catalog_version not in (None, catalog.version) and event is not None and not event.can_fail:
        if "outcome" in form and imported.description is None:
            raise ValidationError(event.key, (_NO_DESCRIPTION,))
        names += ["outcome", "failure_reason"]
    return {name: form.pop(name) for name in names if name in form}


def _check_level(event: Event, imported: ImportedParts) -> None:
    """Refuse a system event under another level, and another event under the level of system events."""
    for name, given in (("level", imported.level), ("category", imported.category)):
        if given is not None and is_of_system_level(given) != event.is_system:
            own = f"one of the level {event.level}, as the event is" if event.level else "another one"
            raise ValidationError(event.key, (Problem(name, own, f'"{given}"'),))


def altered_fields(alterations: str | bytes | None) -> frozenset[str]:
    """The names of metadata fields in the paths of alterations; see `names_at`."""
    paths = orjson.loads(alterations) if alterations else {}
    return frozenset(name for path in paths if path.startswith("metadata.") for name in names_at(path))


def _imported_parts(parts: Form, event: object) -> ImportedParts:
    """Validate the parts that only a log writes."""
    key = event if isinstance(event, str) else ""
    for name, expected, is_valid in (
        ("level", "the key of a level", _is_key),
        ("category", "the key of a category", _is_key),
        ("description", f"a string of 1 to {MAX_STRING} characters", _is_text),
        ("catalog_version", f"a string of 1 to {MAX_ID} characters", _is_version),
        ("alterations", f"an object of notes, of at most {MAX_ALTERATIONS:,} bytes", _is_alterations),
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
    return isinstance(value, str) and len(value) <= MAX_ID and _KEY.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_STRING


def _is_version(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID


def _is_alterations(value: object) -> bool:
    return (
        isinstance(value, dict)
        and all(is_storable(path) and _is_note(note) for path, note in value.items())
        and len(orjson.dumps(value)) <= MAX_ALTERATIONS
    )


def _is_note(note: object) -> bool:
    """Whether a note is like those of `limits.py`: a few numbers, texts and booleans by their names."""
    if not isinstance(note, dict) or len(note) > MAX_NOTE:
        return False
    return all(is_storable(name) and is_storable(value) for name, value in note.items())
