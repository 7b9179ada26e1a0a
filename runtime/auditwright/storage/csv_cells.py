"""The parts of a CSV line that both engines share: quoting, the guard against formulas, titles.

The SQL of a whole line is in each engine's `export_sql.py`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditwright.catalog import Catalog

# A spreadsheet runs a cell that begins with one of these as a formula; a ' prefix marks it as text. A cell
# that begins with ' gets a second one, so that the prefix can be removed again (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "＝", "＋", "－", "＠", "'")
"""First characters of cells that get a ' prefix."""
FORMULA_SQL = ", ".join("'" + start.replace("'", "''") + "'" for start in FORMULA)
"""The same as a list in SQL."""


def csv_line(cells: Sequence[str]) -> str:
    """The cells as a line (RFC 4180), without the line end."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def guarded(text: str) -> str:
    """The text, with a ' prefix if a spreadsheet would run it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def event_titles(catalog: Catalog) -> Iterator[tuple[str, str, str, str, str]]:
    """For each key and alias: the keys of level and category, the guarded titles of event and category."""
    for event in catalog.every_event.values():
        for key in (event.key, *event.aliases):
            yield key, event.level, event.category, guarded(event.title), guarded(event.category_title)


def category_titles(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Each category's key with its guarded title."""
    for category in catalog.every_category:
        yield category.key, guarded(category.title)
