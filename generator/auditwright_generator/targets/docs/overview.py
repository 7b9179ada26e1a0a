"""`index.md` and `<level>/index.md`: the levels, with their categories and events by name.

Without levels the index has all categories, and continues on further pages when it is long.

A page with too many events for one page has fewer details, so that the whole stays on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from auditwright_generator.model import Catalog, Category, Level
from auditwright_generator.targets.docs import annotation_text
from auditwright_generator.targets.docs.parts import MAX_HTML, ROW, html_size, pages_of_table
from auditwright_generator.targets.docs.places import Places
from auditwright_generator.targets.docs.words import sentences_of
from auditwright_generator.targets.templating import header, markdown_cell, render

Pages = dict[str, str]


def pages(catalog: Catalog) -> Pages:
    """The pages by their paths in the docs folder."""
    if not catalog.has_levels:
        return _table_of_categories("index", catalog.levels[0], partial(_index_page, catalog))
    made = {"index.md": _index(catalog)}
    for level in catalog.levels:
        made |= _pages_of_level(catalog, level)
    return made


def _index(catalog: Catalog) -> str:
    """The index with every event by name; in a large catalog with categories only, or with levels only."""
    for names_events, names_categories in ((True, True), (False, True), (False, False)):
        rows = {
            level.name: [_row(category, names_events, f"{level.name}/") for category in level.categories]
            for level in catalog.levels
            if names_categories
        }
        text = render(
            "index.md.j2",
            head=header(f"{catalog.folder}/"),
            catalog=catalog,
            annotations=annotation_text.line(catalog, catalog.annotations),
            rows=rows,
            counts={level.name: _count(level.categories) for level in catalog.levels},
            count=_count(list(catalog.categories)),
            number=1,
        )
        if html_size(text, ROW) <= MAX_HTML:
            break
    return text


def _index_page(catalog: Catalog, rows: Sequence[str], number: int, links: str) -> str:
    """A page of the index of a catalog without levels."""
    return render(
        "index.md.j2",
        head=header(f"{catalog.folder}/"),
        catalog=catalog,
        annotations=annotation_text.line(catalog, catalog.annotations),
        rows=rows,
        count=_count(list(catalog.categories)),
        number=number,
        links=links,
    )


def _pages_of_level(catalog: Catalog, level: Level) -> Pages:
    return _table_of_categories(f"{level.name}/index", level, partial(_level_page, catalog, level))


def _table_of_categories(path: str, level: Level, page: Callable[[Sequence[str], int, str], str]) -> Pages:
    whole = "".join(_row(category, names_events=True) for category in level.categories)
    named = html_size(whole, ROW) <= MAX_HTML

    def row(category: Category, up: str) -> str:
        return _row(category, named, up)

    return pages_of_table(path, level.categories, row, page)


def _level_page(catalog: Catalog, level: Level, rows: Sequence[str], number: int, links: str) -> str:
    return render(
        "level.md.j2",
        head=header(f"{catalog.folder}/"),
        catalog=catalog,
        level=level,
        shared=sentences_of(level.metadata, {}, "every event of the level"),
        count=_count(level.categories),
        rows=rows,
        number=number,
        links=links,
    )


def _row(category: Category, names_events: bool, folder: str = "") -> str:
    """The row of a category: its title, what it covers, and its events by name or by their number."""
    title = f"[{markdown_cell(category.title)}]({folder}{category.identifier}.md)"
    events = _events(category, folder) if names_events else f"{len(category.events):,}"
    return f"| {title} | {markdown_cell(category.description)} | {events} |\n"


def _events(category: Category, folder: str) -> str:
    places = Places()
    return ", ".join(
        f"[{markdown_cell(event.title)}]"
        f"({folder}{category.identifier}{places.further(category, event)}.md#{event.name})"
        + (" *deprecated*" if event.deprecated else "")
        for event in category.events
    )


def _count(categories: Sequence[Category]) -> str:
    """How many events there are: `78 events in 18 categories`."""
    events = sum(len(category.events) for category in categories)
    many = "categories" if len(categories) != 1 else "category"
    return f"{events:,} event{'s' if events != 1 else ''} in {len(categories):,} {many}"
