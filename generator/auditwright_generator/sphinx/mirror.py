"""Copies pages from elsewhere into the folder of the site, where Sphinx finds them like any other.

Writes only what differs, so that Sphinx reads only that again. A list of what was written tells copies from
files of others, which are never overwritten or removed.
"""

from collections.abc import Mapping
from pathlib import Path

from auditwright_generator.output.write import MARK, replace_file
from auditwright_generator.sphinx.site import InvalidSite

LIST = ".auditwright/copies"
"""The paths of all copies, one on each line, relative to the folder of the site."""


def write_copies(folder: Path, copies: Mapping[str, Path | str]) -> None:
    """Write the copies that differ, and remove former copies. Raises `InvalidSite` and `OSError`."""
    former = set((_read(folder / LIST) or b"").decode().splitlines())
    for path, origin in copies.items():
        _write_copy(folder / path, origin, path in former)
    for path in sorted(former - copies.keys()):
        _remove(folder, path)
    if former != copies.keys():
        replace_file(folder / LIST, "".join(f"{path}\n" for path in sorted(copies)))
        replace_file((folder / LIST).with_name(".gitignore"), "*\n")


def _write_copy(path: Path, origin: Path | str, is_ours: bool) -> None:
    new = origin.encode() if isinstance(origin, str) else origin.read_bytes()
    old = _read(path)
    if old == new:
        return
    if old is not None and not is_ours and MARK not in old[:1000]:
        raise InvalidSite(
            f"{path}: a copy of {origin} belongs here, and this file is not one; "
            "move it, or choose another folder in conf.py"
        )
    replace_file(path, new.decode())


def _remove(folder: Path, path: str) -> None:
    (folder / path).unlink(missing_ok=True)
    for parent in (folder / path).parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
