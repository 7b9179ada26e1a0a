"""Findings: what is wrong in a catalog, where, and by which rule; and the wording that their messages share.

Used by `source`, `checks`, `diff` and `coverage`. Nothing here reads files or knows YAML.
"""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from auditwright_generator.text import printable, printable_json

Severity = Literal["error", "warning"]


class Position(NamedTuple):
    """A position in a file: the path as shown to people, line and column counted from 1."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake. Findings sort by position."""

    path: str
    line: int
    column: int
    severity: Severity
    code: str
    name: str
    message: str

    @property
    def position(self) -> Position:
        """The position of the mistake."""
        return Position(self.path, self.line, self.column)

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}"
        return printable(f"{where}: {self.severity} {self.code} {self.name}: {self.message}")


Mistakes = Iterator[tuple[Position, str]]
"""What a check yields: the position of each mistake and a message."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `checks/rules.py` pairs it with its check function.

    Codes are stable: the code of a removed rule is never used again.
    """

    code: str
    name: str
    severity: Severity
    why: str

    def at(self, position: Position, message: str) -> Finding:
        """A finding of this rule."""
        return Finding(
            position.path, position.line, position.column, self.severity, self.code, self.name, message
        )


class PrintableError(ValueError):
    """An error whose text is on one line and safe to print: it names files, and quotes what they hold."""

    def __str__(self) -> str:
        return printable(super().__str__())


def quote(value: object) -> str:
    """A value for a message: text in double quotes, on one line, truncated after 60 characters."""
    if not isinstance(value, str):
        return json.dumps(value)
    return printable_json(json.dumps(value if len(value) <= 60 else value[:59] + "…", ensure_ascii=False))


def join_words(words: Iterable[str]) -> str:
    """`a, b, c`."""
    return ", ".join(words)


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most similar to the word; None if none is similar."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return found[0] if found else None


def hint_for(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """The hint at the end of a message about an unknown word: the nearest choice, or all choices if few."""
    known = list(choices)
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean {quote(near)}?"
    if otherwise:
        return f"; {otherwise}"
    return f"; write one of {join_words(known)}" if 0 < len(known) <= 20 else ""
