"""The indexes: events A to Z, fields A to Z, enums, and sensitive fields.

Each is one table, which continues on further pages when it is long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from auditwright_generator.model import Catalog, Field
from auditwright_generator.targets.docs import words
from auditwright_generator.targets.docs.carriers import (
    Carried,
    EventPath,
    Links,
    events_of,
    fields_of,
    merged,
)
from auditwright_generator.targets.docs.parts import pages_of_table
from auditwright_generator.targets.templating import header, markdown_cell, render


@dataclass(frozen=True, slots=True)
class _Index:
    """One index: its page and how its rows are made."""

    name: str
    title: str
    texts: tuple[str, ...]
    """Paragraphs before the table, in Markdown."""
    columns: tuple[str, ...]
    none: str
    """The sentence in place of an empty table."""
    items: Callable[[Catalog, list[Carried]], list[Any]]
    """What has a row each, in order, from the catalog and its fields."""
    row: Callable[[Any, Links], tuple[str, ...]]
    """The cells of an item."""


def pages(catalog: Catalog) -> dict[str, str]:
    """The pages of all indexes by their paths in the docs folder."""
    fields = fields_of(catalog)
    links = {up: Links(catalog, up) for up in ("", "../")}
    made: dict[str, str] = {}
    for index in INDEXES:
        row = partial(_row, index, links)
        made |= pages_of_table(index.name, index.items(catalog, fields), row, partial(_page, catalog, index))
    return made


def _row(index: _Index, links: dict[str, Links], item: Any, up: str) -> str:
    return f"| {' | '.join(index.row(item, links[up]))} |\n"


def _page(catalog: Catalog, index: _Index, rows: Sequence[str], number: int, links: str) -> str:
    return render(
        "table.md.j2",
        head=header(f"{catalog.folder}/"),
        catalog=catalog,
        index=index,
        rows=rows,
        number=number,
        links=links,
    )


def _events(catalog: Catalog, _: list[Carried]) -> list[EventPath]:
    return sorted(events_of(catalog), key=lambda path: (path[2].title.casefold(), path[2].key))


def _event_row(path: EventPath, links: Links) -> tuple[str, ...]:
    level, category, event = path
    return (
        links.event(category, event) + (" *deprecated*" if event.deprecated else ""),
        links.category(category),
        links.level(level),
        ", formerly ".join(f"`{key}`" for key in (event.key, *event.aliases)),
    )


@dataclass(frozen=True, slots=True)
class _FieldItem:
    """A field in an index. The first one of a name has an anchor."""

    carried: Carried
    has_anchor: bool

    @property
    def field(self) -> Field:
        return self.carried.field

    def cells(self, links: Links, *between: str) -> tuple[str, ...]:
        """Title and name, what the index tells about the field, and the events."""
        anchor = f'<a id="{self.field.name}"></a>' if self.has_anchor else ""
        title = f"{anchor}{markdown_cell(self.field.title)}"
        return title, f"`{self.field.name}`", *between, links.carriers(self.carried)


def _items(carried: Iterable[Carried]) -> list[_FieldItem]:
    seen: set[str] = set()
    items = []
    for each in carried:
        items.append(_FieldItem(each, each.field.name not in seen))
        seen.add(each.field.name)
    return items


def _fields(_: Catalog, fields: list[Carried]) -> list[_FieldItem]:
    return _items(merged(fields, lambda field: (field.title, field.name)))


def _field_row(item: _FieldItem, links: Links) -> tuple[str, ...]:
    return item.cells(links, words.bare_type(item.field))


def _enums(_: Catalog, fields: list[Carried]) -> list[_FieldItem]:
    enums = (each for each in fields if each.field.values)
    return _items(merged(enums, lambda field: (field.title, field.name, field.values)))


def _enum_row(item: _FieldItem, links: Links) -> tuple[str, ...]:
    return item.cells(links, words.values(item.field))


def _sensitive(_: Catalog, fields: list[Carried]) -> list[_FieldItem]:
    sensitive = (each for each in fields if each.field.sensitivity != "public")
    found = merged(sensitive, lambda field: (field.title, field.name, field.sensitivity))
    return _items(sorted(found, key=lambda each: each.field.sensitivity != "secret"))


def _sensitive_row(item: _FieldItem, links: Links) -> tuple[str, ...]:
    if item.field.entry:
        stored = "as a part of every entry"
    else:
        stored = "a keyed fingerprint" if item.field.sensitivity == "secret" else "the value"
    return item.cells(links, words.SENSITIVITY[item.field.sensitivity], stored)


_ALL = "A level or a category is named where all its events have the field."

INDEXES = (
    _Index(
        "events",
        "Events A to Z",
        (),
        ("Event", "Category", "Level", "Key"),
        "The catalog has no events.",
        _events,
        _event_row,
    ),
    _Index(
        "fields",
        "Fields A to Z",
        (_ALL,),
        ("Field", "Name", "Type", "Events"),
        "No event has a field.",
        _fields,
        _field_row,
    ),
    _Index(
        "enums",
        "Enums and their values",
        (
            "The fields with a fixed set of values: the title of each, and in brackets how it is stored.",
            _ALL,
        ),
        ("Field", "Name", "Values", "Events"),
        "No event has a field with a fixed set of values.",
        _enums,
        _enum_row,
    ),
    _Index(
        "sensitive",
        "Personal data and secrets",
        (
            "Personal data is stored as it is given, and the log shows and exports it.",
            "Of a secret only a fingerprint is stored, `hmac-sha256:<key id>:<64 hex digits>`: "
            "the HMAC-SHA256 of the secret with a key of the deployment. "
            "Equal secrets have equal fingerprints under one key, so that a known secret can be found, "
            "and the secret cannot be computed from it.",
            "Besides these fields [every entry](entry.md) has who acted and the address, whatever its event.",
            _ALL,
        ),
        ("Field", "Name", "Sensitivity", "Stored", "Events"),
        "No event has a field with personal data or a secret.",
        _sensitive,
        _sensitive_row,
    ),
)
"""Every index. To add one, add a row here and functions for its items and their cells."""
