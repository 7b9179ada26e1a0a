"""What every answer carries, and how large a request may be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from auditwright.server.problems import Problem

BASE = "auditwright.base"
"""The key of the ASGI scope for the path that the application is at: routing changes `root_path`."""
MAX_BODY = 8 * 1024 * 1024
"""Bytes in a request's body."""

# Content Security Policy Level 3 (W3C): only our own files, no inline script or style, in no frame.
HEADERS = {
    b"content-security-policy": (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
"""The headers of every answer, besides Cache-Control."""

Message = MutableMapping[str, Any]


class SecurityHeadersMiddleware:
    """ASGI middleware: security headers on every answer, and a bound on what a request may send."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """The ASGI application (ASGI 3.0)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[BASE] = str(scope.get("root_path", "")).rstrip("/")
        caching = _caching(scope)
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message: Message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise Problem(413, "too-large", f"The body of a request has at most {MAX_BODY:,} bytes.")
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {**HEADERS, b"cache-control": caching}
                theirs = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
                message["headers"] = [*theirs, *ours.items()]
            await send(message)

        await self.app(scope, bounded, guarded)


def _caching(scope: Message) -> bytes:
    """Entries are kept nowhere; the page's own files may be, and are asked for again when they change."""
    path = str(scope["path"]).removeprefix(scope[BASE])
    return b"no-cache" if path.startswith("/static/") else b"no-store"
