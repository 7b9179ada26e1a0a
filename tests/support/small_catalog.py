"""Writes the small catalog of `auditwright explain` into a folder, with other files in place of its own."""

from collections.abc import Mapping
from pathlib import Path

from auditwright_generator.checks.explanations import BASE


def write_catalog(folder: Path, files: Mapping[str, str]) -> None:
    """Write the catalog; `files` replace or add some of its files."""
    for path, text in {**BASE, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
