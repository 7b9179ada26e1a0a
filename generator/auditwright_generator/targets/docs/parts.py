"""Splitting of long pages, so that no page of the site is slow to load.

A page that is too large continues on pages in a folder of its name: `events.md`, `events/2.md` and so on.
Each is filled in order up to a limit, so the first page stays where it is, and a new event moves few others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")

MAX_HTML = 240_000
"""The most bytes of HTML that the Markdown of a page makes, by estimation. The theme adds some 40 kB."""

ROW, LINE = 40, 100
"""The bytes of HTML that a line adds to its text: a row of a table, or a line with highlighted code."""

MAX_LINKED, AROUND = 20, 3
"""The most pages that have a link each, and how many on either side have one where there are more."""


def html_size(text: str, per_line: int) -> int:
    """The bytes of HTML that a text makes, by estimation."""
    return len(text.encode()) * 13 // 10 + text.count("\n") * per_line


def fill(sizes: Iterable[int], room: int, whole: int = MAX_HTML) -> list[int]:
    """The number of the page, from 1, for each part of a size.

    The first page has `room` bytes left, every other one `whole`.
    """
    numbers: list[int] = []
    number = 1
    for size in sizes:
        if size > room and (number == 1 or numbers[-1] == number):
            number, room = number + 1, whole
        numbers.append(number)
        room -= size
    return numbers


def links(name: str, number: int, last: int) -> str:
    """A line of links to the pages of `name`: `Page 1, [2](models/2.md)`; empty if there is only one.

    Of many pages it has the first, the last and those around this one, so that it stays short.
    """
    if last == 1:
        return ""

    def path(other: int) -> str:
        if other == 1:
            return f"../{name}.md"
        return f"{name}/{other}.md" if number == 1 else f"{other}.md"

    shown, before = [], 0
    for each in range(1, last + 1):
        if last <= MAX_LINKED or each in (1, last) or abs(each - number) <= AROUND:
            link = str(each) if each == number else f"[{each}]({path(each)})"
            shown.append(link if each == before + 1 else f"…, {link}")
            before = each
    return f"Page {', '.join(shown)}"


def pages_of_table(
    path: str,
    items: Sequence[_Item],
    row: Callable[[_Item, str], str],
    page: Callable[[Sequence[str], int, str], str],
) -> dict[str, str]:
    """The pages of a table by their paths.

    Args:
        path: The path of the first page, without `.md`.
        items: What has a row each.
        row: The row of an item on a page from which the given prefix leads to the folder of the first page.
        page: The text of a page with some of the rows, its number, and the links to the other pages.
    """
    below = [row(item, "../") for item in items]
    numbers = fill((html_size(text, ROW) for text in below), MAX_HTML - html_size(page([], 1, ""), ROW))
    first = [row(item, "") for item in items[: numbers.count(1)]]
    last = numbers[-1] if numbers else 1
    name = path.rpartition("/")[2]
    made = {f"{path}.md": page(first, 1, links(name, 1, last))}
    for number in range(2, last + 1):
        shown = [text for text, on in zip(below, numbers, strict=True) if on == number]
        made[f"{path}/{number}.md"] = page(shown, number, links(name, number, last))
    return made
