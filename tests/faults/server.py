"""A PostgreSQL server whose files can fail, and whose processes can be stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
from tests.faults.shim import Shim
from tests.support.crashes import CrashingServer
from tests.support.waiting import wait_until


class FaultServer(CrashingServer):
    """A server whose files can fail, and whose processes can be stopped."""

    def __init__(self, folder: Path, shim: Shim | None) -> None:
        self.shim = shim
        with self._preloaded():
            super().__init__(folder)

    @contextmanager
    def _preloaded(self) -> Iterator[None]:
        if self.shim is None:
            yield
            return
        self.shim.preload()
        try:
            yield
        finally:
            self.shim.unload()

    def restart(self) -> None:
        """See `CrashingServer`."""
        with self._preloaded():
            super().restart()

    def shut_down(self) -> None:
        """Stop it and end all sessions, as an operator does."""
        self.crash(signal.SIGINT)

    def ensure_running(self) -> None:
        """Wait until it answers, and start it again if it has ended by itself. Raises `TimeoutError`."""
        wait_until(self._answers)

    def _answers(self) -> bool:
        found = self._server.get_postmaster_info()
        if found is None or not found.is_running():
            self.restart()
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes, without ending them, for the `with` block."""
        first = self._server.get_postmaster_info().process
        first.suspend()  # before it starts others
        stopped = [first]
        try:
            for each in first.children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    each.suspend()
                    stopped.append(each)
            yield
        finally:
            for each in reversed(stopped):
                with suppress(psutil.NoSuchProcess):
                    each.resume()
