"""Exports to stdout: exact in a pipe or a file, and safe to look at on a terminal."""

from __future__ import annotations

import codecs
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

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, data: bytes) -> int:
        """Print a chunk."""
        sys.stdout.write(self._shown(self._decoder.decode(data)))
        return len(data)

    def _shown(self, text: str) -> str:
        return printable_json(text)


class _ShownCsv(_ShownJsonLines):
    """Takes CSV (RFC 4180) and prints a line for each row: a line end in quotes is an escape."""

    def __init__(self) -> None:
        super().__init__()
        self._is_quoted = False

    def _shown(self, text: str) -> str:
        shown = []
        for piece in text.split('"'):
            lines = [piece] if self._is_quoted else piece.split("\r\n")
            shown.append("\n".join(map(printable, lines)))
            self._is_quoted = not self._is_quoted
        self._is_quoted = not self._is_quoted  # there is one quote less than there are pieces
        return '"'.join(shown)
