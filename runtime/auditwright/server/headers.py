"""Middleware: security headers on every response, and a limit on request bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditwright.server.problems import HttpProblem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BASE = "auditwright.base"
"""The key of the ASGI scope for the application's mount path; routing changes `root_path`."""
MAX_BODY = 8 * 1024 * 1024
"""Bytes in a request's body."""

# Content Security Policy Level 3 (W3C): only own files, no inline script or style, no framing.
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
"""The headers of every response, besides Cache-Control."""


class SecurityHeadersMiddleware:
    """ASGI middleware that adds the security headers and limits request bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[BASE] = str(scope.get("root_path", "")).rstrip("/")
        caching = _caching(scope)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise HttpProblem(413, "too-large", f"A request body has at most {MAX_BODY:,} bytes.")
            return message

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {**HEADERS, b"cache-control": caching}
                theirs = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
                message["headers"] = [*theirs, *ours.items()]
            await send(message)

        await self.app(scope, receive_limited, send_with_headers)


def _caching(scope: Scope) -> bytes:
    """Entries must not be cached; static files are revalidated."""
    path = str(scope["path"]).removeprefix(scope[BASE])
    return b"no-cache" if path.startswith("/static/") else b"no-store"
