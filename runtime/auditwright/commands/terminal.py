"""Exports to stdout: exact in a pipe or a file, and safe to look at on a terminal."""

from __future__ import annotations

import sys
from typing import BinaryIO, cast

from auditwright.text import printable, printable_json


def open_stdout(form: str) -> BinaryIO:
    """The stream for an export of a text format to stdout; on a terminal it shows unprintable characters."""
    if not sys.stdout.isatty():
        return sys.stdout.buffer
    return cast("BinaryIO", _ShownCsv() if form == "csv" else _ShownJsonLines())


class _ShownJsonLines:
    """Takes JSON Lines and prints them with escapes, which JSON readers understand too."""

    def write(self, data: bytes) -> int:
        """Print a chunk, which has whole rows."""
        sys.stdout.write(self._shown(data.decode(errors="backslashreplace")))
        return len(data)

    def _shown(self, text: str) -> str:
        return printable_json(text)


class _ShownCsv(_ShownJsonLines):
    """Takes CSV (RFC 4180) and prints a line for each row: a line end in quotes is an escape."""

    def _shown(self, text: str) -> str:
        shown = []
        for number, piece in enumerate(text.split('"')):
            lines = [piece] if number % 2 else piece.split("\r\n")  # every other piece is in quotes
            shown.append("\n".join(map(printable, lines)))
        return '"'.join(shown)
