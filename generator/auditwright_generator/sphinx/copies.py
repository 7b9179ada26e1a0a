"""Copies pages from elsewhere into the folder of the site, where Sphinx finds them like any other.

Writes only what differs, so that Sphinx reads only that again. A list of what was written tells copies from
files of others, which are never overwritten or removed.
"""

from collections.abc import Mapping
from pathlib import Path

from auditwright_generator.files import is_inside, read_regular, refuse_links_out
from auditwright_generator.output.write import MARK, read_file, update_file
from auditwright_generator.sphinx.site import InvalidSite

LIST = ".auditwright/copies"
"""The paths of all copies, one on each line, relative to the folder of the site."""


def write_copies(folder: Path, copies: Mapping[str, Path | str]) -> None:
    """Write the copies that differ, and remove former copies. Raises `InvalidSite`."""
    try:
        refuse_links_out(folder, (LIST, *copies))
        former = set((read_file(folder / LIST) or b"").decode().splitlines())
        new = {path: _text(origin) for path, origin in copies.items()}
        for path, text in new.items():
            _check_ours(folder, path, text, path in former)
        for path, text in new.items():
            update_file(folder / path, text)
        for path in sorted(former - copies.keys()):
            _remove(folder, path)
        if former != copies.keys():
            update_file(folder / LIST, "".join(f"{path}\n" for path in sorted(copies)))
            update_file((folder / LIST).with_name(".gitignore"), "*\n")
    except OSError as error:
        raise InvalidSite(f"{error.filename}: {error.strerror}; the pages cannot be copied") from None


def _text(origin: Path | str) -> str:
    if isinstance(origin, str):
        return origin
    try:
        return read_regular(origin).decode()
    except UnicodeDecodeError as error:
        raise InvalidSite(f"{origin}: it is not UTF-8 ({error.reason} at byte {error.start})") from None


def _check_ours(folder: Path, path: str, text: str, was_written: bool) -> None:
    """Only a copy may be replaced."""
    old = read_file(folder / path)
    if old not in (None, text.encode()) and not was_written and MARK not in (old or b"")[:1000]:
        raise InvalidSite(
            f"{folder / path}: a copy belongs here, and this file is not one; "
            "move it, or choose another place in conf.py"
        )


def _remove(folder: Path, path: str) -> None:
    if not is_inside(folder, path):
        return
    (folder / path).unlink(missing_ok=True)
    for parent in (folder / path).parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()
