"""A connection pooler in transaction mode, PgBouncer, in front of a test's PostgreSQL server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.databases import PostgreSQLDatabase
from tests.support.waiting import wait_until

MISSING = "PgBouncer is not installed: apt-get install pgbouncer"
CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
query_wait_timeout = {wait}
server_login_retry = 1
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


class Pooler:
    """A running pooler; it can be killed and started again on the same port."""

    def __init__(self, database: PostgreSQLDatabase, folder: Path, size: int, wait: int) -> None:
        from psycopg.conninfo import conninfo_to_dict

        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip(MISSING)
        server: dict[str, Any] = dict(conninfo_to_dict(database.url))
        user = str(server["user"])
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        path = folder / "pgbouncer.ini"
        path.write_text(
            CONFIGURATION.format(
                host=server["host"],
                port=server.get("port") or 5432,
                user=user,
                listen_port=self._port,
                size=size,
                wait=wait,
                folder=folder,
            )
        )
        self._folder = folder
        self._command = [program, "--quiet", str(path)]
        if os.geteuid() == 0:  # it refuses to run as root, and the server may know only its owner
            host = str(server["host"])
            owner = Path(host).stat().st_uid if host.startswith("/") else pwd.getpwnam("nobody").pw_uid
            os.chown(folder, owner, -1)
            self._command[1:1] = ["--user", pwd.getpwuid(owner).pw_name]
        self.url = f"postgresql://{user}@127.0.0.1:{self._port}/{quote(str(server['dbname']))}"
        """The URL of the database behind it."""
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        for left in self._folder.glob("*.pid"):
            left.unlink()
        process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._process = process
        wait_until(lambda: process.poll() is not None or _listens(self._port), 30)
        assert process.poll() is None, (self._folder / "pgbouncer.log").read_text()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def pooler(database: PostgreSQLDatabase, size: int = 2, wait: int = 60) -> Iterator[Pooler]:
    """A pooler with so many connections to the server of a database.

    `wait` is the seconds that a client waits for one of them.
    """
    with TemporaryDirectory(prefix="auditwright-pool-") as folder:
        made = Pooler(database, Path(folder), size, wait)
        try:
            yield made
        finally:
            made.kill()


@contextmanager
def pooled(database: PostgreSQLDatabase, size: int = 2, wait: int = 60) -> Iterator[str]:
    """The URL of a database behind a `pooler`."""
    with pooler(database, size, wait) as made:
        yield made.url


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
        return True
    return False
