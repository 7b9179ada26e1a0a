"""Middleware: a client that makes no progress is cut off.

Flow control makes a server's `send` wait for a client that does not read. Bodies are sent in parts, so that
the wait is for a small part and no more than that is kept in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from auditwright.server.problems import HttpProblem
from auditwright.text import printable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PART = 64 * 1024
"""The most bytes of a body that are sent at once. A client has to take so many within the deadline."""
MIN_SECONDS, MAX_SECONDS = 1, 3600

_logger = logging.getLogger("auditwright.server")


class StalledClient(Exception):
    """The client has not taken the next part of the response within the deadline."""


class StalledClientsMiddleware:
    """ASGI middleware with a deadline for each step of a client: sending a part of its request, or reading.

    `seconds` is the deadline, 1 to 3,600. A request that stops midway gets a 408 problem. A response that is
    not read is aborted: what uses it, such as the database connection of an export, is released at once, and
    the connection breaks, so that the client sees an incomplete file. The abort is logged.

    Raises `ValueError` for seconds out of range.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        check_seconds(seconds)
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application (ASGI 3.0)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        waits_for_body = True

        async def receive_in_time() -> Message:
            nonlocal waits_for_body
            if not waits_for_body:  # the next message is the disconnect, whenever that is
                return await receive()
            message: Message | None = None
            with anyio.move_on_after(self._seconds):
                message = await receive()
            if message is None:
                raise _unfinished(self._seconds)
            waits_for_body = message.get("more_body", False)
            return message

        async def send_in_time(message: Message) -> None:
            nonlocal waits_for_body
            waits_for_body = False
            for part in _parts(message):
                with anyio.move_on_after(self._seconds) as waiting:
                    await send(part)
                if waiting.cancelled_caught:
                    raise StalledClient

        try:
            await self.app(scope, receive_in_time, send_in_time)
        except StalledClient:
            _logger.warning(
                "%s: aborted, because the client had read nothing for %g seconds",
                printable(f"{scope['method']} {scope['path']}"),
                self._seconds,
            )
            if not await _abort(receive):
                raise  # the server closes the connection


def check_seconds(seconds: float) -> None:
    """Raise `ValueError` for a deadline out of range."""
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise ValueError(
            f"stall_seconds: expected seconds from {MIN_SECONDS} to {MAX_SECONDS:,}, got {seconds!r}"
        )


def _parts(message: Message) -> Iterator[Message]:
    """The message, with a long body in several."""
    body = message.get("body", b"")
    if len(body) <= PART:
        yield message
        return
    for start in range(0, len(body), PART):
        end = start + PART
        more_body = end < len(body) or message.get("more_body", False)
        yield {**message, "body": body[start:end], "more_body": more_body}


async def _abort(receive: Receive) -> bool:
    """Abort the connection of uvicorn; False for another server.

    ASGI has no message for this. uvicorn closes the connection of an application that raises, but only after
    the client has read what was sent, and so never.
    """
    abort = getattr(getattr(getattr(receive, "__self__", None), "transport", None), "abort", None)
    if not callable(abort):
        return False
    abort()
    await anyio.lowlevel.checkpoint()  # uvicorn learns of it: else it logs an incomplete response
    return True


def _unfinished(seconds: float) -> HttpProblem:
    problem = HttpProblem(
        408, "unfinished-request", f"The rest of the request did not come for {seconds:g} seconds."
    )
    problem.headers["Connection"] = "close"
    return problem
