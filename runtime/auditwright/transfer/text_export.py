"""Headers and streaming of CSV and JSON Lines, consistent as of the start of the export.

The lines are built by `export_sql.py` of each engine, with cells in the order of `CSV_COLUMNS` and
`FULL_COLUMNS`. CSV is RFC 4180 in UTF-8; JSON Lines are lossless.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Literal

from auditwright.storage.csv_cells import csv_line, for_excel, guarded, guarded_inside

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Storage
    from auditwright.storage.interrupt import Interrupt
    from auditwright.storage.query import Scope

TextFormat = Literal["csv", "jsonl"]
"""The formats of lines; `Format` in `export_file.py` has all formats."""

ExcelSeparator = Literal["comma", "semicolon"]
"""How a CSV file for Excel separates its columns."""
SEPARATORS: dict[ExcelSeparator, bytes] = {"comma": b",", "semicolon": b";"}

CHUNK = 1000
"""Entries in one chunk."""

Chunks = Generator[tuple[int, bytes], None, None]
"""A file in chunks, each with its number of entries. Closing it closes the database cursor."""

CSV_COLUMNS = (
    "Date and Time (UTC)", "Event Name", "Category", "Description", "User or App Name", "IP Address",
)  # fmt: skip
FULL_COLUMNS = (
    "Event Key", "Category Key", "Level", "Actor Type", "Actor ID", "Entry ID", "Account ID",
    "Outcome", "Failure Reason", "On Behalf Of Type", "On Behalf Of ID", "On Behalf Of Name", "Context",
)  # fmt: skip
"""New columns are added at the end of these: the columns before them keep their places, those of a catalog
move with every catalog anyway, and the metadata stays the last one.
"""


def csv_header(catalog: Catalog, full: bool) -> str:
    """The first line; `full` adds keys, ids, the fields with their own column, and the metadata."""
    titles = {field.identifier: field.title for event in catalog.events.values() for field in event.fields}
    added = (*FULL_COLUMNS, *(titles[name] for name in catalog.columns), "Metadata") if full else ()
    return csv_line([guarded(each) for each in (*CSV_COLUMNS, *added)]) + "\r\n"


def csv_chunks(
    storage: Storage,
    catalog: Catalog,
    scope: Scope,
    full: bool,
    limit: int | None,
    processes: int = 1,
    interrupt: Interrupt | None = None,
    excel: ExcelSeparator | None = None,
) -> Chunks:
    """The lines of the entries, newest first; the first chunk begins with the header."""
    chunks = _csv_chunks(storage, catalog, scope, full, limit, processes, interrupt)
    return chunks if excel is None else _for_excel(chunks, SEPARATORS[excel])


def _csv_chunks(
    storage: Storage,
    catalog: Catalog,
    scope: Scope,
    full: bool,
    limit: int | None,
    processes: int,
    interrupt: Interrupt | None,
) -> Chunks:
    head = guarded_inside(csv_header(catalog, full).encode(), 1)
    with closing(storage.csv_lines(scope, full, CHUNK, limit, processes, interrupt)) as chunks:
        for entries, lines in chunks:
            yield entries, head + guarded_inside(lines, entries)
            head = b""
    if head:
        yield 0, head


def _for_excel(chunks: Chunks, separator: bytes) -> Chunks:
    """The chunks of a CSV as Excel opens them by a double click: the mark tells it that they are UTF-8."""
    mark = BOM_UTF8
    with closing(chunks):
        for entries, lines in chunks:
            yield entries, mark + for_excel(lines, separator)
            mark = b""


def jsonl_chunks(
    storage: Storage, _: Catalog, scope: Scope, processes: int = 1, interrupt: Interrupt | None = None
) -> Chunks:
    """The entries as JSON, one per line, oldest first, so that an import keeps their order."""
    return storage.json_lines(scope, CHUNK, processes, interrupt)


def primed(chunks: Chunks, begin: Callable[[], object] | None = None) -> Chunks:
    """Read the first chunk, then call `begin`; raises the errors of both. Returns all chunks."""
    started = _start(chunks, begin)
    next(started)
    return started


def _start(chunks: Chunks, begin: Callable[[], object] | None) -> Chunks:
    with closing(chunks):
        first = next(chunks, (0, b""))
        if begin is not None:
            begin()
        yield 0, b""  # `primed` runs up to here: closing an unstarted generator would not close `chunks`
        yield first
        yield from chunks


def data_of(chunks: Chunks) -> Generator[bytes, None, None]:
    """The bytes of the chunks. Closing it closes the chunks, even before the first one is read."""
    data = _data(chunks)
    next(data)
    return data


def _data(chunks: Chunks) -> Generator[bytes, None, None]:
    with closing(chunks):
        yield b""
        for _, chunk in chunks:
            yield chunk
