"""Text for a terminal: tables, counts and JSON. Stored control characters are shown as escapes."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from auditwright.text import printable


def counted(count: int, noun: str) -> str:
    """The count with its noun: `1 entry`, `1,234 entries`."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a regular noun."""
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


def time_text(moment: datetime) -> str:
    """A time to the millisecond."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def width(text: str) -> int:
    """The columns of a terminal that the text takes (Unicode Standard Annex 11)."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def fit(text: str, columns: int) -> str:
    """The text truncated or padded to a number of columns."""
    if width(text) > columns:
        while text and width(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as aligned lines; on a terminal the widest columns are truncated so that a line fits."""
    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(header))]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - 2 * (len(header) - 1)
        while sum(widths) > room and max(widths) > 12:
            widths[widths.index(max(widths))] -= 1
    return [
        "  ".join(fit(cell, each) for cell, each in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
