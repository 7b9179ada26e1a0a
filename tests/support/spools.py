"""Logs with a spool, in front of a database that a proxy takes away.

The fixtures are those of every test about a spool: `proxy` is in front of the test's PostgreSQL database,
`spool` is the file, and `opens` opens logs with it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import PostgreSQLDatabase
from tests.support.tcp_proxy import TcpProxy, proxy_of

from audit_events import CATALOG
from auditwright import AuditLog
from auditwright.spool import mover

AWAY = "postgresql://postgres@127.0.0.1:1/audit"
"""Nothing listens there."""

Opens = Callable[..., AuditLog]


def open_with_spool(url: str, spool: Path, **options: Any) -> AuditLog:
    """A log of the account acme with a spool, whose calls end after 3 seconds."""
    given = {"account_id": "acme", "catalog": CATALOG, "timeout": 3, "spool": f"sqlite:///{spool}"}
    return AuditLog.open(url, **{**given, **options})


def stored(database: PostgreSQLDatabase) -> list[str]:
    """The ids of the entries in the database, in their order."""
    return [row[1].hex() for row in database.rows()]


def refuse(database: PostgreSQLDatabase, condition: str) -> None:
    """Let the database refuse entries by an error whose code says nothing about them."""
    database.change(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'this is not wanted here'; END $$",
        "CREATE TRIGGER refuses BEFORE INSERT ON audit_entry FOR EACH ROW "
        f"WHEN ({condition}) EXECUTE FUNCTION refuse()",
    )


@pytest.fixture
def proxy(database: PostgreSQLDatabase) -> Iterator[TcpProxy]:
    """A proxy in front of the database of the test."""
    with proxy_of(database.url) as proxy:
        yield proxy


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The file of a spool, which opening a log makes."""
    return tmp_path / "spool.db"


@pytest.fixture
def opens(proxy: TcpProxy, spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    """Opens logs with the spool, by default through the proxy; they are closed at the end.

    Their movers look for the database more often than elsewhere.
    """
    monkeypatch.setattr(mover, "PAUSE_SECONDS", (0.05, 0.2))
    logs: list[AuditLog] = []

    def open_one(url: str | None = None, **options: Any) -> AuditLog:
        logs.append(open_with_spool(proxy.url if url is None else url, spool, **options))
        return logs[-1]

    yield open_one
    for log in logs:
        log.close()
