"""Kills writers and a database server at random moments, and prints what is stored afterwards.

The writers are forked in a separate process; `tests/support/crashes.py` counts the entries.
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
    """Kill `kills` writers on each engine, and a server up to 10 times."""
    logging.getLogger("auditwright").setLevel(logging.ERROR)  # hides a warning about the role
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


def _print(title: str, counts: str) -> None:
    print(f"- {title}: {counts}", flush=True)
