"""Imports of JSON Lines: exports of another log, or entries in their JSON form from elsewhere.

Each line stands for itself: a bad one is reported by its number and the others are stored. Lines are stored
once by their ids, so that an import which was interrupted is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import orjson

from auditwright.entry import Entry, position
from auditwright.errors import AuditwrightError, IdConflict, Problem, ValidationError
from auditwright.limits import MAX_STRING, clean, short
from auditwright.validate import READ_ONLY, Form, microseconds_of, options_of, parse

if TYPE_CHECKING:
    from auditwright.recording import Recorder
    from auditwright.storage.base import Storage
    from auditwright.validate import Schemas

BATCH = 1000
"""Entries in one transaction."""
MAX_LINE = 1024 * 1024
"""Bytes in one line: many times what an entry can hold."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines."""

    stored: int
    known: int
    """Lines whose entry was there already, with the same content."""
    refused: int


def import_lines(
    lines: Iterable[bytes],
    recorder: Recorder,
    schemas: Schemas,
    storage: Storage,
    report: Callable[[int, AuditwrightError], None],
) -> Imported:
    """Store every good line; `report` is told the number (from 1) and the error of each bad one."""
    stored = known = refused = 0
    batch: list[tuple[int, Entry]] = []

    def store() -> None:
        nonlocal stored, known, refused
        try:
            new = storage.insert([entry.row for _, entry in batch])
            stored, known = stored + new, known + len(batch) - new
        except IdConflict:
            for number, entry in batch:
                try:
                    new = storage.insert([entry.row])
                    stored, known = stored + new, known + 1 - new
                except IdConflict as error:
                    refused += 1
                    report(number, error)
        batch.clear()

    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if len(line) > MAX_LINE:
                raise ValidationError(
                    "entry", (Problem("line", f"at most {MAX_LINE} bytes", "a longer line"),)
                )
            batch.append((number, entry_of(parse(line), recorder, schemas)))
        except AuditwrightError as error:
            refused += 1
            report(number, error)
        if len(batch) == BATCH:
            store()
    if batch:
        store()
    return Imported(stored, known, refused)


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream, each read no further than shows that it is too long to import."""
    while line := stream.readline(MAX_LINE + 1):
        yield line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE + 1)


def entry_of(form: Form, recorder: Recorder, schemas: Schemas) -> Entry:
    """The entry of a JSON form, with what another log wrote into it kept; raises `ValidationError`."""
    kept = {name: form.pop(name) for name in READ_ONLY if name in form}
    for name in ("level", "category", "description", "catalog_version"):
        if name in kept and not (isinstance(kept[name], str) and 1 <= len(kept[name]) <= MAX_STRING):
            raise ValidationError(
                str(form.get("event", "entry"))[:200],
                (Problem(name, f"a string of 1 to {MAX_STRING} characters", type(kept[name]).__name__),),
            )
    if not isinstance(kept.get("alterations", {}), dict):
        raise ValidationError(
            str(form.get("event", "entry"))[:200],
            (Problem("alterations", "an object", type(kept["alterations"]).__name__),),
        )
    key = form.get("event")
    event = schemas.check(form)
    row = list(recorder.row(event.key, form["metadata"], options_of(form), stored=True))
    row[position("event")] = key
    for name in ("level", "category", "description"):
        if name in kept:
            row[position(name)] = short(clean(kept[name]))
    if "recorded_at" in kept:
        row[position("recorded_at")] = microseconds_of(kept["recorded_at"], "recorded_at")
    if "catalog_version" in kept:
        row[-4] = clean(kept["catalog_version"])
    if kept.get("alterations"):
        row[-2] = orjson.dumps(kept["alterations"]).decode()
    return Entry(recorder.catalog, tuple(row))
