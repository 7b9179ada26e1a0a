"""The pages of a category: shared metadata, a table of events, and a section for each event.

Anchors are the names of events, which do not change with their titles. The first page of a large category
keeps the table, with an anchor for every event whose section is on another page.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditwright_generator.model import Catalog, Category, Event, Level
from auditwright_generator.names import OWN_PACKAGE
from auditwright_generator.targets.docs import examples, words
from auditwright_generator.targets.docs.parts import LINE, MAX_HTML, ROW, fill, html_size, links
from auditwright_generator.targets.json_schema import schema_path
from auditwright_generator.targets.templating import header, markdown_cell, markdown_text, render


def pages(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """The pages of a category by their paths in the docs folder."""
    path = f"{level.name}/{category.name}"
    sections = [_section(catalog, level, category, event, "../") for event in category.events]
    sizes = [html_size(section, LINE) for section in sections]
    numbers = [1] * len(sections)
    first = _first_page(catalog, level, category, numbers)
    if html_size(first, ROW) + sum(sizes) > MAX_HTML:
        longest = _first_page(catalog, level, category, [len(sections)] * len(sections))
        numbers = fill(sizes, MAX_HTML - html_size(longest, ROW))
        first = _first_page(catalog, level, category, numbers)
    made = {f"{path}.md": first + "".join(sections[: numbers.count(1)])}
    for number in range(2, max(numbers, default=1) + 1):
        events = [event for event, on in zip(category.events, numbers, strict=True) if on == number]
        made[f"{path}/{number}.md"] = _next_page(catalog, level, category, number, numbers[-1]) + "".join(
            _section(catalog, level, category, event, "../../") for event in events
        )
    return made


def _first_page(catalog: Catalog, level: Level, category: Category, numbers: list[int]) -> str:
    """The first page without its sections; `numbers` has the page of each event."""
    rows = [_Row.of(category, event, number) for event, number in zip(category.events, numbers, strict=True)]
    return render(
        "category.md.j2",
        head=header(category.source),
        catalog=catalog,
        level=level,
        category=category,
        shared=words.shared_sentences(level, category),
        rows=rows,
        brief=html_size("".join(row.description + row.additional for row in rows), ROW) > MAX_HTML // 2,
        pages=links(category.name, 1, max(numbers, default=1)),
    )


def _next_page(catalog: Catalog, level: Level, category: Category, number: int, last: int) -> str:
    return render(
        "category_continued.md.j2",
        head=header(category.source),
        catalog=catalog,
        level=level,
        category=category,
        number=number,
        pages=links(category.name, number, last),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """An event in the table of its category, each cell as Markdown."""

    event: str
    description: str
    additional: str

    @classmethod
    def of(cls, category: Category, event: Event, number: int) -> _Row:
        """The row of an event whose section is on the page with the number."""
        anchor = "" if number == 1 else f'<a id="{event.name}"></a>'
        page = "" if number == 1 else f"{category.name}/{number}.md"
        badge = " *deprecated*" if event.deprecated else ""
        return cls(
            f"{anchor}[{markdown_cell(event.title)}]({page}#{event.name}){badge}",
            markdown_cell(event.description),
            words.additional(category, event),
        )


def _section(catalog: Catalog, level: Level, category: Category, event: Event, up: str) -> str:
    """The section of an event on a page from which `up` leads to the docs folder."""
    fields = {field.name: field for field in event.fields}
    schema = schema_path(catalog, event)
    return render(
        "event.md.j2",
        event=event,
        badges=_badges(event),
        replacement=_replacement(event, up),
        message=examples.message(event),
        rows=[
            (
                markdown_cell(field.title),
                f"`{field.name}`",
                words.full_type(field),
                words.required(field, fields),
                words.meaning(field),
                words.declared_in(field, level, category, event),
            )
            for field in event.fields
        ],
        entry=examples.row(category, event),
        json=examples.json_form(event),
        schema=f"[`{schema.partition('/json_schema/')[2]}`]({up}../{schema})",
        call="" if catalog.package == OWN_PACKAGE else examples.call(event),
        query=examples.query(catalog, level, category, event),
    )


def _badges(event: Event) -> list[str]:
    """What is special about an event, in a few words each. Every entry has an actor and an address anyway."""
    sensitivities = {field.sensitivity for field in event.metadata}
    return [
        *([f"since {markdown_text(event.since)}"] if event.since else []),
        *([f"deprecated since {markdown_text(event.deprecated.since)}"] if event.deprecated else []),
        *(text for each, text in words.SENSITIVITY.items() if text and each in sensitivities),
    ]


def _replacement(event: Event, up: str) -> str:
    """A link to the event to use instead of a deprecated one; empty if there is none."""
    if event.deprecated is None or event.deprecated.use is None:
        return ""
    level, category, name = event.deprecated.use.split(".")
    return f"[`{event.deprecated.use}`]({up}{level}/{category}.md#{name})"
