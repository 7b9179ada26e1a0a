"""What is the same for every engine in a line of CSV: quotes, the guard against formulas, the titles."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

# A spreadsheet runs a cell that begins with one of these; a ' before it marks it as text, and a cell that
# begins with ' gets a second one, so that the mark can be taken off again (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "＝", "＋", "－", "＠", "'")
"""What a cell of a CSV begins with that gets a ' before it."""
FORMULA_SQL = ", ".join("'" + start.replace("'", "''") + "'" for start in FORMULA)
"""What a guarded cell begins with, as a list in SQL."""


def csv_line(cells: Sequence[str]) -> str:
    """The cells by RFC 4180, without the end of the line."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def guarded(text: str) -> str:
    """The text with a ' before it where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def event_titles(catalog: Catalog) -> Iterator[tuple[str, str, str, str, str]]:
    """Every key that an entry of the catalog may be stored under; the keys of level and category, and the
    guarded titles of event and category.
    """
    for event in catalog.every_event.values():
        for key in (event.key, *event.aliases):
            yield key, event.level, event.category, guarded(event.title), guarded(event.category_title)


def category_titles(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Every category's key with its guarded title."""
    for category in catalog.every_category:
        yield category.key, guarded(category.title)
