"""A proxy in front of a test's PostgreSQL server: it passes data on, delays it, or stays silent.

A silent proxy accepts connections and data, as the network stack of a stopped process does, and passes
nothing on until it is told to pass again.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

CHUNK = 1 << 16


class TcpProxy:
    """A proxy that listens on a port of this machine. Set its attributes at any time, from any thread."""

    def __init__(self, url: str) -> None:
        from psycopg.conninfo import conninfo_to_dict

        self._upstream: dict[str, Any] = dict(conninfo_to_dict(url))
        self.delay = 0.0
        """Seconds by which data arrive later, in each direction; it does not limit the throughput."""
        self.holds_requests = False
        """Whether what clients send is held back."""
        self.holds_answers = False
        """Whether what the server sends is held back."""
        self.silent_at: bytes | None = None
        """A text in a request at which the proxy becomes silent; see `be_silent_at`."""
        self.passes_last = False
        self.refuses = False
        """Whether each new connection is reset."""
        self.connections = 0
        """How many connections were accepted."""
        self.round_trips = 0
        """How often clients sent something after an answer."""
        self._answered = True
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        user, database = (quote(str(self._upstream[each]), safe="") for each in ("user", "dbname"))
        self.url = f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable"
        """The URL of the database through this proxy, which has to read what is sent."""

    def be_silent(self) -> None:
        """Pass nothing on any more, in either direction."""
        self.holds_requests = self.holds_answers = True

    def be_silent_at(self, text: bytes, *, passes_last: bool = False) -> None:
        """Become silent at a request that contains the text; with `passes_last` the server still gets it."""
        self.passes_last, self.silent_at = passes_last, text

    def pass_again(self) -> None:
        """Pass on what was held back, and everything from now on."""
        self.silent_at = None
        self.holds_requests = self.holds_answers = self.refuses = False

    def be_away(self) -> None:
        """Reset all connections, and each new one until `pass_again`."""
        self.refuses = True
        self.reset()

    def reset(self) -> None:
        """Reset all connections: both sides get an error, and lose what is under way."""
        asyncio.run_coroutine_threadsafe(self._reset(), self._loop).result()

    async def _reset(self) -> None:
        for writer in self._writers:
            found = writer.get_extra_info("socket")
            if found is not None and found.fileno() >= 0:
                # Closing sends a reset then, instead of what is left.
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._writers.clear()

    def close(self) -> None:
        """Close the port and all connections."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuses:
            writer.transport.abort()
            return
        self._writers.append(writer)
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self.holds_requests:
                await asyncio.sleep(0.01)
            host, port = str(self._upstream.get("host") or ""), int(self._upstream.get("port") or 5432)
            if host.startswith("/"):
                up_reader, up_writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            else:
                up_reader, up_writer = await asyncio.open_connection(host, port)
            self._writers.append(up_writer)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass_on(reader, up_writer, is_request=True))
                    both.create_task(self._pass_on(up_reader, writer, is_request=False))
            finally:
                up_writer.close()
        except* OSError:
            pass  # one side has gone
        finally:
            writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        """Data of one direction; a second task delivers, so that a delay does not limit the throughput."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def receive() -> None:
            while data := await reader.read(CHUNK):
                self.round_trips += is_request and self._answered
                self._answered = not is_request
                held.put_nowait((self._loop.time() + self.delay, data))
            held.put_nowait((self._loop.time() + self.delay, b""))

        async def deliver() -> None:
            while True:
                due, data = await held.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if is_request and self.silent_at is not None and self.silent_at in data:
                    self.silent_at = None
                    self.holds_answers = True
                    self.holds_requests = True
                    if self.passes_last:
                        writer.write(data)
                        await writer.drain()
                        continue
                while self.holds_requests if is_request else self.holds_answers:
                    await asyncio.sleep(0.01)
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        async with asyncio.TaskGroup() as both:
            both.create_task(receive())
            both.create_task(deliver())


@contextmanager
def proxy_of(url: str) -> Iterator[TcpProxy]:
    """A proxy in front of the server of a URL."""
    proxy = TcpProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
