"""The indexes: events A to Z, fields A to Z, enums, and sensitive fields.

Each is one table, which continues on further pages when it is long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from auditwright_generator.model import Catalog, Field
from auditwright_generator.targets.docs import words
from auditwright_generator.targets.docs.carriers import Carried, Links, carried_fields, events_of
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
    rows: Callable[[Catalog, Links], list[tuple[str, ...]]]


def pages(catalog: Catalog) -> dict[str, str]:
    """The pages of all indexes by their paths in the docs folder."""
    made: dict[str, str] = {}
    for index in INDEXES:
        made |= pages_of_table(index.name, partial(_rows, catalog, index), partial(_page, catalog, index))
    return made


def _rows(catalog: Catalog, index: _Index, up: str) -> list[str]:
    return [f"| {' | '.join(cells)} |\n" for cells in index.rows(catalog, Links(catalog, up))]


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


def _events(catalog: Catalog, links: Links) -> list[tuple[str, ...]]:
    return [
        (
            links.event(category, event) + (" *deprecated*" if event.deprecated else ""),
            links.category(category),
            links.level(level),
            ", formerly ".join(f"`{key}`" for key in (event.key, *event.aliases)),
        )
        for level, category, event in sorted(
            events_of(catalog), key=lambda place: (place[2].title.casefold(), place[2].key)
        )
    ]


def _fields(catalog: Catalog, links: Links) -> list[tuple[str, ...]]:
    carried = carried_fields(catalog, lambda field: (field.title, field.name))
    return [
        (*names, words.bare_type(each.field), links.carriers(each))
        for names, each in zip(_names(carried), carried, strict=True)
    ]


def _enums(catalog: Catalog, links: Links) -> list[tuple[str, ...]]:
    carried = carried_fields(
        catalog, lambda field: (field.title, field.name, field.values), lambda field: bool(field.values)
    )
    return [
        (*names, words.values(each.field), links.carriers(each))
        for names, each in zip(_names(carried), carried, strict=True)
    ]


def _sensitive(catalog: Catalog, links: Links) -> list[tuple[str, ...]]:
    carried = carried_fields(
        catalog,
        lambda field: (field.title, field.name, field.sensitivity),
        lambda field: field.sensitivity != "public",
    )
    carried.sort(key=lambda each: each.field.sensitivity != "secret")
    return [
        (*names, words.SENSITIVITY[each.field.sensitivity], _stored(each.field), links.carriers(each))
        for names, each in zip(_names(carried), carried, strict=True)
    ]


def _stored(field: Field) -> str:
    if field.entry:
        return "as part of the entry itself"
    return "a keyed fingerprint" if field.sensitivity == "secret" else "the value"


def _names(carried: Sequence[Carried]) -> list[tuple[str, str]]:
    """The title and the name of each field; the first field of a name has an anchor."""
    first = {each.field.name: number for number, each in reversed(list(enumerate(carried)))}
    return [
        (
            (f'<a id="{each.field.name}"></a>' if first[each.field.name] == number else "")
            + markdown_cell(each.field.title),
            f"`{each.field.name}`",
        )
        for number, each in enumerate(carried)
    ]


_ALL = "A level or a category is named where all its events have the field."

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
    ),
)
"""Every index. To add one, add a row here and a function that makes its rows."""
