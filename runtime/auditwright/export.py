"""Exports: CSV for spreadsheets and people, JSON Lines without loss. Streamed, consistent as of their start.

CSV is RFC 4180 in UTF-8, with the columns and the order of the Audit Logs page's export.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from auditwright.entry import Entry
from auditwright.errors import ExportError
from auditwright.storage.base import FORMULA

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Scope, Storage

Progress = Callable[[int], None]
"""Is told how many entries are written, now and then and at the end."""
CHUNK = 1000
"""Entries in one piece of the stream."""

Chunks = Generator[tuple[int, bytes], None, None]
"""A file in pieces, each with the number of entries in it; closing it lets go of the database."""

CSV_COLUMNS = (
    "Date and Time (UTC)", "Event Name", "Category", "Description", "User or App Name", "IP Address",
)  # fmt: skip
FULL_COLUMNS = ("Event Key", "Category Key", "Level", "Actor Type", "Actor ID", "Entry ID", "Account ID")


def csv_header(catalog: Catalog, full: bool) -> str:
    """The first line; `full` adds keys, ids, the fields with a column of their own and the metadata."""
    titles = {field.name: field.title for event in catalog.events.values() for field in event.fields}
    added = (*FULL_COLUMNS, *(titles[name] for name in catalog.columns), "Metadata") if full else ()
    return _csv_line([*CSV_COLUMNS, *added])


def csv_chunks(storage: Storage, catalog: Catalog, scope: Scope, full: bool, limit: int | None) -> Chunks:
    """The lines of the entries, newest first; the first piece begins with the header."""
    head = csv_header(catalog, full)
    titles: dict[tuple[str, str], str] = {}
    lines: list[str] = []
    with closing(storage.csv_lines(scope, full, limit)) as found:
        for start, key, category, rest in found:
            title = titles.get((key, category))
            if title is None:
                names = map(_guarded, catalog.titles(key, category))
                title = titles[key, category] = _csv_line(list(names)).removesuffix("\r\n")
            lines.append(start + title + rest)
            if len(lines) == CHUNK:
                yield CHUNK, (head + "".join(lines)).encode()
                head = ""
                lines.clear()
    if head or lines:
        yield len(lines), (head + "".join(lines)).encode()


def jsonl_chunks(storage: Storage, catalog: Catalog, scope: Scope) -> Chunks:
    """The entries in their JSON form, one a line, oldest first, so that an import keeps their order."""
    lines: list[bytes] = []
    with closing(storage.rows(scope, newest_first=False)) as found:
        for row in found:
            lines.append(orjson.dumps(Entry(catalog, row).to_json(), option=orjson.OPT_APPEND_NEWLINE))
            if len(lines) == CHUNK:
                yield CHUNK, b"".join(lines)
                lines.clear()
    if lines:
        yield len(lines), b"".join(lines)


def begun(chunks: Chunks, begin: Callable[[], object] | None = None) -> Chunks:
    """The pieces, the first of them read already, and `begin` called then; raises what either does."""
    pieces = _begun(chunks, begin)
    next(pieces)
    return pieces


def _begun(chunks: Chunks, begin: Callable[[], object] | None) -> Chunks:
    with closing(chunks):
        first = next(chunks, (0, b""))
        if begin is not None:
            begin()
        yield 0, b""  # for `begun`: closing a generator that has not come this far would not close the chunks
        yield first
        yield from chunks


def data_of(chunks: Chunks) -> Generator[bytes, None, None]:
    """The bytes of the pieces alone; closing it closes them, however far it has come."""
    data = _data(chunks)
    next(data)
    return data


def _data(chunks: Chunks) -> Generator[bytes, None, None]:
    with closing(chunks):
        yield b""
        for _, piece in chunks:
            yield piece


def write_export(
    chunks: Iterable[tuple[int, bytes]], target: str | Path | BinaryIO, progress: Progress | None
) -> int:
    """Write the pieces to a stream, or to a file that appears under its name only when it is whole.

    Returns the number of entries. Raises `ExportError` where a file cannot be written, and removes what
    there is of it; the errors of a stream are its own, and what it has is its owner's to discard.
    """
    if not isinstance(target, (str, Path)):
        return _write(chunks, target, progress)
    path = Path(target)
    if path.is_dir():
        raise ExportError(f"{path}: the export was not written: it is a folder; name a file")
    try:
        if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
            with path.open("wb") as stream:
                return _write(chunks, stream, progress)
        return _write_file(chunks, path, progress)
    except OSError as error:
        raise ExportError(f"{path}: the export was not written: {error.strerror or error}") from error


def _write_file(chunks: Iterable[tuple[int, bytes]], path: Path, progress: Progress | None) -> int:
    """A file that only its owner may read: entries are for those who may read the log."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - of a descriptor
            count = _write(chunks, stream, progress)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(partial).unlink()
        raise
    return count


def _write(chunks: Iterable[tuple[int, bytes]], stream: BinaryIO, progress: Progress | None) -> int:
    count = 0
    for entries, data in chunks:
        stream.write(data)
        count += entries
        if progress is not None and entries:
            progress(count)
    return count


def _guarded(text: str) -> str:
    """The text with a ' before it where a spreadsheet would run it: what the storage does to its cells."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
