"""Annotations in words: their titles and values, as Markdown and as plain text."""

from __future__ import annotations

from typing import Any

from auditwright_generator.model import AnnotationKey, Annotations, Catalog
from auditwright_generator.targets.templating import markdown_cell

_IN_TARGETS = str.maketrans({each: f"%{ord(each):02X}" for each in '<>()[]|`\\"'} | {"&": "&amp;"})
"""What would end the target of a link, or its cell in a table."""


def line(catalog: Catalog, annotations: Annotations) -> str:
    """All annotations on one line of Markdown: `**Owner:** Platform team · **Code:** T1000`."""
    if not annotations:
        return ""
    facts = (
        f"**{markdown_cell(key.title)}:** {markdown(key, annotations[key.name])}"
        for key in catalog.annotation_keys
        if key.name in annotations
    )
    return " · ".join(facts)


def markdown(key: AnnotationKey, value: Any) -> str:
    """A value as Markdown for a cell or a line; URLs are links."""
    items = value if isinstance(value, list) else [value]
    return ", ".join(_link(item) if key.kind == "url" else markdown_cell(words(key, item)) for item in items)


def plain(key: AnnotationKey, value: Any) -> str:
    """A value as text on one line; the items of a list are separated by semicolons."""
    items = value if isinstance(value, list) else [value]
    return "; ".join(words(key, item) for item in items)


def words(key: AnnotationKey, item: Any) -> str:
    """A single value as text on one line: an enum by its title, a boolean as yes or no."""
    if isinstance(item, bool):
        return "yes" if item else "no"
    titles = {value.key: value.title for value in key.values}
    return " ".join(titles.get(str(item), str(item)).split())


def _link(url: str) -> str:
    return f"[{markdown_cell(url)}]({url.translate(_IN_TARGETS)})"
