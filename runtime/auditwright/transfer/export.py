"""Exports: CSV for spreadsheets and people, JSON Lines without loss. Streamed, consistent as of their start.

CSV is RFC 4180 in UTF-8, with the columns and the order of the Audit Logs page's export.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING

from auditwright.storage.csv_cells import csv_line

if TYPE_CHECKING:
    from auditwright.catalog import Catalog
    from auditwright.storage.base import Storage
    from auditwright.storage.query import Scope

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
    return csv_line([*CSV_COLUMNS, *added]) + "\r\n"


def csv_chunks(
    storage: Storage, catalog: Catalog, scope: Scope, full: bool, limit: int | None, processes: int = 1
) -> Chunks:
    """The lines of the entries, newest first; the first piece begins with the header."""
    head = csv_header(catalog, full).encode()
    with closing(storage.csv_lines(scope, full, CHUNK, limit, processes)) as pieces:
        for entries, lines in pieces:
            yield entries, head + lines
            head = b""
    if head:
        yield 0, head


def jsonl_chunks(storage: Storage, _: Catalog, scope: Scope, processes: int = 1) -> Chunks:
    """The entries in their JSON form, one a line, oldest first, so that an import keeps their order."""
    return storage.json_lines(scope, CHUNK, processes)


def primed(chunks: Chunks, begin: Callable[[], object] | None = None) -> Chunks:
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
