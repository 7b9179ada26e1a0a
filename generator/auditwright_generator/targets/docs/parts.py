"""Splitting of long pages, so that no page of the site is slow to load.

A page that is too large continues on pages in a folder of its name: `events.md`, `events/2.md` and so on.
Each is filled in order up to a limit, so the first page stays where it is, and a new event moves few others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")

MAX_SIZE = 60_000
"""The most bytes of Markdown on a page. Its HTML is about four times as large, without the theme."""


def size(text: str) -> int:
    """The size of a text, for comparison with `MAX_SIZE`."""
    return len(text.encode())


def fill(blocks: Sequence[str], room: int) -> list[int]:
    """The number of the page, from 1, that each block is put on; the first page has `room` bytes left."""
    numbers: list[int] = []
    number = 1
    for block in blocks:
        needed = size(block)
        if needed > room and (number == 1 or numbers[-1] == number):
            number, room = number + 1, MAX_SIZE
        numbers.append(number)
        room -= needed
    return numbers


def links(name: str, number: int, last: int) -> str:
    """A line of links from one page of `name` to the others: `Page 1, [2](models/2.md), [3](models/3.md)`."""

    def path(other: int) -> str:
        if other == 1:
            return f"../{name}.md"
        return f"{name}/{other}.md" if number == 1 else f"{other}.md"

    shown = [str(each) if each == number else f"[{each}]({path(each)})" for each in range(1, last + 1)]
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
    numbers = fill(below, MAX_SIZE - size(page([], 1, "")))
    first = [row(item, "") for item in items[: numbers.count(1)]]
    last = numbers[-1] if numbers else 1
    name = path.rpartition("/")[2]
    made = {f"{path}.md": page(first, 1, links(name, 1, last) if last > 1 else "")}
    for number in range(2, last + 1):
        shown = [text for text, on in zip(below, numbers, strict=True) if on == number]
        made[f"{path}/{number}.md"] = page(shown, number, links(name, number, last))
    return made
