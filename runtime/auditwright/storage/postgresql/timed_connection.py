"""A connection whose waits end: at the deadline of a call, or when the server no longer answers anybody.

psycopg sends every wait of a connection through `Connection.wait`: for statements, COPY, cursors, pipelines,
COMMIT and ROLLBACK.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from typing import Any, Protocol, Self, TypeVar

import psycopg

from auditwright.storage.deadline import TIMEOUT, deadline

T = TypeVar("T")
Waiting = Generator[Any, Any, T]
"""What psycopg waits for. It yields what it waits for, and gets whether the socket is ready for it."""


class ServerSilent(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed."""


class Server(Protocol):
    """What the connections of a process know of their server; see `availability.py`."""

    losses: int

    def lose(self) -> None:
        """Note that the server did not answer."""
        ...

    def answers(self) -> bool:
        """Whether the server answers on a new connection."""
        ...


class TimedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection with a deadline for a call, or with a limit of silence for work of any length."""

    availability: Server
    """What is known of the server: told of silence, and asked whether others get answers."""
    losses: int
    """How often the server had been silent when this connection was made."""
    until: float | None = None
    """The `time.monotonic()` at which the current call has to be over. None for work that may take longer:
    then the server may be silent for `patience` seconds, and longer while it answers others.
    """
    patience: float = TIMEOUT

    @classmethod
    def _connect_gen(cls, *arguments: Any, **options: Any) -> Waiting[Self]:
        """See psycopg. `connect_timeout` is for each address of a host; the deadline is for all of them."""
        connecting = super()._connect_gen(*arguments, **options)
        return _watched(connecting, next(connecting), _deadline_check(deadline(math.inf)))

    def wait(self, gen: Waiting[T], *arguments: Any, **options: Any) -> T:
        """See psycopg. Raises `ServerSilent`; after that nothing is sent or awaited."""
        try:
            wanted = next(gen)
        except StopIteration as done:  # such as a line of a COPY that has arrived already
            result: T = done.value
            return result
        check = self._silence_check() if self.until is None else _deadline_check(self.until)
        try:
            return super().wait(_watched(gen, wanted, check), *arguments, **options)
        except ServerSilent:
            self.pgconn.finish()
            self.availability.lose()
            raise

    def _silence_check(self) -> Callable[[Any], None]:
        silent_since = time.monotonic()

        def check(ready: Any) -> None:
            nonlocal silent_since
            if not ready and time.monotonic() - silent_since < self.patience:
                return
            if not ready and not self.availability.answers():
                raise ServerSilent(f"the database has been silent for {self.patience:g} seconds")
            silent_since = time.monotonic()

        return check


def _deadline_check(until: float) -> Callable[[Any], None]:
    def check(_: Any) -> None:
        if time.monotonic() >= until:
            raise ServerSilent("the database has not answered within the timeout")

    return check


def _watched(gen: Waiting[T], wanted: Any, check: Callable[[Any], None]) -> Waiting[T]:
    """What a generator that has begun still waits for, with a check after each wait of at most 0.1 s."""
    try:
        while True:
            ready = yield wanted
            check(ready)
            wanted = gen.send(ready)
    except StopIteration as done:
        result: T = done.value
        return result
