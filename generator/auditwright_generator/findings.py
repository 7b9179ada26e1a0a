"""What checking a catalog reports: a finding with its place, and the rule it comes from.

Used by every stage before targets (load, structure, the checks). Nothing here reads files or knows YAML.
"""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]


class Position(NamedTuple):
    """Where something stands: a file as it is shown to people, and a line and column from 1."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One mistake at one place. Findings sort by place."""

    path: str
    line: int
    column: int
    severity: Severity
    code: str
    name: str
    message: str

    @property
    def position(self) -> Position:
        """Where it is."""
        return Position(self.path, self.line, self.column)

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}:{self.column}: {self.severity} {self.code} {self.name}: {self.message}"
        )


Mistakes = Iterator[tuple[Position, str]]
"""What a check yields: where each mistake is, and the message about it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is checked. Codes are stable: a retired one is never given to another rule.

    A rule is data; `checks/rules.py` pairs it with its function.
    """

    code: str
    name: str
    severity: Severity
    why: str

    def at(self, position: Position, message: str) -> Finding:
        """The finding of this rule at a place."""
        return Finding(
            position.path, position.line, position.column, self.severity, self.code, self.name, message
        )


def quote(value: object) -> str:
    """A value as a message shows it: text in double quotes, on one line, at most 60 characters."""
    if not isinstance(value, str):
        return json.dumps(value)
    return json.dumps(value if len(value) <= 60 else value[:59] + "…", ensure_ascii=False)


def join_words(words: Iterable[str]) -> str:
    """`a, b, c` for a message."""
    return ", ".join(words)


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that the word was probably meant to be."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return found[0] if found else None


def hint_for(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """The end of a message about an unknown word: the nearest choice, or all of them if they are few."""
    known = list(choices)
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean {quote(near)}?"
    if otherwise:
        return f"; {otherwise}"
    return f"; write one of {join_words(known)}" if 0 < len(known) <= 20 else ""
