"""Incremental generation: which files of an earlier run can be reused.

The notes of a run record digests of its input. They are not committed, so a fresh clone generates everything.
A category is skipped if its resolved input is unchanged, the whole run if no catalog file has changed; both
need the files on disk to match the notes. In case of doubt everything is generated.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from auditwright_generator.files import MAX_BYTES, MAX_YAML_BYTES, link_out, read_regular
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

# The dependencies that affect findings or generated files.
_PACKAGES = (
    "jinja2",
    "jsonschema",
    "jsonschema-rs",
    "markupsafe",
    "pyyaml",
)


@dataclass(frozen=True, slots=True)
class CategoryInput:
    """The whole input of one category's files: they cannot depend on anything else."""

    catalog: Catalog
    """Package, title and folder. Version, description and levels are left out: they change more often."""
    level: Level
    """The level, without its categories."""
    category: Category

    @property
    def input_digest(self) -> str:
        """The digest of this input and of the generator itself."""
        # repr() of a dataclass covers every attribute, and all values are texts, numbers and tuples.
        return digest(f"{generator_identity()}\n{self!r}".encode())


def category_inputs(catalog: Catalog) -> list[CategoryInput]:
    """The input of each category, in catalog order."""
    bare = replace(catalog, description="", version="", levels=(), distribution="")
    return [
        CategoryInput(bare, replace(level, categories=()), category)
        for level in catalog.levels
        for category in level.categories
    ]


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier run of which all files are current."""

    events: int
    files: int


def current_run(inputs: str | None, folder: Path) -> EarlierRun | None:
    """The run that wrote the folder, if another run from these inputs would write the same files."""
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
    """The category's part of the notes, if its input is unchanged and its files are as written."""
    part = earlier.get(item.category.key)
    if part is None or part != sealed(part.name, item.input_digest, part.digests):
        return None
    try:
        return part if are_current(folder, part.digests) else None
    except OSError:
        return None


def are_current(folder: Path, digests: Mapping[str, str]) -> bool:
    """Whether all files have these digests. Raises `OSError`."""
    top = os.fspath(folder)
    if link_out(folder, {path.rpartition("/")[0] for path in digests}) is not None:
        return False
    for path, wanted in digests.items():
        found = os.lstat(f"{top}/{path}")
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            return False
        with open(f"{top}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - faster, and there may be 100,000
            if hashlib.sha256(file.read()).hexdigest() != wanted:
                return False
    return True


def catalog_inputs(folder: Path) -> str | None:
    """The digest of the catalog's files and of the generator itself; None if a file cannot be read."""
    try:
        return _catalog_inputs(folder)
    except OSError:
        return None


def _catalog_inputs(folder: Path) -> str | None:
    made = hashlib.sha256(b"%s\n%s\n" % (generator_identity().encode(), os.fsencode(folder.resolve().name)))
    for path in _yaml_files(folder):
        content = read_regular(path, MAX_YAML_BYTES)
        name = os.fsencode(path.relative_to(folder))
        made.update(b"%d %d %s" % (len(name), len(content), name))
        made.update(content)
    return made.hexdigest()


def _yaml_files(folder: Path) -> list[Path]:
    """Every file that `read_source` reads or reports."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if any(Path(parent, name).is_symlink() for name in folders):
            raise OSError("a link to a folder, which read_source refuses")
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and name.lower().endswith((".yaml", ".yml"))
        ]
    if link_out(folder, (path.relative_to(folder).as_posix() for path in found)) is not None:
        raise OSError("a link out of the folder, which read_source refuses")
    return sorted(found)


@functools.cache
def generator_identity() -> str:
    """The digest of this package's files and of the versions of its dependencies."""
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
