"""A JSON value as a tree for the page of an entry: what can be opened, and how much there is in it.

A tree has a limited number of lines; the JSON of the entry has the whole value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

MAX_LINES = 500
"""Lines of one tree."""
OPEN_LINES = 12
"""The most lines of an object or list that is shown open."""


@dataclass(slots=True)
class JsonTree:
    """An object, a list or a single value."""

    name: str
    """Its name in the object that has it; its number in a list, from 0; empty for the whole."""
    text: str = ""
    """A single value as JSON, or how many values an object or a list has."""
    children: list[JsonTree] | None = None
    """The values of an object or a list; None for a single value."""
    left_out: int = 0
    """How many values of it are not shown."""

    @property
    def is_open(self) -> bool:
        """Whether it is short enough to be shown open."""
        return self.children is not None and len(self.children) <= OPEN_LINES


def json_tree(value: dict[str, Any] | list[Any]) -> JsonTree:
    """The tree of an object or a list, level by level until it has `MAX_LINES` lines."""
    whole = JsonTree("")
    todo: list[tuple[JsonTree, Any]] = [(whole, value)]
    lines = 0
    for tree, each in todo:
        items = list(each.items()) if isinstance(each, dict) else list(enumerate(each))
        tree.text = _size(len(items), "value" if isinstance(each, dict) else "item")
        shown = items[: MAX_LINES - lines]
        lines += len(shown)
        tree.left_out = len(items) - len(shown)
        tree.children = []
        for name, item in shown:
            child = JsonTree(str(name))
            tree.children.append(child)
            if isinstance(item, (dict, list)):
                todo.append((child, item))
            else:
                child.text = orjson.dumps(item).decode()
    return whole


def _size(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
