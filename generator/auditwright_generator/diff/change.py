"""A change between two catalogs: the rule it falls under, what it is about, and the events it reaches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from auditwright_generator.diff.rules import ChangeRule
from auditwright_generator.findings import Position, counted, quote

Fact = str | int | float | bool | None
"""What was, or what is: text for what is no single value."""
FIRST = 3
"""How many of the events that a change reaches a line names."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the newer catalog speaks of what changed, as far as it still does."""

    owner: str = ""
    """A level, or the key of a category or an event; "" for the catalog, or all of a field's owners."""
    field: str | None = None
    attribute: tuple[str, ...] = ()
    """The keys that lead to it from its owner, or from the field's definition or use."""


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One change. Equal changes of one field in several events are one, which reaches them all."""

    rule: ChangeRule
    key: str
    """What changed: `account.models.model_added.model_name`, or `model_name` for a field in all events."""
    what: str
    """What happened to it, in words."""
    subject: Subject
    old: Fact = None
    new: Fact = None
    events: tuple[str, ...] = ()
    """The keys of the events it reaches: of the newer catalog, or of the older where they are gone."""
    position: Position | None = None

    @property
    def message(self) -> str:
        """What changed, for one line, without whom it breaks."""
        return f"{self.key}: {self.what}{self._reach}"

    @property
    def _reach(self) -> str:
        """Which events a change of a field they share reaches."""
        if self.subject.field is None or len(self.events) < 2:
            return ""
        return f"; reaches {listed_events(self.events)}"

    @property
    def whom(self) -> str:
        """`breaks emitters, readers` or `seen by exports`; "" for a safe change that nobody sees."""
        verb = "breaks" if self.rule.effect == "break" else "seen by"
        return f"{verb} {', '.join(self.rule.audiences)}" if self.rule.audiences else ""

    @property
    def hint(self) -> str:
        """What to do, or to do instead."""
        return self.rule.hint.format(old=bare(self.old), new=bare(self.new))


def listed_events(keys: Sequence[str]) -> str:
    """`12 events: a, b, c and 9 more`."""
    rest = len(keys) - FIRST
    first = ", ".join(keys[:FIRST]) + (f" and {rest} more" if rest > 0 else "")
    return f"{counted(len(keys), 'event')}: {first}"


def bare(fact: Fact) -> str:
    """A fact inside a sentence: short text as it is, everything else as `shown` has it."""
    if isinstance(fact, str) and fact.isprintable() and len(fact) <= 120:
        return fact
    return shown(fact)


def shown(value: object) -> str:
    """A value for a message, on one line: text in quotes, and no character that a terminal obeys."""
    if value is None:
        return "nothing"
    text = quote(value)
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
