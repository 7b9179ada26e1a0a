"""`AuditMiddleware`: the audit context of each web request. Pure ASGI, standard library only.

For each request it sets one mutable context in the ContextVar. Endpoints, thread pools, background tasks and
other middleware see copies of the ContextVar that hold the same context, so that `set_actor` works in all of
them. A value set in the ContextVar itself would be lost behind BaseHTTPMiddleware and in thread pools.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from auditwright.context import enter
from auditwright.limits import shown
from auditwright.request_context import MARK, REQUEST_ID_HEADER, RequestContexts

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AuditMiddleware:
    """ASGI middleware that gives each HTTP request and websocket of `app` its own context.

    The context has the client's address, and no actor until `set_actor` is called; it inherits nothing from
    outside of the server. `account_id` is the default tenant; `set_actor` may override it. `trusted_proxies`
    are the addresses and CIDRs of your own proxies, and "unix" for connections through a Unix socket.
    X-Forwarded-For is trusted from these only. `Forwarded` (RFC 7239) and X-Real-IP are not read. Entries get
    the User-Agent of the request, and its id from the header `request_id_header`, both as the client says
    them. Install it outside of the authentication middleware; a nested one does nothing.

    Raises `ValueError` for invalid proxies, an invalid account or an invalid header, `TypeError` where `app`
    is not callable.
    """

    def __init__(
        self,
        app: App,
        *,
        trusted_proxies: Iterable[str] = (),
        account_id: str | None = None,
        request_id_header: str | None = REQUEST_ID_HEADER,
    ) -> None:
        if not callable(app):
            raise TypeError(f"AuditMiddleware needs app: an ASGI application, not {shown(app)}")
        self.app = app
        self._contexts = RequestContexts(trusted_proxies, account_id, request_id_header)
        named = self._contexts.request_id_header
        self._request_id = named.encode() if named is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection (ASGI 3)."""
        if scope["type"] not in ("http", "websocket") or MARK in scope:
            await self.app(scope, receive, send)
            return
        peer, *_ = scope.get("client") or (None,)
        headers = scope["headers"]
        lines = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        user_agent, request_id = _first(headers, b"user-agent"), _first(headers, self._request_id)
        with enter(self._contexts.new(peer, lines, user_agent, request_id)) as context:
            # The scope is changed, not copied: outer middleware reads from it what routing adds.
            scope[MARK] = context
            try:
                await self.app(scope, receive, send)
            finally:
                scope.pop(MARK, None)


def _first(headers: Iterable[tuple[bytes, bytes]], wanted: bytes | None) -> str | None:
    """The first line of a header."""
    return next((value.decode("latin-1") for name, value in headers if name == wanted), None)
