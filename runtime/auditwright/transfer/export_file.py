"""What exports are written to: a stream, or a file that appears under its name only when it is whole.

A file is compressed as its name says. What it holds comes in pieces from `export.py` and `parquet.py`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from auditwright.errors import ExportError
from auditwright.transfer.export import Chunks, primed

Progress = Callable[[int], None]
"""Is told how many entries are written, now and then and at the end."""

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")

GZIP_LEVEL = 3
"""Twice as quick as the usual 6, for a file that is a third larger."""


def format_of(name: str) -> Format | None:
    """The format that a file's name says, be it compressed or not: `audit.csv.gz` is CSV."""
    name = name.lower()
    for suffix in COMPRESSORS:
        name = name.removesuffix(f".{suffix}")
    return next((form for form in FORMATS if name.endswith(f".{form}")), None)


# --- compressing ---------------------------------------------------------------------------------


class Compressor(Protocol):
    """Makes a compressed file of pieces."""

    def compress(self, data: bytes, /) -> bytes:
        """What there is to write by now; often nothing."""
        ...

    def flush(self) -> bytes:
        """The end of the file."""
        ...


def _gzip() -> Compressor:
    return zlib.compressobj(GZIP_LEVEL, wbits=31)  # a header without a name and a time


def _zstd() -> Compressor:
    if sys.version_info >= (3, 14):
        with suppress(ImportError):
            from compression.zstd import CompressionParameter, ZstdCompressor

            return ZstdCompressor(options={CompressionParameter.checksum_flag: 1})
    try:
        import zstandard
    except ImportError:
        raise ExportError('.zst needs the package zstandard: pip install "auditwright[zstd]"') from None
    return zstandard.ZstdCompressor(write_checksum=True).compressobj()


COMPRESSORS: dict[str, Callable[[], Compressor]] = {"gz": _gzip, "zst": _zstd}
"""What compresses, by the last suffix of a file's name."""


def _compressed(chunks: Chunks, path: Path, is_compressed: bool) -> Chunks:
    """The pieces as the name of the file says; raises where what compresses is not installed."""
    make = COMPRESSORS.get(path.suffix[1:].lower())
    if make is None:
        return chunks
    if is_compressed:
        raise ExportError(
            f"{path}: the export was not written: Parquet is compressed inside; name it .parquet"
        )
    return _pieces(chunks, make())


def _pieces(chunks: Chunks, compressor: Compressor) -> Chunks:
    with closing(chunks):
        for entries, data in chunks:
            yield entries, compressor.compress(data)
    yield 0, compressor.flush()


# --- writing -------------------------------------------------------------------------------------


def write_export(
    chunks: Chunks,
    target: str | Path | BinaryIO,
    progress: Progress | None,
    begin: Callable[[], object] | None = None,
    is_compressed: bool = False,
) -> int:
    """Write the pieces to a stream, or to a file that appears under its name only when it is whole.

    Returns the number of entries. `begin` is called when the first piece is read and none is written. A link
    is followed; what is no file, and what stands for a file that is open (/dev/stdout), is written to and
    never replaced. `is_compressed` refuses a name that asks for compressing again. Raises `ExportError` where
    a file cannot be written, and removes what there is of it; the errors of a stream are its own, and what it
    has is its owner's to discard.
    """
    if not isinstance(target, (str, Path)):
        with closing(primed(chunks, begin)) as pieces:
            return _write(pieces, target, progress)
    if not str(target):
        raise ExportError("the export was not written: the name of the file is empty")
    path = Path(target)
    with closing(chunks):
        try:
            if path.is_dir():
                raise ExportError(f"{path}: the export was not written: it is a folder; name a file")
            with closing(primed(_compressed(chunks, path, is_compressed), begin)) as pieces:
                if path.exists() and (not path.is_file() or _is_open(path)):
                    with path.open("wb") as stream:
                        return _write(pieces, stream, progress)
                return _write_file(pieces, path.resolve(), progress)
        except OSError as error:
            raise ExportError(f"{path}: the export was not written: {error.strerror or error}") from error


def _is_open(path: Path) -> bool:
    """Whether a name stands for a file that is open, such as /dev/stdout or /proc/self/fd/1."""
    while path.is_symlink():
        if path.parent.name == "fd" and path.parts[1] in ("dev", "proc"):
            return True
        path = path.parent / path.readlink()
    return False


def _write_file(chunks: Iterable[tuple[int, bytes]], path: Path, progress: Progress | None) -> int:
    """A file that only its owner may read: entries are for those who may read the log."""
    _remove_left_behind(path)
    stream, partial = _open_partial(path)
    try:
        with stream:
            count = _write(chunks, stream, progress)
            stream.flush()
            os.fsync(stream.fileno())
            partial.replace(path)  # while it is held, lest another export takes it for left behind
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    _sync(path.parent)
    return count


def _write(chunks: Iterable[tuple[int, bytes]], stream: BinaryIO, progress: Progress | None) -> int:
    count = 0
    for entries, data in chunks:
        stream.write(data)
        count += entries
        if progress is not None and entries:
            progress(count)
    return count


def _open_partial(path: Path) -> tuple[BinaryIO, Path]:
    """A new file beside the path, held as long as it is open."""
    import fcntl

    while True:
        descriptor, name = tempfile.mkstemp(prefix=_prefix(path), suffix=".partial", dir=path.parent)
        stream = open(descriptor, "wb")  # noqa: PTH123, SIM115 - of a descriptor, and for the caller
        with suppress(OSError):  # a file system without locks, on which nobody can take it away either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return stream, Path(name)
        stream.close()  # another export took it away before it was held


def _remove_left_behind(path: Path) -> None:
    """Remove what exports to the path left that were killed: what no process holds."""
    import fcntl

    left = re.compile(rf"{re.escape(_prefix(path))}\w{{8}}\.partial")
    with suppress(OSError):
        for each in path.parent.iterdir():
            if left.fullmatch(each.name) and each.is_file():
                with suppress(OSError), each.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    each.unlink()


def _prefix(path: Path) -> str:
    return f".{path.name[:50]}."  # at most 255 bytes with what follows, whatever the characters


def _sync(folder: Path) -> None:
    """See to it that the name outlasts a crash; where the file system cannot, the file is there already."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
