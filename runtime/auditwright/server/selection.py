"""The selection of an API request: from its query, or from a JSON object of the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson

from auditwright.errors import FilterError
from auditwright.limits import truncate
from auditwright.server.access import account_of
from auditwright.server.openapi import SELECTION
from auditwright.server.problems import HttpProblem
from auditwright.server.view import View, read_query

if TYPE_CHECKING:
    from fastapi import Request

    from auditwright.server.access import Principal

MAX_OBJECT = 64 * 1024
"""Bytes in the JSON object of a selection; the longest selection has far fewer."""


def read_selection(query: str, principal: Principal, *others: str) -> tuple[dict[str, list[str]], View, str]:
    """Parse a query with a selection and other names: their values, the view and the account."""
    names = (*(each["name"] for each in SELECTION), *others)
    found = read_query(query, names, several=("where",))
    rest = {name: found.pop(name) for name in others if name in found}
    view = View.parse(urlencode(found, doseq=True))
    return rest, view, account_of(principal, view.account)


def require_json(request: Request, what: str) -> None:
    """Refuse another content type: no form of another site can send JSON without asking (CORS)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HttpProblem(415, "not-json", f"Send the {what} as application/json.")


def query_of_json(body: bytes) -> str:
    """The query for a JSON object: each value is a string, that of `where` a list of them."""
    if len(body) > MAX_OBJECT:
        raise HttpProblem(413, "too-large", f"A selection has at most {MAX_OBJECT:,} bytes.")
    try:
        form = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpProblem(400, "not-json", f"Invalid JSON: {error}.") from None
    if not isinstance(form, dict):
        raise FilterError(f"selection: expected a JSON object, got {type(form).__name__}")
    pairs = []
    for name, value in form.items():
        several = value if name == "where" and isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in several):
            wanted = "a list of strings" if name == "where" else "a string"
            raise FilterError(f"{truncate(name, 80)}: expected {wanted}, got another type")
        pairs += [(name, each) for each in several]
    return urlencode(pairs)
