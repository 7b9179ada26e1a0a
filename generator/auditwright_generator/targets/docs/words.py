"""What the catalog says about fields, in words: types, ranges, values, conditions and shared metadata.

Every function returns Markdown for the inside of a line, with the texts of the catalog escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditwright_generator.model import OUTCOME, Category, Condition, Event, Field, Level, Scalar, SharedField
from auditwright_generator.targets.docs.parts import LINE, MAX_HTML, html_size
from auditwright_generator.targets.templating import markdown_cell, markdown_text

MAX_VALUES = 20
"""The most values of an enum that are listed where an event has it; the page of enums has them all."""
MAX_NAMED = 30
"""The most fields and events that one sentence names."""
MAX_SHARED = MAX_HTML // 6
"""The most bytes of HTML of the sentences about the metadata that a level or a category shares."""

_TYPES = {
    "string": ("Text", "texts"),
    "integer": ("Whole number", "whole numbers"),
    "number": ("Number", "numbers"),
    "boolean": ("Yes or no", "yes or no"),
    "timestamp": ("Date and time", "dates and times"),
    "date": ("Date", "dates"),
    "ip": ("IP address", "IP addresses"),
    "url": ("URL", "URLs"),
    "email": ("Email address", "email addresses"),
    "uuid": ("UUID", "UUIDs"),
    "bigint": ("Whole number of 64 bits", "whole numbers of 64 bits"),
    "enum": ("One of", "values"),
    "json": ("JSON value", "JSON values"),
}
"""The words for a type, and for the items of a list of it."""

OUTCOMES_IN_WORDS = {"success": "it succeeded", "failure": "it failed"}

SENSITIVITY = {"public": "", "personal": "personal data", "secret": "secret"}
"""The words for a sensitivity."""


def bare_type(field: Field) -> str:
    """The type without its constraints: `List of texts`."""
    one, many = _TYPES[field.kind]
    if field.many:
        return f"List of {many}"
    one = "One of several values" if field.kind == "enum" else one
    return _change_of(one) if field.change else one


def _change_of(one: str) -> str:
    """`Change of text`, `Change of URL`."""
    return f"Change of {one if one[1].isupper() else one[0].lower() + one[1:]}"


def full_type(field: Field) -> str:
    """The type with unit, ranges and values: `Number, from 0 to 2`."""
    one, many = _TYPES[field.kind]
    base = f"List of {many}" if field.many else _change_of(one) if field.change else one
    if field.values:
        base = f"{base}: {values(field, MAX_VALUES)}"
    each = _of_one(field)
    if field.many and each:
        each = [f"each {each[0]}", *each[1:]]
    items = _span(field.min_items, field.max_items, "item") if field.many else []
    return ", ".join([base, *items, *each])


def values(field: Field, most: int | None = None) -> str:
    """The values of an enum by title and key; of more than `most` the first ones, and how many more."""
    shown = ", ".join(
        f"{markdown_cell(value.title)} ({_both(value.key, value.stored_as)})" for value in field.values[:most]
    )
    more = len(field.values) - most if most is not None else 0
    return f"{shown} and {more} more" if more > 0 else shown


def name(field: Field) -> str:
    """The name, and the one in JSON where that differs."""
    return _both(field.name, field.stored_as or None)


def _both(name: str, stored: str | int | None) -> str:
    return code(name) if stored is None else f"{code(name)}, in JSON {code(str(stored))}"


def _of_one(field: Field) -> list[str]:
    low, high = field.min, field.max
    words = _span(field.min_length, field.max_length, "character")
    if low is not None and high is not None:
        words.append(f"from {low} to {high}")
    elif low is not None or high is not None:
        words.append(f"at least {low}" if high is None else f"at most {high}")
    if field.unit:
        words.append(f"in {markdown_cell(field.unit)}")
    if field.kind == "json" and field.sensitivity != "secret":
        size, depth, keys = field.json_bounds
        words.append(f"stored up to {size} bytes, {depth} levels and {keys} names")
    if field.pattern is not None:
        words.append(f"matching {code(field.pattern)}")
    return words


def _span(low: int | None, high: int | None, what: str) -> list[str]:
    if low is None and high is None:
        return []
    number = low if high is None else high
    things = what if number == 1 else f"{what}s"
    if low == high:
        return [f"{low} {things}"]
    if low is not None and high is not None:
        return [f"{low} to {high} {things}"]
    return [f"at least {low} {things}" if high is None else f"at most {high} {things}"]


def code(text: str) -> str:
    """Text as code inside a table, where a code span cannot contain a backtick or a bar."""
    if text.strip() == text != "" and not {"`", "|", "\n", "\r"} & set(text):
        return f"`{text}`"
    return f"<code>{''.join(each if each.isalnum() else f'&#{ord(each)};' for each in text)}</code>"


def condition(when: Iterable[Condition], fields: Mapping[str, Field]) -> str:
    """When a field is there, by the titles of other fields and the outcome.

    Such as `only if Model Type is Commercial` and `only if it succeeded`.
    """
    parts = []
    for part in when:
        if part.field == OUTCOME:
            parts.append(OUTCOMES_IN_WORDS[str(part.values[0])])
            continue
        other = fields[part.field]
        given = or_([_value(value, other) for value in part.values], MAX_VALUES)
        parts.append(f"{markdown_cell(other.title)} is {given}")
    return "only if " + " and ".join(parts)


def _value(value: Scalar, field: Field) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    titles = {each.key: each.title for each in field.values}
    return markdown_cell(titles[str(value)]) if str(value) in titles else code(str(value))


def required(field: Field, fields: Mapping[str, Field]) -> str:
    """Whether an entry has the field: `Yes`, `No`, `Only if …` or `From the entry`."""
    if field.entry:
        return "From the entry"
    if field.conditions:
        words = condition(field.conditions, fields)
        return words[0].upper() + words[1:] + ("" if field.required else ", and not always")
    return "Yes" if field.required else "No"


def meaning(field: Field) -> str:
    """The description, the sensitivity and the lifecycle."""
    notes = {
        "personal": "*Personal data.*",
        "secret": "*Secret: only a keyed fingerprint is stored.*",
    }
    parts = [markdown_cell(field.description), notes.get(field.sensitivity, "")]
    if field.target:
        parts.append(f"*Identifies an object of the type* `{field.target}`.")
    if field.since:
        parts.append(f"*Since {markdown_text(field.since)}.*")
    if field.deprecated:
        parts.append(f"*Deprecated since {markdown_text(field.deprecated.since)}.*")
        parts.append(f"Use {code(field.deprecated.use)}." if field.deprecated.use else "")
        parts.append(markdown_cell(field.deprecated.note or ""))
    return " ".join(filter(None, parts))


def declared_in(field: Field, level: Level, category: Category, event: Event) -> str:
    """The title of the level, category or event that gives the field to the event."""
    owners = {"level": level.title, "category": category.title, "event": event.title}
    return markdown_cell(owners[field.declared_in])


def additional(category: Category, event: Event) -> str:
    """The fields that only the event declares, by title and condition; a dash if there are none."""
    shared = {each.field for each in category.metadata}
    fields = {field.name: field for field in event.fields}
    own = [field for field in event.fields if field.declared_in == "event" and field.name not in shared]
    noted = [
        markdown_cell(field.title) + (f" ({condition(field.conditions, fields)})" if field.conditions else "")
        for field in own
    ]
    return ", ".join(noted) or "—"


def shared_sentences(level: Level, category: Category) -> list[str]:
    """The metadata that level and category give to their events, in sentences."""
    titles = {event.name: event.title for event in category.events}
    own = {shared.field for shared in category.metadata}
    of_level = [each for each in level.metadata if each.field not in own]
    sentences = [
        *sentences_of(of_level, titles, "every event of the level"),
        *sentences_of(category.metadata, titles, "all events"),
    ]
    return sentences or ["No metadata is shared by the events of this category."]


def sentences_of(metadata: Sequence[SharedField], titles: Mapping[str, str], everything: str) -> list[str]:
    """Shared metadata in sentences, one for the fields that the same events have.

    Of very many the first are written, and the last tells how many fields are left out.
    """
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for shared in metadata:
        groups.setdefault((shared.only, shared.except_), []).append(shared.title)
    sentences: list[str] = []
    room, left = MAX_SHARED, len(metadata)
    for (only, except_), names in groups.items():
        sentence = _sentence(only, except_, names, titles, everything)
        room -= html_size(f"{sentence}\n", LINE)
        if room < 0:
            return [*sentences, f"{left:,} more fields are shared; each event lists its own."]
        sentences.append(sentence)
        left -= len(names)
    return sentences


def _sentence(
    only: Sequence[str],
    except_: Sequence[str],
    names: Sequence[str],
    titles: Mapping[str, str],
    everything: str,
) -> str:
    """`**Board** and **Reason** are shown for all events except Board deleted.`"""

    def events(keys: Sequence[str]) -> list[str]:
        return [markdown_cell(titles.get(key, key)) for key in keys]

    subject = and_([f"**{markdown_cell(name)}**" for name in names], MAX_NAMED)
    given = f"{subject} {'is' if len(names) == 1 else 'are'} shown"
    if only:
        named = events(only)
        return f"{given} for: {', '.join(named) if len(named) <= MAX_NAMED else and_(named, MAX_NAMED)}."
    if except_:
        return f"{given} for {everything} except {and_(events(except_), MAX_NAMED)}."
    return f"{given} for {everything}."


def and_(words: Sequence[str], most: int | None = None) -> str:
    """`a, b and c`; of more than `most` the first ones, and how many more."""
    return _listed(_first(words, most), "and")


def or_(words: Sequence[str], most: int | None = None) -> str:
    """`a, b or c`; of more than `most` the first ones, and how many more."""
    return _listed(_first(words, most), "or")


def _first(words: Sequence[str], most: int | None) -> Sequence[str]:
    """The words; of more than `most` the first ones and `970 more`."""
    if most is None or len(words) <= most:
        return words
    return [*words[:most], f"{len(words) - most:,} more"]


def _listed(words: Sequence[str], last: str) -> str:
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
