"""Files to a folder: only what changed, each at once or not at all, with a manifest of what is ours.

The manifest names every generated file with its SHA-256, which is how a hand edit is told from a change of
the catalog, and how a file that is no longer made is known to be ours to remove.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.sha256"
MARK = b"DO NOT EDIT"
"""What the head of every generated file says."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What sets a folder apart from what is generated: paths, sorted."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    """As some earlier run wrote them; the catalog has changed since."""
    edited: tuple[str, ...]
    """Not as any run wrote them."""
    orphaned: tuple[str, ...]
    """Written by an earlier run and made no longer."""
    foreign: tuple[str, ...] = ()
    """In the way, and never ours: nothing is written while there are any."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.edited or self.foreign or self.orphaned)


def with_manifest(files: dict[str, str]) -> dict[str, str]:
    """The files and the manifest that names them, in the format of sha256sum."""
    lines = [f"{_digest(files[path].encode())}  {path}\n" for path in sorted(files)]
    return {**files, MANIFEST: "".join(lines)}


def compare(folder: Path, files: dict[str, str]) -> Difference:
    """What writing the files (manifest included) into the folder would change.

    Raises `OSError`, for a file in the place of the folder too.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    written = _read_manifest(folder)
    missing: list[str] = []
    stale: list[str] = []
    edited: list[str] = []
    foreign: list[str] = []
    for path, text in sorted(files.items()):
        data = _read(folder / path)
        if data is None:
            missing.append(path)
        elif data != text.encode():
            if path == MANIFEST or _digest(data) == written.get(path):
                stale.append(path)
            else:
                ours = path in written or MARK in data[:1000] or not text
                (edited if ours else foreign).append(path)
    orphaned = [
        path
        for path in sorted(written)
        if path not in files and _is_inside(folder, path) and (folder / path).is_file()
    ]
    return Difference(tuple(missing), tuple(stale), tuple(edited), tuple(orphaned), tuple(foreign))


def write(folder: Path, files: dict[str, str]) -> Difference:
    """Make the folder hold the files; what is as it should be is not touched. Says what was changed.

    Files that the last manifest names and this one does not are removed, with folders left empty. The
    manifest comes last, so that a run that was killed is seen by the next. Where a file stands in the way
    that was never ours, nothing is written. Raises `OSError`.
    """
    difference = compare(folder, files)
    if difference.foreign:
        return difference
    for path in (*difference.missing, *difference.stale, *difference.edited):
        if path != MANIFEST:
            _replace(folder / path, files[path])
    for path in difference.orphaned:
        (folder / path).unlink()
        _remove_empty(folder, (folder / path).parent)
    if MANIFEST in (*difference.missing, *difference.stale, *difference.edited):
        _replace(folder / MANIFEST, files[MANIFEST])
    return difference


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - of a descriptor
            stream.write(text.encode())
        # mkstemp makes files for their owner alone; these are like any other source file.
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _remove_empty(top: Path, folder: Path) -> None:
    while folder != top and folder.is_dir():
        for cache in folder.glob("__pycache__/*.pyc"):
            cache.unlink()
        cache_folder = folder / "__pycache__"
        if cache_folder.is_dir() and not any(cache_folder.iterdir()):
            cache_folder.rmdir()
        if any(folder.iterdir()):
            return
        folder.rmdir()
        folder = folder.parent


def _read_manifest(folder: Path) -> dict[str, str]:
    """Digest by path. A line that leads out of the folder is none of ours."""
    data = _read(folder / MANIFEST) or b""
    entries = (line.split("  ", 1) for line in data.decode(errors="replace").splitlines() if "  " in line)
    return {
        path: digest
        for digest, path in entries
        if ".." not in path.split("/") and not path.startswith("/") and "\\" not in path
    }


def _is_inside(folder: Path, path: str) -> bool:
    """Whether no link on the way leads out of the folder."""
    return (folder / path).parent.resolve().is_relative_to(folder.resolve())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
