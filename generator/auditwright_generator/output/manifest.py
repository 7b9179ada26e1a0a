"""The manifest of generated files, and the notes that a run leaves for the next one.

The manifest has the SHA-256 of every file in the format of `sha256sum -c`, and is committed. The notes are
local to a checkout. They have a seal for each part: a digest of the part's input and of its lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditwright_generator.files import read_regular

MANIFEST = "manifest.sha256"
NOTES = ".auditwright/made-from"
"""Relative to the output folder. A .gitignore next to it keeps it out of commits."""

_PART = re.compile(r"# (\S+) made from ([0-9a-f]{64})")
_ALL = re.compile(r"# all of it made from ([0-9a-f]{64}), events: ([0-9]{1,9})\n\Z")


@dataclass(frozen=True, slots=True)
class OutputPart:
    """Files that are generated together: those of one category, or all files that belong to none."""

    name: str = ""
    """The key of the category, or ""."""
    seal: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    """The digest of each file, by path."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of the last run."""

    text: str = ""
    parts: tuple[OutputPart, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """The digests of all files."""
        return {path: digest for part in self.parts for path, digest in part.digests.items()}

    @property
    def whole(self) -> tuple[int, str, str] | None:
        """Of the last run: the number of events, the seal of the whole, and the sealed text."""
        found = _ALL.search(self.text)
        return (int(found[2]), found[1], self.text[: found.start()]) if found else None


def seal(inputs: str, text: str) -> str:
    """The seal of lines that were generated from these inputs."""
    return digest(f"{inputs}\n{text}".encode())


def sealed(name: str, inputs: str, digests: Mapping[str, str]) -> OutputPart:
    """The part of a category, with its seal."""
    return OutputPart(name, seal(f"{name} {inputs}", lines(digests)), dict(digests))


def lines(digests: Mapping[str, str]) -> str:
    """The lines of a manifest."""
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))


def notes_text(parts: Iterable[OutputPart], events: int, inputs: str | None) -> str:
    """The text of notes. Without `inputs` they do not allow the next run to be skipped."""
    text = "".join(
        (f"# {part.name} made from {part.seal}\n" if part.seal else "") + lines(part.digests)
        for part in sorted(parts, key=lambda part: part.name)
    )
    if inputs is None:
        return text
    return f"{text}# all of it made from {seal(f'{events} {inputs}', text)}, events: {events}\n"


def read_manifest(folder: Path) -> dict[str, str]:
    """The digests in a folder's manifest; empty if there is none. Raises `OSError`.

    Paths that lead out of the folder are ignored.
    """
    named = (line.partition("  ") for line in _read(folder / MANIFEST).splitlines())
    return {path: digest for digest, gap, path in named if gap and _stays_inside(path)}


def read_notes(folder: Path) -> Notes:
    """The notes of a folder; empty if there are none. Raises `OSError`."""
    text = _read(folder / NOTES)
    parts = [OutputPart()]
    for line in text.splitlines():
        begins = _PART.fullmatch(line)
        digest, gap, path = line.partition("  ")
        if begins:
            parts.append(OutputPart(begins[1], begins[2]))
        elif gap and not line.startswith("#") and _stays_inside(path):
            parts[-1].digests[path] = digest
    return Notes(text, tuple(parts))


def _read(path: Path) -> str:
    try:
        return read_regular(path).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _stays_inside(path: str) -> bool:
    """Whether the path may be one of ours; no generated file has a hidden part, such as `.git`."""
    is_hidden = any(part.startswith(".") for part in path.split("/"))
    return not (is_hidden or path.startswith("/") or "\\" in path)


def digest(data: bytes) -> str:
    """The SHA-256 of the data in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
