"""What can go wrong, each with the data a program needs to act on it besides the text people read.

One base class, `AuditwrightError`. Errors become text and an exit code in `cli.py` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "model_name"?` for the nearest known name, or nothing where none is near."""
    near = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


class AuditwrightError(Exception):
    """The base of every error of this package."""

    entry: Any = None
    """The entry, if the error came after it was built; see `NotStored`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that the catalog does not allow."""

    path: str
    """Where: `metadata.temperature`, `metadata.stop_sequence[2]`, `actor`."""
    expected: str
    """What was wanted there, in words."""
    got: str
    """What came, in words: the value, or only its type where the field is personal or secret."""

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


MAX_PROBLEMS = 50
"""Problems that one error names: a hostile entry must not flood the logs."""


class ValidationError(AuditwrightError, ValueError):
    """What the catalog does not allow was refused; nothing was stored.

    `event` is the event's key (or what was given for one), `problems` every problem found, 50 at most.
    """

    def __init__(self, event: str, problems: tuple[Problem, ...]) -> None:
        self.event = event
        self.problems = problems[:MAX_PROBLEMS]
        super().__init__(event, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            problem = self.problems[0]
            return str(problem) if problem.path == self.event else f"{self.event}: {problem}"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{self.event}: {len(self.problems)} problems{lines}"


class SecretKeyMissing(AuditwrightError):
    """An event with a secret field needs a key for its fingerprint, and none is configured."""


class FilterError(AuditwrightError, ValueError):
    """A filter set, a time range or a cursor that cannot be understood; the text names the choices."""


class CatalogError(AuditwrightError):
    """The generated catalog package to work with is unknown, missing or unreadable."""


class ExportError(AuditwrightError):
    """An export did not finish; what was written of it is not to be used."""
