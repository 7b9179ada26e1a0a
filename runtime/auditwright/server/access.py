"""Who may see, export and record what: asked of the service at every request, never assumed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from auditwright.actor import Actor, identifier
from auditwright.errors import ValidationError
from auditwright.server.problems import Problem


@dataclass(frozen=True, slots=True)
class Principal:
    """What `authorize` says of the one behind a request.

    `actor` is recorded as who exported, and as who did what is recorded without an actor. `accounts` are the
    ids of all accounts that it may read, 1 to 256 characters each; the first one is shown where the request
    names none. Exporting and recording are granted apart, and nobody may do either by default.

    Raises `ValidationError` for an id that cannot be, `TypeError` for what is no actor, no tuple of accounts,
    or neither True nor False.
    """

    actor: Actor
    accounts: tuple[str, ...]
    may_export: bool = False
    may_record: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.actor, Actor):
            raise TypeError(f"actor is an Actor, not {type(self.actor).__name__}")
        if not isinstance(self.accounts, tuple):
            got = type(self.accounts).__name__
            raise TypeError(f'accounts is a tuple of ids, such as ("acme",), not {got}')
        for granted in (self.may_export, self.may_record):
            if not isinstance(granted, bool):  # "false" would grant it
                raise TypeError(f"may_export and may_record are True or False, not {granted!r}")
        for account in self.accounts:
            identifier("accounts", account)


Authorize = Callable[[Request], "Principal | Awaitable[Principal | None] | None"]
"""Says who is behind a request; None is nobody. A plain function runs in a thread, so it may block."""


async def _principal_of(request: Request) -> Principal:
    authorize: Authorize = request.app.state.authorize
    try:
        if inspect.iscoroutinefunction(authorize):
            principal = await authorize(request)
        else:
            found: Any = await run_in_threadpool(cast("Callable[[Request], Any]", authorize), request)
            principal = await found if inspect.isawaitable(found) else found
    except ValidationError as error:  # of an actor or an account, and no fault of the request
        raise TypeError(f"authorize made what cannot be: {error}") from error
    if principal is None:
        raise Problem(401, "not-signed-in", "Sign in to see the audit log.")
    if not isinstance(principal, Principal):
        raise TypeError(f"authorize gives a Principal or None, not {type(principal).__name__}")
    if not principal.accounts:
        raise Problem(403, "no-account", "You may see the audit log of no account.")
    return principal


async def _exporter(principal: RequireUser, request: Request) -> Principal:
    check_same_origin(request)
    if not principal.may_export:
        raise Problem(403, "not-allowed", "You may not export this audit log.")
    return principal


async def _recorder(principal: RequireUser, request: Request) -> Principal:
    check_same_origin(request)
    if not principal.may_record:
        raise Problem(403, "not-allowed", "You may not record into this audit log.")
    return principal


RequireUser = Annotated[Principal, Depends(_principal_of)]
"""Whoever is signed in: 401 for nobody, 403 for one without an account."""
RequireExport = Annotated[Principal, Depends(_exporter)]
"""Who may export, from this site."""
RequireRecord = Annotated[Principal, Depends(_recorder)]
"""Who may record, from this site."""


def account_of(principal: Principal, named: str | None) -> str:
    """The account a request is about; one that is not the principal's is as unknown as one of nobody."""
    if named is None:
        return principal.accounts[0]
    if named not in principal.accounts:
        raise Problem(404, "no-such-account", "You may see no account of that id.")
    return named


def check_same_origin(request: Request) -> None:
    """Refuse what a page of another site makes a browser send; programs send neither header.

    By Fetch Metadata (W3C) where the browser says it, else by Origin (RFC 6454).
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or origin.partition("://")[2] == request.headers.get("host", "") != ""
    if not allowed:
        raise Problem(403, "other-site", "This request came from another site and was refused.")
