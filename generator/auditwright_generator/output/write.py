"""Writes generated files to a folder: only changed files, each atomically, and a manifest of them.

The manifest tells a hand edit from a change of the catalog, and which files may be removed.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditwright_generator.files import is_inside, read_regular, refuse_links_out
from auditwright_generator.output.manifest import MANIFEST, NOTES, digest, read_manifest

Files = dict[str, str | None]
"""The text of each file by path; None for a file that is known to be current."""

MARK = b"DO NOT EDIT"
"""A text at the top of every generated file."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences between a folder and the generated files, as sorted paths."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    """Unchanged since an earlier run; the catalog has changed."""
    edited: tuple[str, ...]
    """Edited by hand."""
    orphaned: tuple[str, ...]
    """Written by an earlier run and no longer generated."""
    foreign: tuple[str, ...] = ()
    """Never generated, at the path of a file of this or of an earlier run. Then nothing is written."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.stale or self.edited or self.foreign or self.orphaned)


def compare(folder: Path, files: Mapping[str, str | None]) -> Difference:
    """What writing the files (including the manifest) to the folder would change.

    Raises `OSError`, also if the folder is a file, or if a link at the path of a file leads out of it.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    refuse_links_out(folder, (*files, *_notes_files("")))
    written = read_manifest(folder)
    missing: list[str] = []
    stale: list[str] = []
    edited: list[str] = []
    foreign: list[str] = []
    for path in sorted(files):
        text = files[path]
        if text is None:
            continue
        data = read_file(folder / path)
        if data is None:
            missing.append(path)
        elif data != text.encode():
            if path == MANIFEST or digest(data) == written.get(path):
                stale.append(path)
            else:
                ours = path in written or MARK in data[:1000] or not text
                (edited if ours else foreign).append(path)
    orphaned: list[str] = []
    for path in sorted(written.keys() - files.keys()):
        if _is_file_of(folder, path):
            data = read_regular(folder / path)
            ours = digest(data) == written[path] or MARK in data[:1000]
            (orphaned if ours else foreign).append(path)
    return Difference(tuple(missing), tuple(stale), tuple(edited), tuple(orphaned), tuple(foreign))


def write(folder: Path, files: Mapping[str, str | None], notes: str = "") -> Difference:
    """Writes the files to the folder and returns the differences. Idempotent.

    Removes files that only the last manifest names, and folders left empty. Writes the manifest after the
    other files, so that the next run notices a killed run, and then the notes. Writes nothing if there are
    foreign files. Raises `OSError`.
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
        for path, text in _notes_files(notes).items():
            update_file(folder / path, text)
    return difference


def _is_file_of(folder: Path, path: str) -> bool:
    """Whether the folder itself has the file, and no link leads to it."""
    return is_inside(folder, path) and (folder / path).is_file() and not (folder / path).is_symlink()


def _notes_files(notes: str) -> dict[str, str]:
    return {NOTES: notes, f"{Path(NOTES).parent}/.gitignore": "*\n"}


def update_file(path: Path, text: str) -> None:
    """Write the file if its content differs, so that an unchanged file keeps its time. Raises `OSError`."""
    if read_file(path) != text.encode():
        replace_file(path, text)


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


def read_file(path: Path) -> bytes | None:
    """The content of a regular file; None if there is none. Raises `OSError`."""
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
