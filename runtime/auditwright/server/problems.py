"""Errors of the API as problem details (RFC 9457). The page shows the same as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from auditwright.errors import AuditwrightError, FilterError, ValidationError
from auditwright.storage.errors import IdConflict

TITLES = {
    "not-signed-in": "Not signed in",
    "no-account": "No account",
    "no-such-account": "No such account",
    "no-such-entry": "No such entry",
    "no-such-event": "No such event",
    "no-such-object": "No such object",
    "not-allowed": "Not allowed",
    "impersonation": "Not in your own name",
    "other-site": "Refused",
    "unconfirmed": "Not exported",
    "invalid-filter": "Filter not understood",
    "invalid-entry": "Not allowed by the catalog",
    "invalid-request": "Request not understood",
    "id-conflict": "Another entry has this id",
    "not-json": "Not JSON",
    "too-large": "Too large",
    "too-many-exports": "Too many exports",
    "unfinished-request": "Request not finished",
    "too-many-requests": "Too many requests",
    "not-found": "Page not found",
    "wrong-method": "Not possible here",
    "not-recorded": "Not recorded",
    "unavailable": "Not available",
    "failed": "Something went wrong",
}
"""The title of each kind of problem."""


class HttpProblem(Exception):
    """An error with its HTTP status, kind and detail."""

    def __init__(
        self, status: int, kind: str, detail: str, errors: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = TITLES[kind]
        self.detail = detail
        self.errors = errors or []
        self.headers: dict[str, str] = {}

    def to_json(self) -> dict[str, Any]:
        """The problem details object; `errors` names each fault with its path."""
        form: dict[str, Any] = {
            "type": f"urn:auditwright:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return form | ({"errors": self.errors} if self.errors else {})


def problem_of(error: AuditwrightError) -> HttpProblem:
    """The problem for an error of the runtime."""
    if isinstance(error, ValidationError):
        return HttpProblem(422, "invalid-entry", str(error), [asdict(each) for each in error.problems])
    if isinstance(error, FilterError):
        return HttpProblem(400, "invalid-filter", str(error))
    if isinstance(error, IdConflict):
        return HttpProblem(409, "id-conflict", str(error))
    # Internal details, such as paths and settings, are only for the operator's log.
    return HttpProblem(
        503, "unavailable", "The audit log cannot do this now. Try again, or ask its operator."
    )
