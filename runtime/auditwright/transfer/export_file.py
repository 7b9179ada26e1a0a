"""Write an export to a stream, or atomically to a file, compressed by the suffix of its name.

The chunks come from `text_export.py` and `parquet.py`.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, cast, get_args

from auditwright.errors import ExportError
from auditwright.limits import shown, text_of, truncate
from auditwright.text import printable
from auditwright.transfer.text_export import Chunks, TextFormat, primed

if TYPE_CHECKING:
    from auditwright.entry import Progress

Format = Literal[TextFormat, "parquet"]
# Every export is recorded with its format: these are the values of `format` in runtime/catalog/fields.yaml.
FORMATS: tuple[Format, ...] = get_args(Format)

GZIP_LEVEL = 3
"""Twice as fast as the usual 6, for a file that is a third larger."""


def format_of(name: str) -> Format | None:
    """The format by a file's name, without the compression suffix: `audit.csv.gz` is CSV."""
    name = name.lower()
    for suffix in COMPRESSORS:
        name = name.removesuffix(f".{suffix}")
    return next((form for form in FORMATS if name.endswith(f".{form}")), None)


# --- compression ---------------------------------------------------------------------------------


class Compressor(Protocol):
    """A streaming compressor."""

    def compress(self, data: bytes, /) -> bytes:
        """The compressed data that is ready; often empty."""
        ...

    def flush(self) -> bytes:
        """The end of the file."""
        ...


def _gzip() -> Compressor:
    return zlib.compressobj(GZIP_LEVEL, wbits=31)  # a gzip header without name and time


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
"""Compressors by the last suffix of a file's name."""


def _compressed(chunks: Chunks, path: Path, is_compressed: bool) -> Chunks:
    """The chunks, compressed by the suffix of the path. Raises `ExportError` for a missing package."""
    make = COMPRESSORS.get(path.suffix[1:].lower())
    if make is None:
        return chunks
    if is_compressed:
        raise ExportError(
            f"{_shown(path)}: the export was not written: Parquet is compressed already; "
            "use the suffix .parquet"
        )
    return _compress(chunks, make())


def _compress(chunks: Chunks, compressor: Compressor) -> Chunks:
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
    """Write the chunks to a stream, or atomically to a file; returns the number of entries.

    `begin` is called after the first chunk is read and before it is written. Links are followed. Targets that
    are not regular files, and names of open files such as /dev/stdout, are written in place and never
    replaced. `is_compressed` refuses a name with a compression suffix. Raises `ExportError` where a file
    cannot be written, and removes the partial file. Errors of a stream are raised as they are; its owner
    discards what was written.
    """
    for name, function in (("progress", progress), ("begin", begin)):
        if function is not None and not callable(function):
            raise ExportError(
                f"the export was not written: {name} is a function or None, not {shown(function)}"
            )
    if not issubclass(type(target), (str, Path)):
        if not callable(getattr(target, "write", None)) or isinstance(target, (io.TextIOBase, type)):
            raise ExportError(
                "the export was not written: target is the name of a file, a Path or a binary stream, "
                f"not {shown(target)}"
            )
        with closing(primed(chunks, begin)) as started:
            return _write(started, cast("BinaryIO", target), progress)
    path = _path_of(cast("str | Path", target))
    with closing(chunks):
        try:
            if path.is_dir():
                raise ExportError(f"{_shown(path)}: the export was not written: it is a folder; name a file")
            with closing(primed(_compressed(chunks, path, is_compressed), begin)) as started:
                if path.exists() and (not path.is_file() or _is_open(path)):
                    with path.open("wb") as stream:
                        return _write(started, stream, progress)
                return _write_file(started, path.resolve(), progress)
        except OSError as error:
            why = error.strerror or error
            raise ExportError(f"{_shown(path)}: the export was not written: {why}") from error


def _path_of(target: str | Path) -> Path:
    """The path of a file; raises `ExportError` for a name that no file can have."""
    name = text_of(target) if not isinstance(target, Path) else str(target)
    if not name:
        raise ExportError("the export was not written: the name of the file is empty")
    try:
        is_possible = b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ExportError(f"{_shown(name)}: the export was not written: no file can have this name")
    return Path(name)


def _shown(path: object) -> str:
    return truncate(printable(str(path)), 1000)


def _is_open(path: Path) -> bool:
    """Whether a name refers to an open file, such as /dev/stdout or /proc/self/fd/1."""
    while path.is_symlink():
        if path.parent.name == "fd" and path.parts[1] in ("dev", "proc"):
            return True
        path = path.parent / path.readlink()
    return False


def _write_file(chunks: Iterable[tuple[int, bytes]], path: Path, progress: Progress | None) -> int:
    """Write a file that only its owner can read, as not everybody may read the log."""
    _remove_abandoned(path)
    stream, partial = _open_partial(path)
    try:
        with stream:
            count = _write(chunks, stream, progress)
            stream.flush()
            os.fsync(stream.fileno())
            partial.replace(path)  # while it is locked, so that no other export removes it
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
    """A new locked file beside the path."""
    import fcntl

    while True:
        descriptor, name = tempfile.mkstemp(prefix=_prefix(path), suffix=".partial", dir=path.parent)
        stream = open(descriptor, "wb")  # noqa: PTH123, SIM115 - of a descriptor, and for the caller
        with suppress(OSError):  # a file system without locks: no other export can remove it either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return stream, Path(name)
        stream.close()  # another export removed it before it was locked


def _remove_abandoned(path: Path) -> None:
    """Remove partial files of killed exports to the path: those that no process has locked."""
    import fcntl

    partial = re.compile(rf"{re.escape(_prefix(path))}\w{{8}}\.partial")
    with suppress(OSError):
        for each in path.parent.iterdir():
            if partial.fullmatch(each.name) and each.is_file():
                with suppress(OSError), each.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    each.unlink()


def _prefix(path: Path) -> str:
    return f".{path.name[:50]}."  # the whole name has at most 255 bytes, whatever the characters


def _sync(folder: Path) -> None:
    """Make the rename durable, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
