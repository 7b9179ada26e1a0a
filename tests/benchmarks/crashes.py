"""Writers and a database server that are killed at random moments, and what is stored in the end.

The writers run in a process of their own, which forks them; `tests/support/crashes.py` counts.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.crashes import CrashingServer, kill_server

KILLS = 200
SERVER_KILLS = 10


def run(kills: int = KILLS) -> None:
    """Kill so many writers on each engine, and a server some times."""
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # that its role is the server's owner
    print(f"\n### kill -9 of {kills} processes with 8 writers, and of a server under 8 writers\n")
    with tempfile.TemporaryDirectory(prefix="audit") as folder:
        _print("SQLite, writers killed", _kill_writers(f"sqlite:///{folder}/audit.db", kills))
        server = CrashingServer(Path(folder) / "pg")
        try:
            _print("PostgreSQL, writers killed", _kill_writers(server.url, kills))
            _print("PostgreSQL, server killed", str(kill_server(server, min(kills, SERVER_KILLS))))
        finally:
            server.stop()


def _kill_writers(url: str, kills: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.crashes", url, str(kills)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr


def _print(what: str, said: str) -> None:
    print(f"- {what}: {said}", flush=True)
