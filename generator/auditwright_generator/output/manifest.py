"""What a run leaves in the folder besides what it generates: the manifest, and its notes for the next run.

The manifest names every file with its SHA-256, as `sha256sum -c` reads it, and is committed with the files.
The notes say in parts, each sealed, what the files were made from; they are for this checkout alone. A seal
is a digest over the input of a part and over the part's own lines, so that neither changes without the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = "manifest.sha256"
NOTES = ".auditwright/made-from"
"""Below the folder; a .gitignore beside it keeps it out of commits."""

_PART = re.compile(r"# (\S+) made from ([0-9a-f]{64})")
_ALL = re.compile(r"# all of it made from ([0-9a-f]{64}), events: ([0-9]{1,9})\n\Z")


@dataclass(frozen=True, slots=True)
class OutputPart:
    """Files that are made together: those of one category, or all that are of none."""

    name: str = ""
    """The key of the category."""
    seal: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    """Of each file, by its path."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of the last run, as a folder has them."""

    text: str = ""
    parts: tuple[OutputPart, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """The digests of all files."""
        return {path: digest for part in self.parts for path, digest in part.digests.items()}

    @property
    def whole(self) -> tuple[int, str, str] | None:
        """How many events the last run was of, the seal over all of it, and what it is the seal of."""
        found = _ALL.search(self.text)
        return (int(found[2]), found[1], self.text[: found.start()]) if found else None


def seal(inputs: str, text: str) -> str:
    """The seal over lines that were made from these inputs."""
    return digest(f"{inputs}\n{text}".encode())


def sealed(name: str, inputs: str, digests: Mapping[str, str]) -> OutputPart:
    """The part of a category, with its seal."""
    return OutputPart(name, seal(f"{name} {inputs}", lines(digests)), dict(digests))


def lines(digests: Mapping[str, str]) -> str:
    """The lines that name these files: the text of a manifest."""
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))


def notes_text(parts: Iterable[OutputPart], events: int, inputs: str | None) -> str:
    """The text of notes; without `inputs`, what all of it was made from is left open."""
    text = "".join(
        (f"# {part.name} made from {part.seal}\n" if part.seal else "") + lines(part.digests)
        for part in sorted(parts, key=lambda part: part.name)
    )
    if inputs is None:
        return text
    return f"{text}# all of it made from {seal(f'{events} {inputs}', text)}, events: {events}\n"


def read_manifest(folder: Path) -> dict[str, str]:
    """The digests of a folder's manifest; none where there is none. Raises `OSError`.

    A line that leads out of the folder is none of ours.
    """
    named = (line.partition("  ") for line in _read(folder / MANIFEST).splitlines())
    return {path: digest for digest, gap, path in named if gap and _stays_inside(path)}


def read_notes(folder: Path) -> Notes:
    """The notes of a folder, empty where there are none. Raises `OSError` where they cannot be read."""
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
        return path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _stays_inside(path: str) -> bool:
    return ".." not in path.split("/") and not path.startswith("/") and "\\" not in path


def digest(data: bytes) -> str:
    """The SHA-256 of some bytes, as sha256sum prints it."""
    return hashlib.sha256(data).hexdigest()
