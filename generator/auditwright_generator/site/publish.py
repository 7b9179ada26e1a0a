"""Makes the published folder of a site from a build: all of it, or nothing.

The folder is replaced as a whole, so that neither an interruption nor a full disk leaves a part of a site.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterator
from pathlib import Path

from auditwright_generator.site.errors import SiteError
from auditwright_generator.source.yaml_nodes import shown_path

MARK = ".buildinfo"
"""A file that Sphinx writes into every site."""


def refuse_folder(out: Path, source: Path) -> None:
    """Raise `SiteError` unless the folder is new, empty or a site, and holds no source of the site."""
    shown = shown_path(out)
    if source.resolve().is_relative_to(out.resolve()) or out.resolve().is_relative_to(source.resolve()):
        raise SiteError(
            f"{shown}: overlaps the folder of the pages, {shown_path(source)}; name another with --out"
        )
    if (out.exists() or out.is_symlink()) and not out.is_dir():
        raise SiteError(f"{shown}: is not a folder; name another with --out")
    if out.is_dir() and any(out.iterdir()) and (not (out / MARK).is_file() or (out / ".git").exists()):
        raise SiteError(
            f"{shown}: has files that are not of a site and would be lost; name another folder with --out"
        )


def publish(html: Path, out: Path) -> None:
    """Replace the folder by a copy of the build, unless it is one already. Raises `OSError`."""
    if _is_copy(html, out):
        return
    out = out.resolve()
    new, old = (out.with_name(f".{out.name}.{word}") for word in ("new", "old"))
    for each in (new, old):
        shutil.rmtree(each, ignore_errors=True)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(html, new)
        if out.exists():
            out.rename(old)
        new.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
        for each in (new, old):
            shutil.rmtree(each, ignore_errors=True)


def _is_copy(folder: Path, other: Path) -> bool:
    """Whether both have the same files with the same content."""
    names = sorted(_files(folder))
    return names == sorted(_files(other)) and not any(
        filecmp.cmpfiles(folder, other, names, shallow=False)[1:]
    )


def _files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
