"""Text for a terminal: what was stored is shown, and never runs as a control sequence."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

from auditwright.text import printable


def width(text: str) -> int:
    """How many columns of a terminal the text takes (Unicode Standard Annex 11)."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def fit(text: str, columns: int) -> str:
    """The text cut or filled to a number of columns."""
    if width(text) > columns:
        while text and width(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as aligned lines; on a terminal the widest columns are cut so that a line fits."""
    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(header))]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - 2 * (len(header) - 1)
        while sum(widths) > room and max(widths) > 12:
            widths[widths.index(max(widths))] -= 1
    return [
        "  ".join(fit(cell, each) for cell, each in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
