"""A unified diff between the files of a folder and the generated ones, for people.

It is truncated, and leaves out the manifest.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from auditwright_generator.files import read_regular
from auditwright_generator.findings import counted
from auditwright_generator.output.manifest import MANIFEST
from auditwright_generator.output.write import Difference

LINES_PER_FILE = 60
FILES = 50


def unified_diff(folder: Path, files: Mapping[str, str | None], difference: Difference) -> Iterator[str]:
    """The lines of the diff: `a/` is the file in the folder, `b/` the file as generated."""
    paths = [*difference.missing, *difference.stale, *difference.edited]
    paths = sorted(path for path in paths if path != MANIFEST)
    for path in paths[:FILES]:
        lines = list(_diff(folder, path, files[path] or ""))
        yield from lines[:LINES_PER_FILE]
        if len(lines) > LINES_PER_FILE:
            yield f"… {counted(len(lines) - LINES_PER_FILE, 'more line')} of {path}"
    if len(paths) > FILES:
        yield f"… {counted(len(paths) - FILES, 'more file')}"


def _diff(folder: Path, path: str, text: str) -> Iterator[str]:
    found = folder / path
    before = read_regular(found).decode("utf-8", "replace") if found.is_file() else None
    name = f"a/{path}" if before is not None else "/dev/null"
    lines = difflib.unified_diff(_lines(before or ""), _lines(text), name, f"b/{path}", lineterm="")
    for line in lines:
        yield from line.split("\n")  # the note about a missing newline is a separate line
    if before is None and not text:
        yield f"--- {name}"
        yield f"+++ b/{path}"


_NO_NEWLINE = "\n\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    """The lines of a text, with a note if the last line has no newline."""
    lines = text.split("\n")
    if lines[-1]:
        lines[-1] += _NO_NEWLINE
    else:
        del lines[-1]
    return lines
