"""The exceptions of the package, with their data as attributes besides the text.

All are subclasses of `AuditwrightError`. Those of databases are in `storage/errors.py`. `cli.py` turns errors
into text and an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class AuditwrightError(Exception):
    """The base of every error of this package."""

    entry: Any = None
    """The entry, if the error came after it was built; see `NotStored`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One violation of the catalog."""

    path: str
    """The location: `metadata.temperature`, `metadata.stop_sequence[2]`, `actor`."""
    expected: str
    """The expected value, in words."""
    got: str
    """The value, or only its type if the field is personal or secret."""

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
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        text = f"{self.event}: {len(self.problems)} problems{lines}"
        if len(self.problems) == 1:
            problem = self.problems[0]
            text = str(problem) if problem.path == self.event else f"{self.event}: {problem}"
        # A key as given may have lone surrogates, which no file or terminal takes.
        return text.encode(errors="backslashreplace").decode()


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
