"""Findings: what is wrong in a catalog, where, and by which rule; and the wording that their messages share.

Used by `source`, `checks`, `diff` and `coverage`. Nothing here reads files or knows YAML.
"""

import difflib
import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from auditwright_generator.text import printable, printable_json

Severity = Literal["error", "warning"]
MAX_LISTED = 20
"""The most words that a message lists whole."""
MAX_COMPARED, MAX_CANDIDATES, CUTOFF = 100, 20, 0.6
"""A suggestion: characters that are compared, choices that are compared in full, and the least similarity."""


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


@dataclass(frozen=True, slots=True, order=True)
class KnownFinding:
    """What a baseline says of one or more findings."""

    file: str
    """The path of the file in the folder of the catalog."""
    subject: str
    """The keys that lead to the place, such as `events.board_created.description`; "" for the file."""
    rule: str


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
    is_guess: bool = False
    """Whether an error may be wrong in a case, so that a reason can suppress it."""

    @property
    def can_be_suppressed(self) -> bool:
        """Whether `suppress:` hides its findings."""
        return self.severity == "warning" or self.is_guess

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
    """`a, b, c`; of more than 20 only the first ten and their number: `a, b, ... (400)`."""
    known = list(words)
    if len(known) <= MAX_LISTED:
        return ", ".join(known)
    return f"{', '.join(known[: MAX_LISTED // 2])}, ... ({len(known):,})"


def either(words: Iterable[str]) -> str:
    """`a or b or c`; of more than 20 `one of a, b, ... (400)`."""
    known = list(words)
    return " or ".join(known) if len(known) <= MAX_LISTED else f"one of {join_words(known)}"


def counted(number: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most similar to the word; None if none is similar.

    Of many choices only those that share most pairs of characters are compared in full, as in the runtime.
    """
    word = word[:MAX_COMPARED]
    # The ratio of two texts is at most what their lengths allow.
    low, high = len(word) * CUTOFF / (2 - CUTOFF), len(word) * (2 - CUTOFF) / CUTOFF
    possible = [each for each in choices if low <= len(each) <= high]
    if len(possible) > MAX_CANDIDATES:
        pairs = {word[at : at + 2] for at in range(len(word) - 1)}
        possible = heapq.nlargest(
            MAX_CANDIDATES,
            possible,
            key=lambda each: sum(map(each.__contains__, pairs)) / (len(pairs) + len(each)),
        )
    found = difflib.get_close_matches(word, possible, n=1, cutoff=CUTOFF)
    return found[0] if found else None


def hint_for(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """The hint at the end of a message about an unknown word: the nearest choice, or all choices if few."""
    known = list(choices)
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean {quote(near)}?"
    if otherwise:
        return f"; {otherwise}"
    return f"; write one of {join_words(known)}" if 0 < len(known) <= MAX_LISTED else ""
