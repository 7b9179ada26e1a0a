"""The inventory: what is logged, with the annotations of each event, as pages and as a CSV file.

It is made of catalogs that declare annotation keys. The page has a table of all events, and a table for each
key with several events to a value, which continue on further pages when they are long.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from auditwright_generator.model import AnnotationKey, Catalog, Event
from auditwright_generator.targets.docs import annotation_text
from auditwright_generator.targets.docs.carriers import EventPath, Links, events_of
from auditwright_generator.targets.docs.parts import MAX_HTML, ROW, fill, html_size, links
from auditwright_generator.targets.docs.words import SENSITIVITY
from auditwright_generator.targets.templating import header, markdown_cell, render

MAX_FIELDS = 20
"""The most fields of an event that the page names; the CSV file has them all."""
CELL = 6
"""The bytes of HTML that a cell of a wide table adds."""
MAX_IN_ROW = 100
"""The most events in one row of a value; more continue in the next row."""


def files(catalog: Catalog) -> dict[str, str]:
    """The pages and the CSV file by their paths in the docs folder; none without annotation keys."""
    if not catalog.annotation_keys:
        return {}
    return {**_pages(catalog), "inventory.csv": _csv(catalog)}


def _event_keys(catalog: Catalog) -> list[AnnotationKey]:
    return [key for key in catalog.annotation_keys if "event" in key.for_]


# --- pages ----------------------------------------------------------------------------------------------

_Row = Callable[[Links], tuple[str, ...]]
"""Makes the cells of a row, for a page with such links."""


@dataclass(frozen=True, slots=True)
class _Table:
    """One table, which may continue on further pages."""

    anchor: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of a table on one page."""

    table: _Table
    is_continued: bool
    rows: list[str]


def _pages(catalog: Catalog) -> dict[str, str]:
    tables = [
        _of_events(catalog),
        *(_of_values(catalog, key) for key in _event_keys(catalog) if _groups(key)),
    ]
    rows = [(table, row) for table in tables for row in table.rows]
    made = {up: Links(catalog, up) for up in ("", "../")}
    sizes = (html_size(_line(row, made["../"]), ROW + CELL * len(table.columns)) for table, row in rows)
    heads = html_size(_page(catalog, tables, [_Part(each, True, []) for each in tables], {}, 1, 1), ROW)
    numbers = fill(sizes, MAX_HTML - heads, MAX_HTML - heads)
    last = numbers[-1] if numbers else 1
    first = {id(table): number for (table, _), number in reversed(list(zip(rows, numbers, strict=True)))}
    texts: dict[str, str] = {}
    for number in range(1, last + 1):
        up = "" if number == 1 else "../"
        on_page = (row for row, on in zip(rows, numbers, strict=True) if on == number)
        parts = [
            _Part(table, first[id(table)] < number, [_line(row, made[up]) for _, row in group])
            for table, group in ((next_[0][0], next_) for next_ in _by_table(on_page))
        ]
        path = "inventory.md" if number == 1 else f"inventory/{number}.md"
        texts[path] = _page(catalog, tables, parts, first, number, last)
    return texts


def _by_table(rows: Iterator[tuple[_Table, _Row]]) -> Iterator[list[tuple[_Table, _Row]]]:
    return (list(group) for _, group in groupby(rows, key=lambda row: id(row[0])))


def _page(
    catalog: Catalog,
    tables: Sequence[_Table],
    parts: Sequence[_Part],
    first: dict[int, int],
    number: int,
    last: int,
) -> str:
    """A page; `first` has the number of the page where each table begins."""
    sections = [
        f"[{table.title}]({f'inventory/{on}.md' if on > 1 else ''}#{table.anchor})"
        for table in tables[1:]
        for on in [first.get(id(table), 1)]
    ]
    return render(
        "inventory.md.j2",
        head=header(f"{catalog.folder}/"),
        catalog=catalog,
        sections=sections,
        parts=parts,
        number=number,
        links=links("inventory", number, last),
    )


def _line(row: _Row, links: Links) -> str:
    return f"| {' | '.join(row(links))} |\n"


def _of_events(catalog: Catalog) -> _Table:
    keys = _event_keys(catalog)
    level = ("Level",) if catalog.has_levels else ()
    titles = (markdown_cell(key.title) for key in keys)
    columns = ("Event", "Key", "Description", "Category", *level, "Records", "Can fail", "Lifecycle", *titles)
    rows = tuple(partial(_event_row, catalog, keys, path) for path in events_of(catalog))
    return _Table("events", "All events", columns, rows)


def _event_row(
    catalog: Catalog, keys: Sequence[AnnotationKey], path: EventPath, links: Links
) -> tuple[str, ...]:
    level, category, event = path
    values = catalog.annotations_of(category, event)
    return (
        links.event(category, event),
        f"`{event.key}`",
        markdown_cell(event.description),
        links.category(category),
        *([links.level(level)] if catalog.has_levels else []),
        _records(event),
        _can_fail(event),
        markdown_cell(", ".join(_lifecycle(event))),
        *(annotation_text.markdown(key, values[key.name]) if key.name in values else "" for key in keys),
    )


def _records(event: Event) -> str:
    """The fields by title, with those that are personal data or secrets first."""
    fields = sorted(event.fields, key=lambda field: ("secret", "personal", "public").index(field.sensitivity))
    shown = [
        markdown_cell(field.title) + (f" (*{told}*)" if (told := SENSITIVITY[field.sensitivity]) else "")
        for field in fields[:MAX_FIELDS]
    ]
    more = len(fields) - len(shown)
    return ", ".join([*shown, *([f"and {more:,} more"] if more else [])])


def _can_fail(event: Event) -> str:
    return "yes" if event.can_fail else ""


def _lifecycle(event: Event) -> list[str]:
    since = [f"since {event.since}"] if event.since else []
    return [*since, *([f"deprecated since {event.deprecated.since}"] if event.deprecated else [])]


# --- the events of each value ---------------------------------------------------------------------------


def _groups(key: AnnotationKey) -> bool:
    """Whether several events may have the same value, so that each value leads to its events."""
    return key.many or key.kind == "enum"


def _of_values(catalog: Catalog, key: AnnotationKey) -> _Table:
    """The events of each value of a key, and those that have none."""
    found: dict[Any, list[EventPath]] = {value.key: [] for value in key.values}
    without: list[EventPath] = []
    for path in events_of(catalog):
        value = catalog.annotations_of(path[1], path[2]).get(key.name)
        for item in value if isinstance(value, list) else [] if value is None else [value]:
            found.setdefault(item, []).append(path)
        if value is None:
            without.append(path)
    values = list(found) if key.values else sorted(found, key=_natural)
    rows = [
        row for value in values for row in _value_rows(annotation_text.markdown(key, value), found[value])
    ]
    rows += _value_rows("*none*", without) if without else []
    title = markdown_cell(key.title)
    return _Table(f"by_{key.name}", f"By {title}", (title, "Number", "Events"), tuple(rows))


def _value_rows(value: str, paths: list[EventPath]) -> Iterator[_Row]:
    for start in range(0, max(len(paths), 1), MAX_IN_ROW):
        number = f"{len(paths):,}" if start == 0 else ""
        yield partial(_value_row, value, number, paths[start : start + MAX_IN_ROW])


def _value_row(value: str, number: str, paths: Sequence[EventPath], links: Links) -> tuple[str, ...]:
    shown = ", ".join(links.event(category, event) for _, category, event in paths)
    return value, number, shown or "No event."


def _natural(value: Any) -> list[Any]:
    """Sort key of a text in which 10.2 comes before 10.10."""
    parts = re.split("([0-9]{1,9})", str(value).casefold())
    return [(int(part) if number % 2 else part) for number, part in enumerate(parts)] + [str(value)]


# --- CSV ------------------------------------------------------------------------------------------------

_FORMULA = ("=", "+", "-", "@", "\t", "\n", "\r", "＝", "＋", "－", "＠", "'")
_INSIDE = re.compile("([;|])(?=[ \"]*[=+\\-@'＝＋－＠])")
"""Where a reader that splits at another separator than the comma would see a formula."""


def _csv(catalog: Catalog) -> str:
    """RFC 4180 with a byte order mark, which Excel needs; formulas are neutralized as in exports."""
    keys = _event_keys(catalog)
    level = ["Level"] if catalog.has_levels else []
    fixed = ["Key", "Event", "Description", "Category", *level]
    fixed += ["Fields", "Personal data", "Secrets", "Can fail", "Since", "Deprecated since"]
    titles = [" ".join(key.title.split()) for key in keys]
    # A heading twice would be one column to most readers.
    heads = [
        f"{title} ({key.name})" if title.casefold() in map(str.casefold, fixed) else title
        for key, title in zip(keys, titles, strict=True)
    ]
    text = io.StringIO()
    text.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.writer(text)
    writer.writerow(map(_guarded, (*fixed, *heads)))
    for path in events_of(catalog):
        writer.writerow(map(_guarded, _cells(catalog, keys, path)))
    return text.getvalue()


def _cells(catalog: Catalog, keys: Sequence[AnnotationKey], path: EventPath) -> Iterator[str]:
    level, category, event = path
    values = catalog.annotations_of(category, event)
    yield from (event.key, event.title, event.description, category.title)
    if catalog.has_levels:
        yield level.title
    yield "; ".join(field.title for field in event.fields)
    for sensitivity in ("personal", "secret"):
        yield "; ".join(field.title for field in event.fields if field.sensitivity == sensitivity)
    yield _can_fail(event)
    yield event.since or ""
    yield event.deprecated.since if event.deprecated else ""
    yield from (annotation_text.plain(key, values[key.name]) if key.name in values else "" for key in keys)


def _guarded(cell: str) -> str:
    """The cell on one line, with a ' where a spreadsheet would run a formula."""
    text = _INSIDE.sub(r"\1'", " ".join(cell.split()))
    return f"'{text}" if text.lstrip(' "').startswith(_FORMULA) else text
