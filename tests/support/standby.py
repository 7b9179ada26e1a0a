"""A standby of a test's PostgreSQL server: a copy on this machine, by streaming replication."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory
from typing import Any, cast

from tests.support.databases import PostgreSQLDatabase, PostgreSQLServer
from tests.support.waiting import wait_until


@dataclass
class Standby:
    """A running standby."""

    folder: Path
    primary: PostgreSQLServer
    process: subprocess.Popen[bytes]

    def url(self, url: str) -> str:
        """The URL of the copy of a database, with the same login."""
        return f"{url.partition('?')[0]}?host={self.folder}"

    def catch_up(self) -> None:
        """Return when it has replayed everything that the primary has written so far."""
        ((written,),) = PostgreSQLDatabase(self.primary.bare_url).rows("SELECT pg_current_wal_lsn()::text")
        replayed = f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"
        own = PostgreSQLDatabase(self.url(self.primary.bare_url))
        wait_until(lambda: own.rows(replayed) == [(True,)])

    def stop(self) -> None:
        """Stop it; its clients lose their connections. Idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(SIGINT)
            self.process.wait(60)


@contextmanager
def standby_of(primary: PostgreSQLServer) -> Iterator[Standby]:
    """Copy a server by `pg_basebackup`, and start the copy as its standby."""
    from psycopg.conninfo import conninfo_to_dict

    source: dict[str, Any] = dict(conninfo_to_dict(primary.bare_url))
    with TemporaryDirectory(prefix="auditwright-standby-") as name:
        folder = Path(name)
        options: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses root: it runs as the owner of the primary's folder
            owner = pwd.getpwuid(Path(source["host"]).stat().st_uid)
            os.chown(folder, owner.pw_uid, -1)
            options = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        copy: list[str | Path] = [
            primary.programs / "pg_basebackup",
            "--write-recovery-conf",
            "--checkpoint=fast",
        ]
        copy += ["-d", f"host={source['host']} user={source['user']} dbname=postgres", "-D", folder / "data"]
        subprocess.run(copy, check=True, capture_output=True, timeout=60, **options)
        start: list[str | Path] = [primary.programs / "postgres", "-D", folder / "data", "-k", folder]
        start += ["-c", "listen_addresses="]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(start, stdout=log, stderr=log, **options)
        standby = Standby(folder, primary, cast("subprocess.Popen[bytes]", process))
        try:
            wait_until(lambda: standby.process.poll() is not None or _answers(standby), 30)
            assert standby.process.poll() is None, (folder / "log").read_text()
            yield standby
        finally:
            standby.stop()
            log.close()


def _answers(standby: Standby) -> bool:
    import psycopg

    with suppress(psycopg.OperationalError):
        return bool(PostgreSQLDatabase(standby.url(standby.primary.bare_url)).rows("SELECT 1"))
    return False
