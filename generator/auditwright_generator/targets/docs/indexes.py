"""The indexes: events A to Z, fields A to Z, enums, sensitive fields, and targets.

Each is one table, which continues on further pages when it is long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

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

MAX_VALUES = 200
"""The most values of an enum in a row of their index; more of them have rows of their own."""


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
    rows: Callable[[Catalog, list[Carried]], list[_Row]]
    """The rows, in order, from the catalog and its fields."""


_Row = Callable[[Links], tuple[str, ...]]
"""Makes the cells of a row, for a page with such links."""


def pages(catalog: Catalog) -> dict[str, str]:
    """The pages of all indexes by their paths in the docs folder."""
    fields = fields_of(catalog)
    links = {up: Links(catalog, up) for up in ("", "../")}
    made: dict[str, str] = {}
    for index in INDEXES:
        rows = index.rows(catalog, fields)
        made |= pages_of_table(index.name, rows, partial(_line, links), partial(_page, catalog, index))
    return made


def _line(links: dict[str, Links], row: _Row, up: str) -> str:
    return f"| {' | '.join(row(links[up]))} |\n"


def _page(catalog: Catalog, index: _Index, rows: Sequence[str], number: int, links: str) -> str:
    return render(
        "table.md.j2",
        head=header(f"{catalog.folder}/"),
        catalog=catalog,
        index=index if catalog.has_levels else _without_levels(index),
        rows=rows,
        number=number,
        links=links,
    )


def _without_levels(index: _Index) -> _Index:
    return replace(
        index,
        texts=tuple(_ALL_WITHOUT_LEVELS if text == _ALL else text for text in index.texts),
        columns=tuple(column for column in index.columns if column != "Level"),
    )


def _events(catalog: Catalog, _: list[Carried]) -> list[_Row]:
    paths = sorted(events_of(catalog), key=lambda path: (path[2].title.casefold(), path[2].key))
    return [partial(_event_row, path) for path in paths]


def _event_row(path: EventPath, links: Links) -> tuple[str, ...]:
    level, category, event = path
    return (
        links.event(category, event) + (" *deprecated*" if event.deprecated else ""),
        links.category(category),
        *([links.level(level)] if level.name else []),
        ", formerly ".join(f"`{key}`" for key in (event.key, *event.aliases)),
    )


def _fields(_: Catalog, fields: list[Carried]) -> list[_Row]:
    found = merged(fields, lambda field: (field.title, field.name))
    return _field_rows(found, lambda field: (words.bare_type(field),))


def _enums(_: Catalog, fields: list[Carried]) -> list[_Row]:
    enums = (each for each in fields if each.field.values)
    found = merged(enums, lambda field: (field.title, field.name, field.values))
    parts = [
        Carried(replace(each.field, values=each.field.values[first : first + MAX_VALUES]), each.paths)
        for each in found
        for first in range(0, len(each.field.values), MAX_VALUES)
    ]
    return _field_rows(parts, lambda field: (words.values(field),))


def _sensitive(_: Catalog, fields: list[Carried]) -> list[_Row]:
    sensitive = (each for each in fields if each.field.sensitivity != "public")
    found = merged(sensitive, lambda field: (field.title, field.name, field.sensitivity))
    secrets_first = sorted(found, key=lambda each: each.field.sensitivity != "secret")
    return _field_rows(secrets_first, lambda field: (words.SENSITIVITY[field.sensitivity], _stored(field)))


def _targets(_: Catalog, fields: list[Carried]) -> list[_Row]:
    identifying = (each for each in fields if each.field.target)
    found = merged(identifying, lambda field: (field.title, field.name, field.target))
    by_type = sorted(found, key=lambda each: each.field.target)
    return _field_rows(by_type, lambda field: (f"`{field.target}`", words.bare_type(field)))


def _stored(field: Field) -> str:
    if field.entry:
        return "as a part of every entry"
    return "a keyed fingerprint" if field.sensitivity == "secret" else "the value"


def _field_rows(carried: Iterable[Carried], told: Callable[[Field], tuple[str, ...]]) -> list[_Row]:
    """A row for each field, with what the index tells about it. The first one of a name has an anchor."""
    seen: set[str] = set()
    rows: list[_Row] = []
    for each in carried:
        rows.append(partial(_field_row, each, told(each.field), each.field.name not in seen))
        seen.add(each.field.name)
    return rows


def _field_row(carried: Carried, told: tuple[str, ...], has_anchor: bool, links: Links) -> tuple[str, ...]:
    field = carried.field
    anchor = f'<a id="{field.name}"></a>' if has_anchor else ""
    return f"{anchor}{markdown_cell(field.title)}", words.name(field), *told, links.carriers(carried)


_ALL = "A level or a category is named where all its events have the field."
_ALL_WITHOUT_LEVELS = "A category is named where all its events have the field."

INDEXES = (
    _Index(
        "events",
        "Events A to Z",
        (),
        ("Event", "Category", "Level", "Key"),
        "The catalog has no events.",
        _events,
    ),
    _Index(
        "fields",
        "Fields A to Z",
        (_ALL,),
        ("Field", "Name", "Type", "Events"),
        "No event has a field.",
        _fields,
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
    ),
    _Index(
        "sensitive",
        "Personal data and secrets",
        (
            "Personal data is stored as it is given, and the log shows and exports it.",
            "Of a secret only a fingerprint is stored, `hkdf-sha256:<key id>:<64 hex digits>`: "
            "the HMAC-SHA256 of the secret, with a key of the deployment for each account and field. "
            "Equal secrets have equal fingerprints within an account and a field, so that a known secret "
            "can be found there, and the secret cannot be computed from it.",
            "Besides these fields [every entry](entry.md) has who acted and the address, whatever its event.",
            _ALL,
        ),
        ("Field", "Name", "Sensitivity", "Stored", "Events"),
        "No event has a field with personal data or a secret.",
        _sensitive,
    ),
    _Index(
        "targets",
        "Targets",
        (
            "The fields that identify objects, by the type of the object. The entries about one object are "
            "found by the filter `target`, with type and id such as `model:m-17`.",
            _ALL,
        ),
        ("Field", "Name", "Type of the object", "Value", "Events"),
        "No event has a field that identifies an object.",
        _targets,
    ),
)
"""Every index. To add one, add a row here and a function for its rows."""
