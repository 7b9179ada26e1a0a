"""Whose files an output folder holds: those of this catalog, under any package name, or of another one."""

import json
from pathlib import Path
from typing import Any

from auditwright_generator.files import read_regular
from auditwright_generator.output.manifest import read_manifest

_MODULE = "/_catalog.py"
"""A file of every generated package, and of no other folder."""


def other_package(folder: Path, package: str, source: str, title: str) -> str | None:
    """The package of another catalog whose generated files are in the folder; None if there is none.

    A package of another name is this catalog's own, renamed, if it was generated from a folder of the same
    name (`source`) and has the same title. Raises `OSError`.
    """
    written = read_manifest(folder)
    packages = {path.removesuffix(_MODULE) for path in written if path.endswith(_MODULE)}
    for name in sorted(packages - {package}):
        if (folder / name).is_dir() and not _is_catalog(folder / name / "catalog.json", source, title):
            return name
    return None


def _is_catalog(path: Path, source: str, title: str) -> bool:
    """Whether a generated catalog.json was made from such a catalog; not if it cannot be read."""
    try:
        facts: Any = json.loads(read_regular(path))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return False
    if not isinstance(facts, dict):
        return False
    return f"from {source}/. " in str(facts.get("$comment")) and facts.get("title") == title
