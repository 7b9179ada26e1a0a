"""The parts of a CSV line that both engines share: quoting, the guard against formulas, titles.

The SQL of a whole line is in each engine's `export_sql.py`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

# A spreadsheet runs a cell that begins with one of these as a formula; a ' marks it as text. A text that
# begins with ' gets a second one, so that the mark can be removed again (OWASP, "CSV Injection"). Spaces and
# quotes before them are no protection, because readers may drop both.
FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "＝", "＋", "－", "＠", "'")
"""First characters, after spaces and quotes, of cells that get a ' before them."""
FORMULA_SQL = ", ".join("'" + start.replace("'", "''") + "'" for start in FORMULA)
"""The same as a list in SQL."""
SKIPPED = ' "'
"""What may stand before the first character."""

_START = rb"(?:[=+\-@\t']|\xef\xbc[\x9d\x8b\x8d\xa0])"
# A comma is not among these: a cell with a comma is quoted, and who splits at commas heeds the quotes.
_INSIDE = {
    separator: re.compile(re.escape(separator) + rb"(?=[ \"]*" + _START + rb")")
    for separator in (b";", b"|", b"\t", b"\r", b"\n")
}
"""Where a reader that splits at another separator than the comma would see the beginning of a formula."""


def csv_line(cells: Sequence[str]) -> str:
    """The cells as a line (RFC 4180), without the line end."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def guarded(text: str) -> str:
    """The text, with a ' prefix if a spreadsheet would run it. `guarded_inside` is applied to whole lines."""
    return f"'{text}" if text.lstrip(SKIPPED).startswith(FORMULA) else text


def guarded_inside(lines: bytes, number: int) -> bytes:
    """A number of whole CSV lines, with a ' inside of cells where another separator may begin a formula.

    Readers may split at a semicolon, a tab or a pipe instead of commas. Then quotes do not hold the cells
    together, and a line end in a cell begins a line. Looking for all of these first takes 2 % of an export.
    """
    has_line_ends = len(lines.splitlines()) != number
    for separator, pattern in _INSIDE.items():
        if has_line_ends if separator in b"\r\n" else separator in lines:
            lines = pattern.sub(rb"\g<0>'", lines)
    return lines


_QUOTED = re.compile(rb'("[^"]*(?:""[^"]*)*")')
_MILLISECONDS = re.compile(rb"(\r\n[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})\.[0-9]{3}(?=,)")
_WITH_SEMICOLON = re.compile(rb"(?<![^,\r\n])[^,;\r\n]*;[^,\r\n]*")
# Between semicolons quotes do not protect a comma any more. The ' stands behind the quotes, where it leaves
# JSON valid, and numbers of JSON get none.
_NUMBER = rb"-[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:,|[\]}]+\"\Z)"
_AFTER_COMMA = re.compile(rb",[ \"]*(?!" + _NUMBER + rb")(?=" + _START + rb")")


def for_excel(lines: bytes, separator: bytes) -> bytes:
    """Whole CSV lines, guarded, as Excel opens them: with whole seconds, and split at `,` or `;`.

    Excel shows minutes and tenths of seconds only of a time with milliseconds.
    """
    parts = _QUOTED.split(b"\r\n" + lines)  # every second one is a quoted cell
    for number, part in enumerate(parts):
        if number % 2:
            if separator == b";" and b"," in part:
                parts[number] = _AFTER_COMMA.sub(rb"\g<0>'", part)
            continue
        if b"\n" in part:
            part = _MILLISECONDS.sub(rb"\1", part)
        if separator == b";":
            if b";" in part:
                part = _WITH_SEMICOLON.sub(rb'"\g<0>"', part)
            part = part.replace(b",", b";")
        parts[number] = part
    return b"".join(parts)[2:]


def event_titles(catalog: Catalog) -> Iterator[tuple[str, str, str, str, str]]:
    """For each key and alias: the keys of level and category, the guarded titles of event and category."""
    for event in catalog.every_event.values():
        for key in (event.key, *event.aliases):
            yield key, event.level, event.category, guarded(event.title), guarded(event.category_title)


def category_titles(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Each category's key with its guarded title."""
    for category in catalog.every_category:
        yield category.key, guarded(category.title)
