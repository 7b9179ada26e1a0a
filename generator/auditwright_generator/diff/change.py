"""A change between two catalogs: its rule, its subject, the old and new value, and the affected events."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditwright_generator.diff.rules import ChangeRule
from auditwright_generator.findings import Position, counted, quote
from auditwright_generator.text import printable

Fact = str | int | float | bool | None
"""An old or new value; text for anything that is not a single value."""
MAX_LISTED = 3
"""How many of the affected events a line names."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the newer catalog defines what changed."""

    owner: str = ""
    """A level, or the key of a category or an event; "" for the catalog, or for a field in all events."""
    field: str | None = None
    attribute: tuple[str, ...] = ()
    """The path of keys from the owner, or from the definition or use of the field."""


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One change. Equal changes of a field in several events are combined into one."""

    rule: ChangeRule
    key: str
    """What changed: `account.models.model_added.model_name`, or `model_name` for a field in all events."""
    what: str
    """What happened, in words."""
    subject: Subject
    old: Fact = None
    new: Fact = None
    events: tuple[str, ...] = ()
    """The keys of the affected events in the newer catalog, or in the older one if they were removed."""
    position: Position | None = None

    @property
    def message(self) -> str:
        """What changed, on one line."""
        return f"{self.key}: {self.what}{self.reach}"

    @property
    def reach(self) -> str:
        """The events that a change of a shared field affects."""
        if self.subject.field is None or len(self.events) < 2:
            return ""
        return f"; affects {listed_events(self.events)}"

    @property
    def impact(self) -> str:
        """`breaks emitters, readers` or `seen by exports`; "" for a safe change that nobody sees."""
        verb = "breaks" if self.rule.effect == "break" else "seen by"
        return f"{verb} {', '.join(self.rule.audiences)}" if self.rule.audiences else ""

    @property
    def hint(self) -> str:
        """What to do about it."""
        return self.rule.hint.format(old=bare(self.old), new=bare(self.new))


def listed_events(keys: Sequence[str]) -> str:
    """`12 events: a, b, c and 9 more`."""
    rest = len(keys) - MAX_LISTED
    first = ", ".join(keys[:MAX_LISTED]) + (f" and {rest} more" if rest > 0 else "")
    return f"{counted(len(keys), 'event')}: {first}"


def bare(fact: Fact) -> str:
    """A fact inside a sentence: short text unquoted, everything else like `shown`."""
    if isinstance(fact, str) and printable(fact) == fact and len(fact) <= 120:
        return fact
    return shown(fact)


def shown(value: object) -> str:
    """A value for a message: on one line, text in quotes, control characters escaped."""
    if value is None:
        return "nothing"
    return quote(value)
