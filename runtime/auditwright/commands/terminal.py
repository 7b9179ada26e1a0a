"""Exports to stdout: exact in a pipe or a file, and safe to look at on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import BinaryIO, cast

from auditwright.text import printable, printable_json


def open_stdout(form: str) -> BinaryIO:
    """The stream for an export of a text format to stdout; on a terminal it shows unprintable characters."""
    if not sys.stdout.isatty():
        return sys.stdout.buffer
    return cast("BinaryIO", _Terminal(_shown_csv if form == "csv" else printable_json))


class _Terminal:
    """Takes an export in chunks of whole rows, and prints them as `shown` returns them."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown

    def write(self, data: bytes) -> int:
        """Print a chunk."""
        sys.stdout.write(self._shown(data.decode(errors="backslashreplace")))
        return len(data)


def _shown_csv(text: str) -> str:
    """CSV (RFC 4180) with one line for each row: a line end in quotes becomes an escape."""
    shown = []
    for number, piece in enumerate(text.split('"')):
        lines = [piece] if number % 2 else piece.split("\r\n")  # every other piece is in quotes
        shown.append("\n".join(map(printable, lines)))
    return '"'.join(shown)
