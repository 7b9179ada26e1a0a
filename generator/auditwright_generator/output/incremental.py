"""What need not be made again: files of an earlier run that a run from nothing would make alike.

What an earlier run was made from stands in its notes, which stay in the checkout: a fresh clone makes all of
it. Two things are skipped by them: a category whose resolved input is the same, and the whole run where no
file of the catalog has changed. Both also need every file on disk to be as the notes say. In any doubt, all
is made.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from auditwright_generator.model import Catalog, Category, Level
from auditwright_generator.output.manifest import (
    MANIFEST,
    OutputPart,
    digest,
    lines,
    read_notes,
    seal,
    sealed,
)

# Those that have a say in what is found in a catalog, or in a byte of what is generated.
_PACKAGES = (
    "jinja2",
    "jsonschema",
    "jsonschema-rs",
    "markupsafe",
    "pyyaml",
)


@dataclass(frozen=True, slots=True)
class CategoryInput:
    """All that the files of one category are made of. What it does not show, they cannot depend on."""

    catalog: Catalog
    """Its package, title and folder; not version, description or levels, which others change too."""
    level: Level
    """The level, without its categories."""
    category: Category

    @property
    def input_digest(self) -> str:
        """The digest of the category, of all that is in view, and of the generator itself."""
        # Dataclasses show every attribute, and the values are text, numbers and tuples of them.
        return digest(f"{generator_identity()}\n{self!r}".encode())


def category_inputs(catalog: Catalog) -> list[CategoryInput]:
    """What each category is made of, in catalog order."""
    bare = replace(catalog, description="", version="", levels=())
    return [
        CategoryInput(bare, replace(level, categories=()), category)
        for level in catalog.levels
        for category in level.categories
    ]


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier run whose files are all current."""

    events: int
    files: int


def current_run(inputs: str | None, folder: Path) -> EarlierRun | None:
    """The run that filled the folder, if another one from these inputs could only make the same again."""
    try:
        notes = read_notes(folder)
        if notes.whole is None or inputs is None:
            return None
        events, found, text = notes.whole
        digests = notes.digests
        whole = {**digests, MANIFEST: digest(lines(digests).encode())}
        if found != seal(f"{events} {inputs}", text) or not are_current(folder, whole):
            return None
    except OSError:
        return None
    return EarlierRun(events, len(digests) + 1)


def reusable_part(item: CategoryInput, earlier: Mapping[str, OutputPart], folder: Path) -> OutputPart | None:
    """The category's part of the notes, if its input is the same and its files are as written."""
    part = earlier.get(item.category.key)
    if part is None or part != sealed(part.name, item.input_digest, part.digests):
        return None
    try:
        return part if are_current(folder, part.digests) else None
    except OSError:
        return None


def are_current(folder: Path, digests: Mapping[str, str]) -> bool:
    """Whether all files have these digests. Raises `OSError` where one cannot be read."""
    top = os.fspath(folder)
    for path, wanted in digests.items():
        with open(f"{top}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - a hundred thousand of them
            if hashlib.sha256(file.read()).hexdigest() != wanted:
                return False
    return True


def catalog_inputs(folder: Path) -> str | None:
    """The digest of a catalog's files, as they are on disk, and of the generator itself.

    None where a file cannot be read.
    """
    try:
        return _catalog_inputs(folder)
    except OSError:
        return None


def _catalog_inputs(folder: Path) -> str | None:
    made = hashlib.sha256(f"{generator_identity()}\n{folder.resolve().name}\n".encode())
    for path in _yaml_files(folder):
        if not path.is_file():  # reading a pipe would wait for a writer
            return None
        content = path.read_bytes()
        name = os.fsencode(path.relative_to(folder))
        made.update(b"%d %d %s" % (len(name), len(content), name))
        made.update(content)
    return made.hexdigest()


def _yaml_files(folder: Path) -> list[Path]:
    """Every file that loading reads or complains of."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(Path(parent, name).is_symlink() for name in folders):
            raise OSError("a link to a folder, which loading refuses")
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and name.lower().endswith((".yaml", ".yml"))
        ]
    return sorted(found)


@functools.cache
def generator_identity() -> str:
    """The digest of this package's own files, and of the versions of what it stands on."""
    top = Path(__file__).parents[1]
    made = hashlib.sha256("{}.{}".format(*sys.version_info).encode())
    for path in sorted(top.rglob("*")):
        if path.suffix != ".pyc" and not path.name.startswith(".") and path.is_file():
            made.update(f"\n{path.relative_to(top).as_posix()} {digest(path.read_bytes())}".encode())
    for name in _PACKAGES:
        made.update(f"\n{name} {_version(name)}".encode())
    return made.hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
