"""Runs an ASGI application for Django's views, in an event loop of its own thread.

Under WSGI there is no event loop, and under ASGI a view cannot leave the response to another application.
Here the view gets the messages of the response one by one, and the application waits for the client to read.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Self, TypeVar

from auditwright.forks import ForkAware, register

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
T = TypeVar("T")


class Bridge(ForkAware):
    """An application, made by `make` at the first request, and the thread that runs it."""

    def __init__(self, make: Callable[[], App]) -> None:
        self._make = make
        self._reset()
        register(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._app: App | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def after_fork_in_child(self) -> None:
        """See `ForkAware`: the child has no such thread."""
        self._reset()

    def exchange(self, scope: Scope, body: bytes) -> Exchange:
        """Begin a request."""
        with self._lock:
            if self._app is None or self._loop is None:
                self._app, self._loop = self._make(), _start_loop()
            app, loop = self._app, self._loop
        return Exchange(app, loop, scope, body)


def _start_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="auditwright-page", daemon=True)
    thread.start()

    def stop() -> None:
        if not loop.is_closed() and thread.is_alive():  # it is not in a forked child
            loop.call_soon_threadsafe(loop.stop)
            thread.join(1)

    atexit.register(stop)
    return loop


class Exchange:
    """A request to the application, and the messages of its response."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop, scope: Scope, body: bytes) -> None:
        self._loop = loop
        self._request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        # One message, so that the application waits for what is read of the response.
        self._messages: asyncio.Queue[Message] = asyncio.Queue(1)
        self._closed = asyncio.Event()
        self._task = self._in_loop(self._begin(app, scope)).result()

    def _in_loop(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _begin(self, app: App, scope: Scope) -> asyncio.Task[None]:
        async def run() -> None:
            await app(scope, self._receive, self._send)

        return asyncio.create_task(run())

    async def _receive(self) -> Message:
        message, self._request = self._request, None
        if message is not None:
            return message
        await self._closed.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._messages.put(message)
        if self._closed.is_set():
            raise OSError("the client has disconnected")

    async def _next(self) -> Message:
        getting = asyncio.create_task(self._messages.get())
        try:
            await asyncio.wait({getting, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return getting.result()
            if not self._messages.empty():
                return self._messages.get_nowait()
        finally:
            getting.cancel()
        self._task.result()
        return {"type": "http.response.body", "body": b"", "more_body": False}

    def next(self) -> Message:
        """Wait for the next message; raises the application's error."""
        return self._in_loop(self._next()).result()

    async def next_async(self) -> Message:
        """The same without blocking the event loop of the caller."""
        return await asyncio.wrap_future(self._in_loop(self._next()))

    def close(self) -> None:
        """Tell the application that the client is gone, if the response is not over. Idempotent."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._disconnect)

    def _disconnect(self) -> None:
        self._closed.set()
        while not self._messages.empty():  # `_send` may wait for room
            self._messages.get_nowait()
        if self._task.done() and not self._task.cancelled():
            self._task.exception()  # it was told to the view, or to nobody


class Parts:
    """The parts of a response's body, for a view under WSGI; `close` ends the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.close = exchange.close
        self._exchange = exchange
        self._is_over = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        message = self._exchange.next()
        self._is_over = not message.get("more_body", False)
        return bytes(message.get("body", b""))


class AsyncParts:
    """The same for a view under ASGI."""

    def __init__(self, exchange: Exchange) -> None:
        self.close = exchange.close
        self._exchange = exchange
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        message = await self._exchange.next_async()
        self._is_over = not message.get("more_body", False)
        return bytes(message.get("body", b""))
