"""Text for a terminal: tables, counts and JSON. Stored control characters are shown as escapes."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from auditwright.text import printable, printable_json

if TYPE_CHECKING:
    from auditwright.entry import Entry

LEAST = 12
"""The least width of a truncated column."""
READABLE = 16
"""The width of a column below which another one is left out instead, where that is possible."""


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


def actor_label(entry: Entry) -> str:
    """Who acted, and on whose behalf: `Ada Lovelace on behalf of Grace Hopper`."""
    for_whom = entry.on_behalf_of
    return f"{entry.actor.label} on behalf of {for_whom.label}" if for_whom else entry.actor.label


def print_json(value: Any) -> None:
    """Print a value as indented JSON, in which unprintable characters are escapes."""
    print(printable_json(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()))


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


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    whole: Collection[str] = (),
    optional: Sequence[str] = (),
) -> list[str]:
    """The rows as aligned lines, which fit a terminal.

    Where a terminal has no room, columns of `optional` are left out, the first ones first, until the others
    have some width; then the widest ones are truncated, but none of `whole`.
    """
    columns = [[printable(cell) for cell in column] for column in zip(header, *rows, strict=True)]
    widths = {title: max(map(width, column)) for title, column in zip(header, columns, strict=True)}
    if sys.stdout.isatty():
        _make_fit(widths, shutil.get_terminal_size().columns, whole, optional)
    shown = [column for title, column in zip(header, columns, strict=True) if title in widths]
    return [
        "  ".join(fit(cell, each) for cell, each in zip(row, widths.values(), strict=True)).rstrip()
        for row in zip(*shown, strict=True)
    ]


def _make_fit(widths: dict[str, int], room: int, whole: Collection[str], optional: Sequence[str]) -> None:
    """Change the widths by title, so that a line of them has room."""

    def excess(least: int) -> int:
        """The columns of the terminal that are missing if a truncated column has the least width."""
        needed = (each if title in whole else min(each, least) for title, each in widths.items())
        return sum(needed) + 2 * (len(widths) - 1) - room

    for title in optional:
        if excess(READABLE) > 0:
            del widths[title]
    others = [title for title in widths if title not in whole]
    while others and excess(max(widths.values())) > 0:
        widest = max(reversed(others), key=widths.__getitem__)
        if widths[widest] <= LEAST:
            return  # the terminal breaks the lines
        widths[widest] -= 1
