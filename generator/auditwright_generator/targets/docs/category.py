"""The pages of a category: shared metadata, a table of events, and a section for each event.

Anchors are the names of events, which do not change with their titles. The first page of a large category
keeps the table, with an anchor for every event whose section is on another page; `places.py` says where a
table continues that is too long for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditwright_generator.model import Catalog, Category, Event, Level
from auditwright_generator.targets.docs import annotation_text, words
from auditwright_generator.targets.docs.parts import MAX_HTML, ROW, fill, html_size, links
from auditwright_generator.targets.docs.places import row_numbers
from auditwright_generator.targets.docs.sections import Section, up_from
from auditwright_generator.targets.templating import header, markdown_cell, render


def pages(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """The pages of a category by their paths in the docs folder."""
    up = up_from(level)
    sections = [Section(catalog, level, category, event) for event in category.events]
    heads = _Heads(catalog, level, category, row_numbers(category))
    if heads.last_table == 1:  # mostly all is on one page
        head = heads.head(1, 1, [1] * len(sections), has_sections=bool(sections))
        if html_size(head, ROW) + sum(sum(section.sizes) for section in sections) <= MAX_HTML:
            return {f"{category.path}.md": "".join((head, *(section.texts(up)[0] for section in sections)))}
    numbers = _part_numbers(heads, sections)
    last = max([*heads.rows_on, *(number for on in numbers for number in on)], default=1)
    texts: dict[int, list[str]] = {number: [] for number in range(1, last + 1)}
    for section, on in zip(sections, numbers, strict=True):
        for number in dict.fromkeys(on):
            parts = section.texts(up if number == 1 else f"../{up}")
            texts[number] += [text for text, each in zip(parts, on, strict=True) if each == number]
    sections_on = [on[0] for on in numbers]
    return {
        f"{category.path}{'' if number == 1 else f'/{number}'}.md": "".join(
            (heads.head(number, last, sections_on, has_sections=bool(found)), *found)
        )
        for number, found in texts.items()
    }


def _part_numbers(heads: _Heads, sections: Sequence[Section]) -> list[list[int]]:
    """The page of each part of each section: after the table, and some on further pages."""
    sizes = [size for section in sections for size in section.sizes]
    if heads.last_table > 1:
        numbers = [heads.last_table + number for number in fill(sizes, MAX_HTML)]
    else:
        numbers = fill(sizes, heads.room([len(sizes)] * len(sections)))
    left = iter(numbers)
    return [[next(left) for _ in section.sizes] for section in sections]


@dataclass(frozen=True, slots=True)
class _Heads:
    """What the pages have before their sections."""

    catalog: Catalog
    level: Level
    category: Category
    rows_on: list[int]
    """The page of the row of each event."""

    @property
    def last_table(self) -> int:
        """The last page with rows."""
        return max(self.rows_on, default=1)

    def head(self, number: int, last: int, sections_on: Sequence[int], *, has_sections: bool) -> str:
        """The page `number` of `last` without its sections; `sections_on` has the page of each event's."""
        rows = [
            _Row.of(self.category, event, on, section_on)
            for event, on, section_on in zip(self.category.events, self.rows_on, sections_on, strict=True)
            if on == number
        ]
        told = html_size("".join(row.description + row.additional for row in rows), ROW)
        return render(
            "category.md.j2" if number == 1 else "category_continued.md.j2",
            head=header(self.category.source),
            catalog=self.catalog,
            level=self.level,
            category=self.category,
            annotations=annotation_text.line(self.catalog, self.category.annotations),
            shared=words.shared_sentences(self.level, self.category),
            rows=rows,
            brief=self.last_table > 1 or told > MAX_HTML // 2,
            number=number,
            has_sections=has_sections,
            pages=links(self.category.identifier, number, last),
        )

    def room(self, sections_on: Sequence[int]) -> int:
        """The bytes of HTML that are left for sections on the first page."""
        last = max(sections_on, default=1)
        return MAX_HTML - html_size(self.head(1, last, sections_on, has_sections=True), ROW)


@dataclass(frozen=True, slots=True)
class _Row:
    """An event in the table of its category, each cell as Markdown."""

    event: str
    description: str
    additional: str

    @classmethod
    def of(cls, category: Category, event: Event, on: int, section_on: int) -> _Row:
        """The row on one page of an event whose section is on another page, or on the same."""
        anchor = "" if on == section_on else f'<a id="{event.name}"></a>'
        folder = f"{category.identifier}/" if on == 1 else ""
        page = "" if on == section_on else f"{folder}{section_on}.md"
        badge = " *deprecated*" if event.deprecated else ""
        return cls(
            f"{anchor}[{markdown_cell(event.title)}]({page}#{event.name}){badge}",
            markdown_cell(event.description),
            words.additional(category, event),
        )
