"""Access control: the service's `authorize` decides at every request who may read, export and record."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from auditwright.actor import Actor, identifier
from auditwright.errors import ValidationError
from auditwright.limits import shown
from auditwright.server.problems import HttpProblem


@dataclass(frozen=True, slots=True)
class Principal:
    """The user or program behind a request, as returned by `authorize`.

    `actor` is recorded as the actor of exports, and of entries that are recorded without one. `accounts` are
    the ids of all accounts that it may read, 1 to 256 characters each; the first one is the default.
    Exporting and recording are granted separately, and denied by default. What a principal records has itself
    as the actor, its own address and a time of the last hour, unless it `may_impersonate`.

    Raises `ValidationError` for an invalid id, `TypeError` for a wrong type.
    """

    actor: Actor
    accounts: tuple[str, ...]
    may_export: bool = False
    may_record: bool = False
    may_impersonate: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.actor, Actor):
            raise TypeError(f"actor is an Actor, not {type(self.actor).__name__}")
        if not isinstance(self.accounts, tuple):
            got = type(self.accounts).__name__
            raise TypeError(f'accounts is a tuple of ids, such as ("acme",), not {got}')
        for name in ("may_export", "may_record", "may_impersonate"):
            granted: object = getattr(self, name)
            if not isinstance(granted, bool):  # "false" would grant it
                raise TypeError(f"{name} is True or False, not {shown(granted)}")
        for account in self.accounts:
            identifier("accounts", account)


Authorize = Callable[[Request], "Principal | Awaitable[Principal | None] | None"]
"""Returns the principal of a request, or None. A plain function runs in a thread, so it may block."""


async def _require_user(request: Request) -> Principal:
    authorize: Authorize = request.app.state.authorize
    try:
        if inspect.iscoroutinefunction(authorize):
            principal = await authorize(request)
        else:
            returned: Any = await run_in_threadpool(cast("Callable[[Request], Any]", authorize), request)
            principal = await returned if inspect.isawaitable(returned) else returned
    except ValidationError as error:  # raised by Principal or Actor, not for the request
        raise TypeError(f"authorize returned an invalid principal: {error}") from error
    if principal is None:
        raise HttpProblem(401, "not-signed-in", "Sign in to see the audit log.")
    if not isinstance(principal, Principal):
        raise TypeError(f"authorize returns a Principal or None, not {type(principal).__name__}")
    if not principal.accounts:
        raise HttpProblem(403, "no-account", "You have access to no account's audit log.")
    return principal


async def _require_export(principal: RequireUser, request: Request) -> Principal:
    check_same_origin(request)
    if not principal.may_export:
        raise HttpProblem(403, "not-allowed", "You may not export this audit log.")
    return principal


async def _require_record(principal: RequireUser, request: Request) -> Principal:
    check_same_origin(request)
    if not principal.may_record:
        raise HttpProblem(403, "not-allowed", "You may not record into this audit log.")
    return principal


RequireUser = Annotated[Principal, Depends(_require_user)]
"""The principal: 401 without one, 403 without an account."""
RequireExport = Annotated[Principal, Depends(_require_export)]
"""A principal who may export; the request must come from this site."""
RequireRecord = Annotated[Principal, Depends(_require_record)]
"""A principal who may record; the request must come from this site."""


def account_of(principal: Principal, named: str | None) -> str:
    """The account of a request. 404 for an account without access, whether it exists or not."""
    if named is None:
        return principal.accounts[0]
    if named not in principal.accounts:
        raise HttpProblem(404, "no-such-account", "You have access to no account with this id.")
    return named


def check_same_origin(request: Request) -> None:
    """Refuse cross-site requests of browsers. Programs send neither header and are allowed.

    Uses Fetch Metadata (W3C) where the browser sends it, else Origin (RFC 6454).
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or origin.partition("://")[2] == request.headers.get("host", "") != ""
    if not allowed:
        raise HttpProblem(403, "other-site", "This request came from another site and was refused.")


def check_not_a_link(request: Request) -> None:
    """Refuse a GET request that a link, a form or a picture in a document could have started.

    Over plain HTTP browsers do not tell where a link comes from, and on the site itself users may post links
    and pictures. None of these sets a header, and a script of another site must ask first (CORS).
    """
    if "x-requested-with" not in request.headers:
        raise HttpProblem(
            403,
            "unconfirmed",
            "A link could have started this export, so it was not made. Send the header X-Requested-With "
            "with any value, or the same selection by POST as application/json.",
        )
