"""Where links to an event lead: to its row or section, on a page of its category.

That is the first page of the category, whose table has an anchor for every event. Only the table of a
category with very many events continues on further pages, and takes its anchors with it.
"""

from __future__ import annotations

from auditwright_generator.model import Category, Event
from auditwright_generator.targets.docs.parts import MAX_HTML, ROW, fill, html_size
from auditwright_generator.targets.templating import markdown_cell

MAX_TABLE = MAX_HTML * 2 // 3
"""The most bytes of HTML of the table on a page, so that there is room for what is above it."""

FEW = 50
"""So many rows fit on a page, however long names and titles are."""


def row_numbers(category: Category) -> list[int]:
    """The page, from 1, that has the row of each event in the table of the category.

    It depends on names and titles alone, so that links can be made without the pages.
    """
    if len(category.events) <= FEW:
        return [1] * len(category.events)
    return fill((_row_size(category, event) for event in category.events), MAX_TABLE, MAX_TABLE)


def _row_size(category: Category, event: Event) -> int:
    """The bytes of a row that has the title alone, with a long number of the page of its section."""
    link = (
        f'<a id="{event.name}"></a>[{markdown_cell(event.title)}]({category.identifier}/9999.md#{event.name})'
    )
    return html_size(f"| {link} *deprecated* |\n", ROW)


class Places:
    """On which page of its category each event is."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {}

    def further(self, category: Category, event: Event) -> str:
        """What follows the path of the category's first page, before `.md`: mostly nothing, or `/2`."""
        numbers = self._numbers.get(category.key)
        if numbers is None:
            names = (each.name for each in category.events)
            numbers = dict(zip(names, row_numbers(category), strict=True))
            self._numbers[category.key] = numbers
        return "" if numbers[event.name] == 1 else f"/{numbers[event.name]}"
