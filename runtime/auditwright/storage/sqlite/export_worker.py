"""Builds the lines of an export in pieces: all of them, or the share of one process.

Run as a program, it is a worker process that `export_pool.py` controls. It imports nothing from the package,
so that it starts fast.
"""

from __future__ import annotations

import heapq
import json
import os
import signal
import sqlite3
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from queue import Queue
from urllib.parse import quote
from uuid import UUID

BEGIN = b"begin\n"
"""The request to begin a read transaction; the answer identifies the file."""
FRAME = struct.Struct(">iI")
"""The header of each text that a worker writes: its number of lines and its size."""
END_OF_RANGE, FAILED = 0, -1
"""Special values of the number of lines."""
BLOCK, MAX_BLOCKS = 1 << 16, 128
"""A worker is at most 8 MiB ahead of its reader."""

MAX_LINES, MAX_BYTES = 250, 2_000_000
"""The limits of one text built by SQLite, fewer lines if they are long; a piece has one text or several."""

KNOWN_DAY = "WHEN ? THEN ?"
"""The part of a statement for the values of `date_at`, before all other parameters. They are not numbered:
early versions of Python 3.12 warn of numbered parameters whose values are a sequence.
"""

LAST_DAY = 2_932_896
"""The last day of the calendar, counted from 1970; an id can hold later ones."""

Titles = dict[str, list[Sequence[str]]]
"""The rows of the temporary tables with titles, by table."""
Bounded = tuple[str, list[str | int]]
"""SQL with its values; the values LOW and HIGH stand for the bounds of a range."""
LOW, HIGH = 0, 1
Range = tuple[bytes, bytes]
"""A half-open range of ids: from the first, inclusive, to the second, exclusive."""
EVERY_ID: Range = (b"", b"\xff" * 17)

_TABLES = {
    "csv_event": "key TEXT PRIMARY KEY, cells TEXT, json_keys TEXT, level TEXT, category TEXT",
    "csv_category": "key TEXT PRIMARY KEY, cells TEXT",
}


@dataclass(frozen=True)
class Work:
    """The lines to build, and the SQL for them."""

    titles: Titles
    piece: Bounded
    """SQL that returns a text as bytes, its number of lines and its last id.

    Its parameters are a day as a number, the same day as a date, then the values and the limit of lines. With
    `ids` there are no values, and the last parameter is the row ids as JSON.
    """
    ids: list[Bounded]
    """SQL for ids and row ids in order, to be merged; empty if one index returns all lines in order."""
    edge: Bounded
    """SQL for an id; its last parameter is the offset of the id."""
    bounds: tuple[str, str]
    """The range of all entries, in hexadecimal."""
    newest_first: bool
    size: int
    """Lines in a piece."""
    entries: int
    """Entries in a range."""
    shares: int = 1
    share: int = 0
    """The number of this share: the first range belongs to share 0, the next one to share 1."""

    @property
    def whole(self) -> Range:
        """The range of all entries."""
        low, high = self.bounds
        return bytes.fromhex(low), bytes.fromhex(high)

    def to_json(self) -> bytes:
        """The work as one line, for a worker."""
        return json.dumps(asdict(self)).encode() + b"\n"


def keep_titles(connection: sqlite3.Connection, titles: Titles) -> None:
    """Create temporary tables with the titles of events and categories in a reading connection."""
    if connection.execute("SELECT 1 FROM temp.sqlite_schema").fetchone():
        return
    connection.execute("PRAGMA query_only=OFF")  # it applies to temporary tables too
    for table, texts in _TABLES.items():
        connection.execute(f"CREATE TEMP TABLE {table} ({texts}) WITHOUT ROWID")
        placeholders = ", ".join("?" * (texts.count(",") + 1))
        connection.executemany(f"INSERT INTO temp.{table} VALUES ({placeholders})", titles[table])
    connection.execute("PRAGMA query_only=ON")


def pieces(
    connection: sqlite3.Connection, work: Work, bounds: Range, limit: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """The lines of a range in pieces, each with its number of lines.

    Raises `sqlite3.DataError` for an entry with text that is not UTF-8.
    """
    held: list[bytes] = []
    count = size = 0
    for lines, text in (_merged if work.ids else _in_order)(connection, work, bounds, limit):
        if held and (count + lines > work.size or size + len(text) > MAX_BYTES):
            yield count, b"".join(held)
            held, count, size = [], 0, 0
        held.append(text)
        count += lines
        size += len(text)
    if held:
        yield count, b"".join(held)


def _in_order(
    connection: sqlite3.Connection, work: Work, bounds: Range, limit: int | None
) -> Iterator[tuple[int, bytes]]:
    """Texts in the order of one index; each continues after the last id of the one before."""
    statement, values = work.piece
    days = statement.count(KNOWN_DAY)
    size = min(work.size, MAX_LINES)
    last = bounds[HIGH] if work.newest_first else bounds[LOW]
    while limit != 0:
        line_limit = size if limit is None else min(size, limit)
        text, lines, last = connection.execute(
            statement, [*days * date_at(last), *_bound(values, bounds), line_limit]
        ).fetchone()
        if not lines:
            return
        if not _is_utf8(text):
            if lines == 1:
                raise _unreadable(last)
            size = 1
            continue
        yield lines, text
        if lines < line_limit:
            return
        limit = limit and limit - lines
        _, bounds = _split(work, bounds, last)
        size = _next_size(work, lines, text)


def _merged(
    connection: sqlite3.Connection, work: Work, bounds: Range, limit: int | None
) -> Iterator[tuple[int, bytes]]:
    """Texts from several indexes: their ids are merged, and each text reads its rows by row id."""
    statement, _ = work.piece
    days = statement.count(KNOWN_DAY)
    cursors = [connection.execute(ids, _bound(values, bounds)) for ids, values in work.ids]
    found = islice(heapq.merge(*cursors, reverse=work.newest_first), limit)

    def made(part: list[tuple[bytes, int]]) -> tuple[int, bytes]:
        row_ids = json.dumps([row_id for _, row_id in part])
        text, lines, _ = connection.execute(statement, [*days * date_at(part[0][0]), row_ids]).fetchone()
        return lines, text

    size = min(work.size, MAX_LINES)
    while part := list(islice(found, size)):
        lines, text = made(part)
        if _is_utf8(text):
            yield lines, text
        else:
            for each in part:
                lines, text = made([each])
                if not _is_utf8(text):
                    raise _unreadable(each[0])
                yield lines, text
        size = _next_size(work, lines, text)
    for cursor in cursors:
        cursor.close()


def _next_size(work: Work, lines: int, text: bytes) -> int:
    return max(1, min(work.size, MAX_LINES, lines * MAX_BYTES // len(text)))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unreadable(entry_id: bytes) -> sqlite3.DataError:
    return sqlite3.DataError(f"entry {UUID(bytes=entry_id)} has text that is not UTF-8")


def ranges(connection: sqlite3.Connection, work: Work) -> Iterator[Range]:
    """Ranges with the same number of entries, in order, that cover all entries."""
    statement, values = work.edge
    rest = work.whole
    while found := connection.execute(statement, [*_bound(values, rest), work.entries - 1]).fetchone():
        first, rest = _split(work, rest, found[0])
        yield first
    yield rest


def _split(work: Work, bounds: Range, last: bytes) -> tuple[Range, Range]:
    """The part of a range up to an id, and the rest."""
    low, high = bounds
    if work.newest_first:
        return (last, high), (low, last)
    above = last + b"\0"
    return (low, above), (above, high)


def _bound(values: Sequence[str | int], bounds: Range) -> list[str | bytes]:
    return [value if isinstance(value, str) else bounds[value] for value in values]


def date_at(entry_id: bytes) -> tuple[int, str]:
    """The day of an id since 1970, and its date, so that SQLite need not compute dates of nearby entries."""
    day = min(int.from_bytes(entry_id[:6], "big") // 86_400_000, LAST_DAY)
    return day, datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


# --- worker process ---------------------------------------------------------------------------------


def connect(path: str) -> sqlite3.Connection:
    """A read-only connection to an existing file."""
    connection = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None, timeout=1)
    connection.execute("PRAGMA query_only=ON")
    return connection


def main(path: str) -> None:
    """Run the requests from stdin until it ends, so that a worker does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    blocks: Queue[bytes] = Queue(MAX_BLOCKS)
    writer = threading.Thread(target=_write, args=(blocks,), daemon=True)
    writer.start()
    try:
        _work(path, blocks)
    except Exception as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        _put(blocks, FAILED, f"{error} ({name})".encode(errors="replace"))
    blocks.put(b"")
    writer.join()


def _work(path: str, blocks: Queue[bytes]) -> None:
    connection = connect(path)
    while (request := sys.stdin.buffer.readline()) == BEGIN:
        if connection.in_transaction:
            connection.execute("COMMIT")
        connection.execute("BEGIN")
        connection.execute("PRAGMA schema_version").fetchone()  # the first read takes the snapshot
        file = os.stat(path)  # noqa: PTH116 - importing pathlib takes as long as all the rest
        _put(blocks, END_OF_RANGE, f"{file.st_dev} {file.st_ino}".encode())
    if not request:
        return
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    work = Work(**json.loads(request))
    keep_titles(connection, work.titles)
    for number, bounds in enumerate(ranges(connection, work)):
        if number % work.shares == work.share:
            for lines, text in pieces(connection, work, bounds):
                _put(blocks, lines, text)
            _put(blocks, END_OF_RANGE, b"")


def _put(blocks: Queue[bytes], lines: int, text: bytes) -> None:
    blocks.put(FRAME.pack(lines, len(text)))
    for start in range(0, len(text), BLOCK):
        blocks.put(text[start : start + BLOCK])


def _write(blocks: Queue[bytes]) -> None:
    out = sys.stdout.buffer
    try:
        while block := blocks.get():
            out.write(block)
            if blocks.empty():
                out.flush()
        out.flush()
    except OSError:
        os._exit(1)


def _end_with_stdin() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # a thread is blocked in reading stdin
