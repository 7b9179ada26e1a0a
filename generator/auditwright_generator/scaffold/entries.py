"""What is written for a new event, category or field: its lines, ready to be inserted.

Keys come in the order of the reference, and only those that say something.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditwright_generator.model import Value
from auditwright_generator.scaffold.insert import Lines
from auditwright_generator.scaffold.wording import yaml_scalar, yaml_value

_WIDTH = 96


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written."""

    name: str
    title: str
    description: str
    message: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    example: Mapping[str, Value] | None = None
    since: str | None = None

    def lines(self) -> Lines:
        """As it stands among the events of a category."""
        return [
            (0, f"{yaml_scalar(self.name)}:"),
            (1, f"title: {yaml_scalar(self.title)}"),
            *_prose("description", self.description, 1),
            (1, f"message: {_quoted(self.message)}"),
            *([(1, f"since: {yaml_scalar(self.since)}")] if self.since else []),
            *_metadata(self.required, self.optional, 1),
            *_example(self.example or {}),
        ]


@dataclass(frozen=True, slots=True)
class NewCategory:
    """A category to be written, without events."""

    name: str
    title: str
    description: str
    order: int | None = None
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def lines(self) -> Lines:
        """The whole file."""
        return [
            (0, f"category: {yaml_scalar(self.name)}"),
            *([(0, f"order: {self.order}")] if self.order is not None else []),
            (0, f"title: {yaml_scalar(self.title)}"),
            *_prose("description", self.description, 0),
            *_metadata(self.required, self.optional, 0),
            (0, "events: {}"),
        ]


@dataclass(frozen=True, slots=True)
class NewField:
    """A field to be written, with whatever keys it has besides title, type and description."""

    name: str
    title: str
    type: str
    description: str
    values: Mapping[str, str]
    more: Mapping[str, str | int | float | bool]

    def lines(self) -> Lines:
        """As it stands in fields.yaml."""
        values = ", ".join(f"{yaml_scalar(key)}: {yaml_scalar(title)}" for key, title in self.values.items())
        return [
            (0, f"{yaml_scalar(self.name)}:"),
            (1, f"title: {yaml_scalar(self.title)}"),
            (1, f"type: {yaml_scalar(self.type)}"),
            *([(1, f"values: {{{values}}}")] if values else []),
            *((1, f"{key}: {yaml_scalar(value)}") for key, value in self.more.items()),
            *_prose("description", self.description, 1),
        ]


def _quoted(text: str) -> str:
    plain = yaml_scalar(text)
    return plain if plain.startswith('"') else f'"{plain}"'


def _prose(key: str, text: str, depth: int) -> Iterator[tuple[int, str]]:
    """On one line if it fits, else as a folded block, which keeps no other space than one between words."""
    text = " ".join(text.split())
    line = f"{key}: {yaml_scalar(text)}"
    wrapped = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    if len(line) <= _WIDTH or len(wrapped) < 2:
        yield depth, line
        return
    yield depth, f"{key}: >-"
    for part in wrapped:
        yield depth + 1, part


def _metadata(required: tuple[str, ...], optional: tuple[str, ...], depth: int) -> Iterator[tuple[int, str]]:
    if required or optional:
        yield depth, "metadata:"
    for name in required:
        yield depth + 1, f"{yaml_scalar(name)}: {{}}"
    for name in optional:
        yield depth + 1, f"{yaml_scalar(name)}: {{required: false}}"


def _example(example: Mapping[str, Value]) -> Iterator[tuple[int, str]]:
    pairs = [f"{yaml_scalar(name)}: {yaml_value(value)}" for name, value in example.items()]
    line = f"example: {{{', '.join(pairs)}}}"
    if len(line) <= _WIDTH:
        yield 1, line
        return
    yield 1, "example:"
    for pair in pairs:
        yield 2, pair
