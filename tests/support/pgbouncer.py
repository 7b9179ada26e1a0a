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
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


@contextmanager
def pooled(database: PostgreSQLDatabase, size: int = 2, wait: int = 60) -> Iterator[str]:
    """The URL of a database behind a pooler with so many connections to the server.

    `wait` is the seconds that a client waits for one of them.
    """
    from psycopg.conninfo import conninfo_to_dict

    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(MISSING)
    server: dict[str, Any] = dict(conninfo_to_dict(database.url))
    user = str(server["user"])
    with TemporaryDirectory(prefix="auditwright-pool-") as folder:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            listen_port = free.getsockname()[1]
        path = Path(folder) / "pgbouncer.ini"
        path.write_text(
            CONFIGURATION.format(
                host=server["host"],
                port=server.get("port") or 5432,
                user=user,
                listen_port=listen_port,
                size=size,
                wait=wait,
                folder=folder,
            )
        )
        command = [program, "--quiet", str(path)]
        if os.geteuid() == 0:  # it refuses to run as root: it runs as the owner of the server's folder
            owner = Path(server["host"]).stat().st_uid
            os.chown(folder, owner, -1)
            command[1:1] = ["--user", pwd.getpwuid(owner).pw_name]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: process.poll() is not None or _listens(listen_port), 30)
            assert process.poll() is None, (Path(folder) / "pgbouncer.log").read_text()
            yield f"postgresql://{user}@127.0.0.1:{listen_port}/{quote(str(server['dbname']))}"
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
        return True
    return False
