"""The exceptions of the package, with their data as attributes besides the text.

All are subclasses of `AuditwrightError`. Those of databases are in `storage/errors.py`. `cli.py` turns errors
into text and an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditwright.text import printable


class AuditwrightError(Exception):
    """The base of every error of this package."""

    entry: Any = None
    """The entry, if the error came after it was built; see `NotStored`."""

    def __str__(self) -> str:
        """The text on one line, safe to print: parts of it can be what a caller or a row says."""
        return printable(super().__str__())

    def __repr__(self) -> str:
        return printable(super().__repr__())


@dataclass(frozen=True, slots=True)
class Problem:
    """One violation of the catalog."""

    path: str
    """The location: `metadata.temperature`, `metadata.stop_sequence[2]`, `actor`."""
    expected: str
    """The expected value, in words."""
    got: str
    """The value, or only its type if the field is personal or secret."""

    def __post_init__(self) -> None:
        for name in ("path", "expected", "got"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


MAX_PROBLEMS = 50
"""The most problems of one error, so that a hostile entry cannot flood the logs."""


class ValidationError(AuditwrightError, ValueError):
    """The catalog does not allow a value; nothing was stored.

    `event` is the event's key as given, `problems` has all problems, at most 50.
    """

    def __init__(self, event: str, problems: tuple[Problem, ...] | str) -> None:
        self.event = event
        if isinstance(problems, str):
            # A task queue that sends errors as JSON makes them again with texts; see contrib/celery.py.
            problems = (Problem(event, "valid values", problems),)
        self.problems = problems[:MAX_PROBLEMS]
        super().__init__(event, self.problems)

    def __str__(self) -> str:
        event = printable(self.event)
        if len(self.problems) == 1:
            problem = self.problems[0]
            return str(problem) if problem.path == event else f"{event}: {problem}"
        return "\n  ".join((f"{event}: {len(self.problems)} problems", *map(str, self.problems)))


class SecretKeyMissing(AuditwrightError):
    """An event with a secret field was recorded and no key for its fingerprint is configured."""


class FilterError(AuditwrightError, ValueError):
    """A filter, a time range, a limit or a cursor is invalid; the text names the choices."""


class CatalogError(AuditwrightError):
    """The generated package is missing or unreadable, or fits neither this auditwright nor the log."""


class ExportError(AuditwrightError):
    """An export failed; its output is incomplete."""


class SourceError(AuditwrightError):
    """What is to be imported cannot be read: it is damaged or incomplete, or a package is missing."""
