"""A new catalog to start from: the files in `starter/`, with the package and title that were asked for.

They are a whole catalog by themselves. Nothing that exists is ever overwritten.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from auditwright_generator.scaffold.wording import yaml_scalar

_PACKAGE, _TITLE = "package: audit_events ", "title: Audit events\n"


class FolderInUse(ValueError):
    """A new catalog needs a folder of its own; nothing was written."""


def starter_files(package: str, title: str) -> dict[str, str]:
    """The files of a new catalog by their path in its folder."""
    texts = dict(_texts(files("auditwright_generator.scaffold") / "starter"))
    catalog = texts["catalog.yaml"].replace(_PACKAGE, f"package: {package} ")
    texts["catalog.yaml"] = catalog.replace(_TITLE, f"title: {yaml_scalar(title)}\n", 1)
    return texts


def _texts(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    """What stands in the folder: files before folders, the catalog's own first."""
    for each in sorted(folder.iterdir(), key=lambda each: (each.is_dir(), each.name)):
        if each.is_dir():
            yield from _texts(each, f"{above}{each.name}/")
        elif each.name.endswith(".yaml"):
            yield f"{above}{each.name}", each.read_text("utf-8")


def start_catalog(folder: Path, texts: dict[str, str]) -> None:
    """Write the files into a folder that is new or empty; all of them, or none.

    Raises `FolderInUse`, and `OSError`.
    """
    _refuse_used(folder)
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(dir=folder, prefix=".init."))
        try:
            for path, text in texts.items():
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
                (stage / path).write_bytes(text.encode())
            _move_all(stage, folder)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except BaseException:
        for made in missing:
            if made.is_dir() and not any(made.iterdir()):
                made.rmdir()
        raise


def _refuse_used(folder: Path) -> None:
    if folder.is_dir():
        found = sorted(each.name for each in folder.iterdir())
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            raise FolderInUse(f"{folder} holds {', '.join(found[:5])}{more} already")
    elif os.path.lexists(folder):
        raise FolderInUse(f"{folder} is there already, and is no folder")


def _move_all(stage: Path, folder: Path) -> None:
    """By renaming, which neither copies nor fails halfway into a file; what was moved goes if one fails."""
    moved: list[Path] = []
    try:
        for each in sorted(stage.iterdir()):
            moved.append(each.rename(folder / each.name))
    except BaseException:
        for each in moved:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        raise
