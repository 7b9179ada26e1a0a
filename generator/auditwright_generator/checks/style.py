"""Checks of titles, descriptions and messages as texts for people."""

import re
from collections.abc import Callable, Iterator

from auditwright_generator.findings import Mistakes, quote
from auditwright_generator.names import words
from auditwright_generator.source.catalog_source import CatalogSource
from auditwright_generator.source.yaml_nodes import Node

_PLACEHOLDER = re.compile(
    r"\b(?:TODO|TBD|FIXME|XXX|WIP)\b|^\s*(?:-+|\.{2,}|\?+|n/?a|none|test|foo|bar)\s*\.?\s*$|\blorem ipsum\b",
    re.IGNORECASE,
)
_FILLERS = words("a an and are be been by for had has have in is it its of on that the this to was were")
_SENTENCE_ENDS = (*".!?…。！？」।؟۔)",)
_CLOSERS = "\"'”’»*_]"
"""What may follow the end of a sentence: quotation marks, emphasis, the end of a link."""
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])\s")
_LINK_AT_END = re.compile(r"\bhttps?://\S+$")


def _described(source: CatalogSource) -> Iterator[tuple[str, Node]]:
    """Everything that has a title and a description: its name in words, and its node."""
    yield "the catalog", source.node
    for level in source.levels:
        yield f"level {level.name}", level.node
    for field in source.fields.values():
        yield f"field {field.name}", field.node
    for category in source.categories:
        yield f"category {category.name}", category.node
        for event in category.events:
            yield f"event {event.name}", event.node
    for owner, use in source.all_uses:
        yield f"{owner}: field {use.field}", use.node


def _each(source: CatalogSource, key: str, judge: Callable[[str], str | None]) -> Mistakes:
    for thing, node in _described(source):
        text = node.get(key)
        reason = judge(str(text.scalar).strip()) if text else None
        if text and reason:
            yield text.position, f"{key} of {thing} {reason}"


def check_descriptions_are_sentences(source: CatalogSource) -> Mistakes:
    """AC302: the reference shows descriptions as prose."""
    yield from _each(source, "description", _not_a_sentence)


def _not_a_sentence(text: str) -> str | None:
    if _PLACEHOLDER.search(text):
        return None  # AC306 reports it
    first = text.split()[0]
    if text[0].islower() and first.islower():  # names such as iOS have their capital elsewhere
        return f"starts with {quote(first)}; start with a capital letter"
    if not _is_ended(text):
        return f"ends with {quote(text.split()[-1])}; end it with a full stop"
    return None


def _is_ended(text: str) -> bool:
    """Whether nothing is missing at the end: a full stop is, except after a code span, a list or a link."""
    if text.endswith("`") or _LINK_AT_END.search(text) or text.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS):
        return True
    last_paragraph = re.split(r"\n[ \t]*\n", text)[-1]
    return any(map(_LIST_ITEM.match, last_paragraph.splitlines()))


def end_sentence(text: str) -> str | None:
    """The description with a full stop, if that is all that AC302 misses; None otherwise.

    Only after letters and digits of a script that ends its sentences with a full stop.
    """
    ended = text.rstrip()
    last = ended.rstrip(_CLOSERS + "%")[-1:]
    if not _not_a_sentence(ended.lstrip()) or not last.isalnum() or last > _LAST_CYRILLIC:
        return None
    return None if _not_a_sentence(f"{ended.lstrip()}.") else f"{ended}.{text[len(ended) :]}"


_LAST_CYRILLIC = "\u052f"
"""The last letter of the scripts Latin, Greek and Cyrillic."""


def check_titles_are_no_sentences(source: CatalogSource) -> Mistakes:
    """AC307: titles are shown in tables, menus and headings."""
    yield from _each(source, "title", _not_a_title)


def _not_a_title(text: str) -> str | None:
    if text.endswith((".", ":", ";", ",")) and not text.endswith(("...", "etc.", "Inc.")):
        return f"ends with {quote(text[-1])}; remove it"
    return None


def end_title(title: str) -> str | None:
    """The title as AC307 wants it to end; None if there is nothing to remove, or nothing would be left."""
    ended = title
    while _not_a_title(ended):
        ended = ended[:-1].rstrip()
    return ended if ended and ended != title else None


def check_texts_are_written(source: CatalogSource) -> Mistakes:
    """AC306: a placeholder would be published."""
    for key in ("title", "description", "message", "failure_message"):
        yield from _each(source, key, _placeholder)


def _placeholder(text: str) -> str | None:
    found = _PLACEHOLDER.search(text)
    return f"has the placeholder {quote(found.group().strip())}; write the actual text" if found else None


def check_descriptions_say_more_than_titles(source: CatalogSource) -> Mistakes:
    """AC303: a description must add something to the title."""
    for thing, node in _described(source):
        title, text = node.get("title"), node.get("description")
        if title is None or text is None or _placeholder(str(text.scalar)):
            continue
        if _words(str(text.scalar)) <= _words(str(title.scalar)):
            yield (
                text.position,
                f"description of {thing} only repeats the title; say when it happens or what it means",
            )


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W_]+", text.lower()) if word not in _FILLERS}


def check_descriptions_differ(source: CatalogSource) -> Mistakes:
    """AC308: equal descriptions mean that two things are the same, or that one was copied.

    Fields of one stored name are the same thing with another type in other events, and say so.
    """
    fields = [
        (f"field {field.name}", field.node, _text(field.node, "stored_as") or field.name)
        for field in source.fields.values()
    ]
    events = [
        [(f"event {event.name}", event.node, event.name) for event in category.events]
        for category in source.categories
    ]
    for group in (fields, *events):
        owners: dict[str, tuple[str, str]] = {}
        for thing, node, stored_name in group:
            text = node.get("description")
            if text is None:
                continue
            known = " ".join(str(text.scalar).split()).lower()
            first, first_name = owners.setdefault(known, (thing, stored_name))
            if first_name != stored_name:
                yield (
                    text.position,
                    f"description of {thing} is the same as that of {first}; say how the two differ",
                )


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    return str(found.scalar) if found else ""
