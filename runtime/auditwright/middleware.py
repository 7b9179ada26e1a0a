"""`AuditMiddleware`: who acts and from where, for whatever is recorded inside a web request.

Pure ASGI, with nothing but the standard library. It puts one mutable context into the ContextVar for each
request. Endpoints, threads of a pool, background tasks and other middleware see copies of the ContextVar, but
the same context in it, so that `set_actor` counts wherever it is called; a value set in the ContextVar itself
would be lost behind BaseHTTPMiddleware and in thread pools.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from auditwright.actor import identifier
from auditwright.addresses import TrustedProxies
from auditwright.context import Context, enter

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MARK = "auditwright.context"
"""The key of the ASGI scope under which a request's context stands while the request is handled."""


class AuditMiddleware:
    """An ASGI application that gives each HTTP request and websocket of `app` a context of its own.

    The context has the client's address, and no actor until `set_actor` names one; what is around the server
    does not count. `account_id` is the tenant unless `set_actor` names another. `trusted_proxies` are
    addresses and CIDRs of your own proxies, none by default, and "unix" for who connects through a Unix
    socket: from them X-Forwarded-For is believed, from nobody else. `Forwarded` (RFC 7239) and X-Real-IP are
    not read. Install it outside of what authenticates; inside another one it does nothing.

    Raises `ValueError` for proxies or an account that cannot be.
    """

    def __init__(
        self, app: App, *, trusted_proxies: Iterable[str] = (), account_id: str | None = None
    ) -> None:
        self.app = app
        self._proxies = TrustedProxies(trusted_proxies)
        self._account_id = identifier("account_id", account_id) if account_id is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI 3 has it."""
        if scope["type"] not in ("http", "websocket") or MARK in scope:
            await self.app(scope, receive, send)
            return
        address = self._client_address(scope)
        with enter(Context(None, self._account_id, address, origin=address)) as context:
            # Into the scope itself, not a copy: middleware outside reads there what routing has found.
            scope[MARK] = context
            try:
                await self.app(scope, receive, send)
            finally:
                scope.pop(MARK, None)

    def _client_address(self, scope: Scope) -> str | None:
        peer, *_ = scope.get("client") or (None,)
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return self._proxies.client_address(peer, lines)
