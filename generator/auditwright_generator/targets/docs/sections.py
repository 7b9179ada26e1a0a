"""The section of an event, in parts: only that of a very wide event does not fit on one page.

Its table of fields then continues, and its examples have parts of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditwright_generator.model import Catalog, Category, Event, Field, Level, category_path
from auditwright_generator.names import OWN_PACKAGE
from auditwright_generator.targets.docs import annotation_text, examples, words
from auditwright_generator.targets.docs.parts import LINE, MAX_HTML, ROW, fill, html_size
from auditwright_generator.targets.docs.places import Places
from auditwright_generator.targets.json_schema import schema_path
from auditwright_generator.targets.templating import markdown_cell, markdown_text, render

MAX_PART = MAX_HTML // 2
"""The most bytes of HTML of the fields in a part, so that its heading fits on the page too."""

_Rows = Sequence[tuple[str, ...]]


def up_from(level: Level) -> str:
    """What leads from the first page of a category to the docs folder."""
    return "../" if level.name else ""


class Section:
    """The section of an event, in one part or in several, for any page."""

    def __init__(self, catalog: Catalog, level: Level, category: Category, event: Event) -> None:
        self._catalog, self._level, self._category, self._event = catalog, level, category, event
        self._rows = _rows(catalog, level, category, event)
        self._up = up_from(level)
        self._whole = self._render(self._up, self._rows)
        self.sizes = [html_size(self._whole, LINE)]
        """The bytes of HTML of each part, by estimation."""
        self._is_long = self.sizes[0] > MAX_HTML
        if self._is_long:
            self.sizes = [html_size(text, LINE) for text in self.texts(self._up)]

    def texts(self, up: str) -> list[str]:
        """The parts, on a page from which `up` leads to the docs folder."""
        if self._is_long:
            return list(self._parts(up))
        return [self._whole if up == self._up else self._render(up, self._rows)]

    def _parts(self, up: str) -> Iterator[str]:
        """What the event is and its first fields, more fields, its JSON, and its code."""
        numbers = fill((html_size(" | ".join(row) + "\n", ROW) for row in self._rows), MAX_PART, MAX_PART)
        start = 0
        for number in range(1, numbers[-1] + 1 if numbers else 2):
            rows = self._rows[start : start + numbers.count(number)]
            heading = f"fields {start + 1:,} to {start + len(rows):,}" if number > 1 else ""
            yield self._render(up, rows, heading, has_json=False, has_code=False)
            start += len(rows)
        yield self._render(up, (), "JSON", has_code=False)
        yield self._render(up, (), "code", has_json=False)

    def _render(
        self, up: str, rows: _Rows, heading: str = "", *, has_json: bool = True, has_code: bool = True
    ) -> str:
        """The section, or a part of it: some rows and examples, and a heading if it is not the first."""
        catalog, category, event = self._catalog, self._category, self._event
        failed, has_call = event.failure_example, catalog.package != OWN_PACKAGE
        schema = schema_path(catalog, event)
        return render(
            "event.md.j2",
            event=event,
            heading=heading,
            badges=_badges(event),
            replacement=_replacement(self._level, category, event, up),
            annotations=annotation_text.line(catalog, catalog.annotations_of(category, event)),
            message=examples.message(event, event.message),
            failure=examples.message(event, event.failure_message),
            rows=rows,
            has_json=has_json,
            entries=examples.rows(category, event),
            json=examples.json_form(event),
            json_of_failure=examples.json_form(event, failed) if failed is not None else "",
            schema=f"[`{schema.partition('/json_schema/')[2]}`]({up}../{schema})",
            has_code=has_code,
            call=examples.call(category, event) if has_call else "",
            call_of_failure=examples.call(category, event, failed) if has_call and failed is not None else "",
            query=examples.query(catalog, category, event),
        )


def _rows(catalog: Catalog, level: Level, category: Category, event: Event) -> _Rows:
    """The table of fields, each cell as Markdown."""
    fields = {field.name: field for field in event.fields}
    return [
        (
            markdown_cell(field.title),
            words.name(field),
            words.full_type(field),
            words.required(field, fields),
            _meaning(catalog, field),
            words.declared_in(field, level, category, event),
        )
        for field in event.fields
    ]


def _meaning(catalog: Catalog, field: Field) -> str:
    """What a field means, and its annotations."""
    meaning = words.meaning(field)
    if not field.annotations:
        return meaning
    return " ".join(filter(None, (meaning, annotation_text.line(catalog, field.annotations))))


def _badges(event: Event) -> list[str]:
    """What is special about an event, in a few words each. Every entry has an actor and an address anyway."""
    sensitivities = {field.sensitivity for field in event.metadata}
    return [
        *([f"since {markdown_text(event.since)}"] if event.since else []),
        *([f"deprecated since {markdown_text(event.deprecated.since)}"] if event.deprecated else []),
        *(["can fail"] if event.can_fail else []),
        *(text for each, text in words.SENSITIVITY.items() if text and each in sensitivities),
    ]


def _replacement(level: Level, category: Category, event: Event, up: str) -> str:
    """A link to the event to use instead of a deprecated one; empty if there is none.

    Of another category nothing is known here, so the link leads to its first page.
    """
    if event.deprecated is None or event.deprecated.use is None:
        return ""
    key = event.deprecated.use
    other, _, name = key.rpartition(".")
    page = category_path(other, has_levels=bool(level.name))
    near = [each for each in category.events if each.key == key]
    further = Places().further(category, near[0]) if near else ""
    return f"[`{key}`]({up}{page}{further}.md#{name})"
