"""The reference in Markdown: an index, a page about schemas and a page per category.

A page has the shared metadata in sentences, a table of events, and a section per event. Anchors are the names
of events, which do not change with their titles.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auditwright_generator.model import Catalog, Category, Event, Field, Level, SharedField, Value
from auditwright_generator.names import OWN_PACKAGE
from auditwright_generator.targets.json_schema import schema_path
from auditwright_generator.targets.python_code import literal
from auditwright_generator.targets.templating import header, markdown_cell, render

_RANGES = (("min", "at least {}"), ("max", "at most {}"))


def whole(catalog: Catalog) -> dict[str, str]:
    """`README.md`, `docs/index.md`, `docs/json_schema.md` and `docs/mkdocs.yml`."""
    head = header(f"{catalog.folder}/")
    paths = (schema_path(catalog, event) for event in catalog.events)
    example = next(paths, f"{catalog.package}/json_schema/<level>/<category>/<event>.json")
    return {
        "README.md": render(
            "README.md.j2", head=head, catalog=catalog, installable=catalog.package != OWN_PACKAGE
        ),
        "docs/index.md": render("index.md.j2", head=head, catalog=catalog),
        "docs/json_schema.md": render("json_schema.md.j2", head=head, catalog=catalog, example=example),
        "docs/mkdocs.yml": render("mkdocs.yml.j2", head=head, catalog=catalog),
    }


def of_category(catalog: Catalog, level: Level, category: Category) -> dict[str, str]:
    """`docs/<level>/<category>.md`."""
    page = render(
        "category.md.j2",
        head=header(category.source),
        catalog=catalog,
        level=level,
        category=category,
        shared=shared_sentences(level, category),
        additional={event.key: _additional(category, event) for event in category.events},
        fields={event.key: [_row(field) for field in event.fields] for event in category.events},
        calls={event.key: python_call(event) for event in category.events},
        examples={event.key: _example(event) for event in category.events},
    )
    return {f"docs/{level.name}/{category.name}.md": page}


def shared_sentences(level: Level, category: Category) -> list[str]:
    """The metadata that level and category give to their events, in sentences."""
    titles = {event.name: event.title for event in category.events}
    own = {shared.field for shared in category.metadata}
    sentences = [
        *_sentences(
            [each for each in level.metadata if each.field not in own], titles, "every event of the level"
        ),
        *_sentences(category.metadata, titles, "all events"),
    ]
    return sentences or ["No metadata is shared by the events of this category."]


def _sentences(metadata: Sequence[SharedField], titles: dict[str, str], everything: str) -> list[str]:
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for shared in metadata:
        groups.setdefault((shared.only, shared.except_), []).append(shared.title)
    sentences = []
    for (only, except_), names in groups.items():
        subject = _and([f"**{markdown_cell(name)}**" for name in names])
        given = f"{subject} {'is' if len(names) == 1 else 'are'} shown"
        if only:
            sentences.append(
                f"{given} for: {', '.join(markdown_cell(titles.get(name, name)) for name in only)}."
            )
        elif except_:
            exceptions = _and([markdown_cell(titles.get(name, name)) for name in except_])
            sentences.append(f"{given} for {everything} except {exceptions}.")
        else:
            sentences.append(f"{given} for {everything}.")
    return sentences


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _additional(category: Category, event: Event) -> str:
    shared = {each.field for each in category.metadata}
    own = [field for field in event.fields if field.declared_in == "event" and field.name not in shared]
    return ", ".join(markdown_cell(field.title) + _note(field) for field in own) or "—"


def _note(field: Field) -> str:
    return f" ({_condition(field)})" if field.when else ""


def _condition(field: Field) -> str:
    parts = []
    for part in field.when:
        values = " or ".join(
            f"`{json.dumps(value) if isinstance(value, bool) else value}`" for value in part.values
        )
        parts.append(f"`{part.field}` is {values}")
    return "only if " + " and ".join(parts)


@dataclass(frozen=True, slots=True)
class _FieldRow:
    """One row in the table of an event, each cell as Markdown."""

    name: str
    title: str
    type: str
    required: str
    meaning: str


def _row(field: Field) -> _FieldRow:
    if field.entry:
        required = "filled from the entry"
    elif field.when:
        required = f"required, {_condition(field)}"
    else:
        required = "required" if field.required else "optional"
    sensitivity = {
        "public": "",
        "personal": " *Personal.*",
        "secret": " *Secret: only a keyed fingerprint is stored.*",
    }[field.sensitivity]
    return _FieldRow(
        f"`{field.name}`",
        markdown_cell(field.title),
        _type(field),
        required,
        markdown_cell(field.description) + sensitivity + _since(field) + _deprecated(field),
    )


def _since(field: Field) -> str:
    return f" *Since {field.since}.*" if field.since else ""


def _deprecated(field: Field) -> str:
    """Since when it is deprecated, and what to use instead."""
    if field.deprecated is None:
        return ""
    use = f" Use `{field.deprecated.use}`." if field.deprecated.use else ""
    note = f" {markdown_cell(field.deprecated.note)}" if field.deprecated.note else ""
    return f" *Deprecated since {field.deprecated.since}.*{use}{note}"


def _type(field: Field) -> str:
    """Type, unit and limits, such as `number, at least 0, at most 2`; for an enum its values."""
    bounds = [text.format(value) for name, text in _RANGES if (value := getattr(field, name)) is not None]
    if field.pattern is not None:
        bounds.append(f"matching {_code(field.pattern)}")
    spans = (
        (field.min_length, field.max_length, "characters"),
        (field.min_items, field.max_items, "items"),
    )
    for low, high, what in spans:
        if low is not None and high is not None:
            bounds.append(f"{low} to {high} {what}")
        elif low is not None or high is not None:
            bounds.append(f"at least {low} {what}" if high is None else f"at most {high} {what}")
    if field.values:
        bounds = [", ".join(f"`{value.key}`" for value in field.values), *bounds]
    unit = [f"in {markdown_cell(field.unit)}"] if field.unit else []
    return ", ".join([field.type, *unit, *bounds])


def _code(text: str) -> str:
    """Text as code inside a table, where a code span cannot contain a backtick or a bar."""
    if not {"`", "|", "\n"} & set(text):
        return f"`{text}`"
    return f"<code>{''.join(each if each.isalnum() else f'&#{ord(each)};' for each in text)}</code>"


def python_call(event: Event) -> str:
    """The emitter call that records the event's example."""
    arguments = "".join(f"    {name}={_python(value)},\n" for name, value in event.example.items())
    return f"audit.{event.key}(\n{arguments})" if arguments else f"audit.{event.key}()"


def _python(value: Value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_python(item) for item in value)}]"
    return literal(value)


def _example(event: Event) -> str:
    form: dict[str, Any] = {
        "event": event.key,
        "actor": {"type": "user", "id": "u-17", "name": "Ada Lovelace"},
        "ip_address": "203.0.113.7",
        "metadata": event.example,
    }
    return json.dumps(form, indent=2, ensure_ascii=False)
