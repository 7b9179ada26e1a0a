"""`AuditMiddleware`: who acts and from where, for whatever is recorded inside a web request.

Pure ASGI. It puts one mutable context into the ContextVar, which the endpoint's thread or task, its background
tasks and other middleware all see, so that authentication may name the actor wherever it runs (`auditwright.set_actor`).
A ContextVar set inside an endpoint would be lost behind BaseHTTPMiddleware and in thread pools.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from auditwright.addresses import TrustedProxies
from auditwright.context import Context, enter, identifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AuditMiddleware:
    """Gives each HTTP request and websocket a context of its own, with the client's address.

    `trusted_proxies` are the addresses or CIDRs of proxies whose X-Forwarded-For is believed, none by default;
    install the middleware outside of any other that rewrites the client. `account_id` is the tenant of
    entries unless `set_actor` names another one. Raises `ValueError` for networks that cannot be.
    """

    def __init__(
        self, app: App, *, trusted_proxies: Iterable[str] = (), account_id: str | None = None
    ) -> None:
        self.app = app
        self._proxies = TrustedProxies(trusted_proxies)
        self._account_id = identifier("account_id", account_id) if account_id is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        peer = (scope.get("client") or (None,))[0]
        forwarded = [
            value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
        ]
        address = self._proxies.client_address(peer, forwarded)
        with enter(Context(account_id=self._account_id, ip_address=address)):
            await self.app(scope, receive, send)
