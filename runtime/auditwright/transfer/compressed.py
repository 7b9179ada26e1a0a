"""Reads a binary stream that may be compressed with gzip or Zstandard, which its first bytes tell.

Memory does not depend on what the data expands to: a piece is read when it is needed. The compression of
exports is in `export_file.py`.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from auditwright.errors import SourceError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""The first bytes of compressed data (RFC 1952, RFC 8878)."""
MAX_WINDOW = 8 << 20
"""The most bytes of its own output that a Zstandard decompressor keeps; what RFC 8878 asks of all readers."""
_FEED = 64
"""Bytes of Zstandard data in one step: 4 bytes expand to 128 KiB at most, so these to 2 MiB."""


def decompressed(stream: BinaryIO) -> BinaryIO:
    """The stream, decompressed if it is compressed. Raises `SourceError` if a package is missing.

    Reading from it raises an error of `DAMAGED` where the data is damaged or incomplete.
    """
    source: BinaryIO = io.BufferedReader(_Pieces(_pieces_of(stream)))
    start = source.peek(len(ZSTD))  # type: ignore[attr-defined]
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=source)  # type: ignore[return-value]
    if start.startswith(ZSTD):
        return io.BufferedReader(_Pieces(_unzstd(source)))
    return source


class Damaged(Exception):
    """Compressed data is damaged or incomplete."""


DAMAGED = (Damaged, EOFError, gzip.BadGzipFile, zlib.error)
"""The errors of reading damaged data."""


def _pieces_of(stream: BinaryIO) -> Iterator[bytes]:
    """What the stream has, as it comes; the first piece is long enough to tell a compression."""
    read = getattr(stream, "read1", stream.read)
    first = stream.read(len(ZSTD))
    while piece := first or read(io.DEFAULT_BUFFER_SIZE):
        first = b""
        yield piece


class _Pieces(io.RawIOBase):
    """Pieces of bytes, as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def _unzstd(source: BinaryIO) -> Iterator[bytes]:
    """The decompressed pieces, never empty; a file may have several frames."""
    if sys.version_info >= (3, 14):
        with suppress(ImportError):
            from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

            limit = {DecompressionParameter.window_log_max: MAX_WINDOW.bit_length() - 1}
            return _frames(source, lambda: ZstdDecompressor(options=limit), ZstdError)
    try:
        import zstandard
    except ImportError:
        raise SourceError('.zst needs the package zstandard: pip install "auditwright[zstd]"') from None
    made = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    return _frames(source, made.decompressobj, zstandard.ZstdError)


def _frames(source: BinaryIO, make: Any, error_class: type[Exception]) -> Iterator[bytes]:
    frame = None
    while piece := source.read(_FEED):
        while piece:
            frame = frame or make()
            try:
                data = frame.decompress(piece)
            except error_class as error:
                raise Damaged(str(error)) from error
            if data:
                yield data
            piece = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = None
    if frame is not None:
        raise Damaged("it ends before the end of the compressed data")
