"""Files to a folder: only what changed, each at once or not at all, with a manifest of what is ours.

The manifest is how a hand edit is told from a change of the catalog, and how a file that is no longer made is
known to be ours to remove.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditwright_generator.output.manifest import MANIFEST, NOTES, digest, read_manifest

Files = dict[str, str | None]
"""The text of each file by its path; None for one that is known to be as it should be."""

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


def compare(folder: Path, files: Mapping[str, str | None]) -> Difference:
    """What writing the files (manifest included) into the folder would change.

    Raises `OSError`, for a file in the place of the folder too.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    written = read_manifest(folder)
    missing: list[str] = []
    stale: list[str] = []
    edited: list[str] = []
    foreign: list[str] = []
    for path in sorted(files):
        text = files[path]
        if text is None:
            continue
        data = _read(folder / path)
        if data is None:
            missing.append(path)
        elif data != text.encode():
            if path == MANIFEST or digest(data) == written.get(path):
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


def write(folder: Path, files: Mapping[str, str | None], notes: str = "") -> Difference:
    """Make the folder hold the files; what is as it should be is not touched. Says what was changed.

    Files that the last manifest names and this one does not are removed, with folders left empty. The
    manifest comes last, so that a run that was killed is seen by the next, and after it the notes for that.
    Where a file stands in the way that was never ours, nothing is written. Raises `OSError`.
    """
    difference = compare(folder, files)
    if difference.foreign:
        return difference
    changed = (*difference.missing, *difference.stale, *difference.edited)
    for path in changed:
        text = files[path]
        if path != MANIFEST and text is not None:
            replace_file(folder / path, text)
    for path in difference.orphaned:
        (folder / path).unlink()
        _remove_empty(folder, (folder / path).parent)
    manifest = files[MANIFEST]
    if MANIFEST in changed and manifest is not None:
        replace_file(folder / MANIFEST, manifest)
    if notes:
        _write_notes(folder, notes)
    return difference


def _write_notes(folder: Path, notes: str) -> None:
    for path, text in ((NOTES, notes), (f"{Path(NOTES).parent}/.gitignore", "*\n")):
        if _read(folder / path) != text.encode():
            replace_file(folder / path, text)


def replace_file(path: Path, text: str) -> None:
    """Write the file atomically; an existing file keeps its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with new.open("xb") as stream:
            stream.write(text.encode())
        if path.exists():
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
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


def _is_inside(folder: Path, path: str) -> bool:
    """Whether no link on the way leads out of the folder."""
    return (folder / path).parent.resolve().is_relative_to(folder.resolve())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
