"""Clients that stop reading or sending, and too many exports at once, over real connections."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware
from tests.support.databases import Database, open_log
from tests.support.waiting import wait_until
from tests.support.web import EXPORTING, PRINCIPALS, TOKEN, authorize, fill

from auditwright import Actor, AuditLog, Filter
from auditwright.server import Principal, create_app, long_reads
from auditwright.storage.postgresql import connections
from auditwright.storage.sqlite import export_worker
from auditwright.system_events import EXPORTED

LOGIN = "account.login_logout.login"
ENTRIES = 3_000
"""So many are more than the buffers between a server and a client that does not read, see `serving`."""
DEADLINE = 1


@pytest.fixture
def log(database: Database) -> Iterator[AuditLog]:
    """A log with more entries of acme than fit into the buffers, and a few of globex."""
    with open_log(database) as log:
        log.record_many(
            {
                "event": LOGIN,
                "metadata": {"email_id": f"u{number}@example.com"},
                "actor": {"type": "user", "id": "u-17", "name": "Ada Lovelace"},
            }
            for number in range(ENTRIES)
        )
        fill(log, 3, "globex")
        yield log


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Serve an application by uvicorn on loopback, with small buffers; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", http="h11")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            while _sockets:
                _sockets.pop().close()
            server.should_exit = True
            thread.join(20)


_sockets: list[socket.socket] = []
"""What `request` has opened: a failed test leaves none to the next one."""


@contextmanager
def client_of(port: int) -> Iterator[httpx.Client]:
    """A client that reads what it requests."""
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=address, trust_env=False, timeout=60, headers=EXPORTING) as client:
        yield client


def request(port: int, head: str, user: str = "auditor") -> socket.socket:
    """A socket that has sent a request and reads nothing by itself."""
    sent = socket.socket()
    _sockets.append(sent)
    sent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sent.settimeout(60)
    sent.connect(("127.0.0.1", port))
    headers = {"Host": "audit.example", "X-User": user, **EXPORTING}
    lines = [head, *(f"{name}: {value}" for name, value in headers.items())]
    sent.sendall("\r\n".join([*lines, "", BODY if head == PAGE_EXPORT else ""]).encode())
    return sent


def status_of(stalled: socket.socket) -> int:
    """The status of the response; only its first line is read."""
    line = b""
    while len(line) < len(b"HTTP/1.1 200"):
        line += stalled.recv(len(b"HTTP/1.1 200") - len(line))
    return int(line[-3:])


def rest_of(stalled: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := stalled.recv(1 << 16):
            received += piece
    return received


EXPORT = "GET /api/export?format=jsonl HTTP/1.1"
BODY = f"token={TOKEN}"
PAGE_EXPORT = f"POST /export HTTP/1.1\r\nContent-Length: {len(BODY)}"


# --- clients that do not read ----------------------------------------------------------------------


@pytest.mark.parametrize("head", [EXPORT, PAGE_EXPORT], ids=["api", "page"])
def test_stalled_download_is_cut_off(
    log: AuditLog, database: Database, caplog: pytest.LogCaptureFixture, head: str
) -> None:
    with serving(create_app(log, authorize, stall_seconds=DEADLINE)) as port:
        stalled = request(port, head)
        assert status_of(stalled) == 200
        fill(log, 1)  # the snapshot keeps what this replaces
        assert database.is_read()
        wait_until(lambda: not database.is_read())
        received = rest_of(stalled)
        assert b"u2999@example.com" in received or b"u0@example.com" in received
        assert not received.endswith(b"\r\n0\r\n\r\n")
        assert received.count(b"@example.com") < ENTRIES
        stalled.close()
        with client_of(port) as client:
            whole = client.get("/api/export?format=jsonl")
    assert whole.text.count("@example.com") > ENTRIES
    (record,) = (each for each in caplog.records if each.name == "auditwright.server")
    assert record.levelno == logging.WARNING
    path = "GET /api/export" if head is EXPORT else "POST /export"
    assert record.getMessage() == f"{path}: aborted, because the client had read nothing for 1 seconds"
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_stalled_downloads_leave_the_others_alone(log: AuditLog, database: Database) -> None:
    with serving(create_app(log, authorize)) as port, client_of(port) as client:
        sockets = [request(port, EXPORT) for _ in range(20)]
        assert sorted(map(status_of, sockets)) == [200] * 2 + [429] * 18
        assert database.is_read()
        if database.engine == "postgresql":
            ((connections,),) = database.rows(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
            )
            assert connections == 2
        other = {"x-user": "outsider"}
        for path in ("/", "/api/entries", "/api/export", "/api/count?exact=true"):
            assert client.get(path, headers=other).status_code == 200
        body = {"event": LOGIN, "metadata": {"email_id": "g@example.com"}}
        assert client.post("/api/entries", json=body, headers=other).status_code == 201
        assert client.get("/api/entries").status_code == 200  # the same principal may read pages
        with open_log(database) as another:
            fill(another, 1)
        for each in sockets:
            each.close()
        wait_until(lambda: client.get("/api/export").status_code == 200)
    recorded = log.account("acme").count(Filter.parse([f"event:is:{EXPORTED}"]))
    assert recorded == 3  # a refused export is not recorded


def test_stalled_reader_of_a_page_is_cut_off(log: AuditLog, caplog: pytest.LogCaptureFixture) -> None:
    with serving(create_app(log, authorize, stall_seconds=DEADLINE)) as port:
        stalled = request(port, "GET /api/entries?limit=1000 HTTP/1.1")
        assert status_of(stalled) == 200
        wait_until(lambda: "GET /api/entries: aborted" in caplog.text)
        assert rest_of(stalled).count(b"@example.com") < 1000
        stalled.close()


def test_client_that_reads_gets_the_whole_file(log: AuditLog) -> None:
    with serving(create_app(log, authorize, stall_seconds=DEADLINE)) as port:
        reader = request(port, EXPORT + "\r\nConnection: close")
        assert rest_of(reader).endswith(b"\r\n0\r\n\r\n")
        reader.close()


def test_stalled_download_behind_other_middleware(log: AuditLog, database: Database) -> None:
    """Middleware that hides the server's connection: the database is released all the same."""
    service = FastAPI()
    service.mount("/audit", create_app(log, authorize, stall_seconds=DEADLINE))

    async def passed_on(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    service.add_middleware(BaseHTTPMiddleware, dispatch=passed_on)
    with serving(service) as port:
        stalled = request(port, EXPORT.replace("/api", "/audit/api"))
        assert status_of(stalled) == 200
        fill(log, 1)
        assert database.is_read()
        wait_until(lambda: not database.is_read())
        stalled.close()


def test_disconnect_frees_what_it_held_at_once(log: AuditLog, database: Database) -> None:
    app = create_app(log, authorize, max_exports=1, max_exports_per_principal=1)
    long_reads: Any = app.state.long_reads
    with serving(app) as port:
        for _ in range(5):
            stalled = request(port, EXPORT)
            assert status_of(stalled) == 200
            assert database.is_read() or database.engine == "sqlite"
            stalled.close()
            wait_until(lambda: not long_reads._running, 20)  # the deadline is 30 seconds
            assert not database.is_read()


@contextmanager
def blocking_exports(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Exports that read in the database without an end."""
    if database.engine == "postgresql":
        with database.connect() as connection, connection.transaction():  # type: ignore[attr-defined]
            connection.execute("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
            yield
        return

    def endless(connection: Any, *_: Any) -> Iterator[tuple[int, bytes]]:
        connection.execute(
            "WITH RECURSIVE each(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM each) "
            "SELECT count(*) FROM each"
        ).fetchone()
        yield 0, b""

    with monkeypatch.context() as patched:
        patched.setattr(export_worker, "pieces", endless)
        yield


def test_disconnect_interrupts_what_the_database_does(
    log: AuditLog, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(log, authorize, max_exports=1, max_exports_per_principal=1)
    long_reads: Any = app.state.long_reads
    running = long_reads._running
    with serving(app) as port:
        for head in (EXPORT, PAGE_EXPORT):
            with blocking_exports(database, monkeypatch):
                waiting = request(port, head)
                wait_until(running.__len__)
                waiting.close()
                wait_until(lambda: not running, 9)  # a lock is waited for 10 seconds
        assert caplog.records == []
        with client_of(port) as client:
            assert client.get("/api/export").status_code == 200


# --- clients that do not send ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/entries", "application/json"), ("/export", "application/x-www-form-urlencoded")]
)
@pytest.mark.sqlite_only
def test_unfinished_request_gets_a_408(log: AuditLog, path: str, kind: str) -> None:
    with serving(create_app(log, authorize, stall_seconds=DEADLINE)) as port:
        sender = request(
            port, f"POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: 100", user="owner"
        )
        sender.sendall(b"{")
        received = rest_of(sender)
        sender.close()
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in received.lower()
    assert b"The rest of the request did not come for 1 seconds." in received


# --- too many at once -------------------------------------------------------------------------------


@pytest.fixture
def tenants(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Users with the same id in several accounts."""
    names = [f"t{number}" for number in range(5)]
    for name in names:
        principal = Principal(Actor.user("admin"), ("acme", name), may_export=True)
        monkeypatch.setitem(PRINCIPALS, name, principal)
    return names


@pytest.mark.sqlite_only
def test_exports_are_bounded_by_principal_and_in_all(log: AuditLog, tenants: list[str]) -> None:
    app = create_app(log, authorize, max_exports_per_principal=2, max_exports=5)
    with serving(app) as port, client_of(port) as client:
        sockets = []
        for name, expected in zip(tenants, ([200, 200, 429], [200, 200, 429], [200, 429]), strict=False):
            for status in expected:
                sockets.append(request(port, EXPORT, user=name))
                assert status_of(sockets[-1]) == status
        answer = client.get("/api/export", headers={"x-user": tenants[4]})
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "10"
        assert answer.json() == {
            "type": "urn:auditwright:too-many-exports",
            "title": "Too many exports",
            "status": 429,
            "detail": "5 exports of all users are running, and no more at once are allowed. Try again when "
            "one has ended.",
        }
        counted = client.get("/api/count?exact=true", headers={"x-user": tenants[4]})
        assert counted.status_code == 429
        assert client.get("/api/count", headers={"x-user": tenants[4]}).status_code == 200
        page = client.post("/export", data={"token": TOKEN}, headers={"x-user": tenants[0]})
        assert (page.status_code, page.headers["retry-after"]) == (429, "10")
        assert "<h2>Too many exports</h2>" in page.text
        assert "2 exports of yours are running, and no more at once are allowed." in page.text
        for each in sockets:
            each.close()


@pytest.mark.parametrize("bounds", [(0, 8), (9, 8), (2, 13), (True, 8), (2, "8"), (1.5, 8)], ids=str)
@pytest.mark.sqlite_only
def test_bounds_are_checked(log: AuditLog, bounds: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"^max_exports.*: expected "):
        create_app(log, authorize, max_exports_per_principal=bounds[0], max_exports=bounds[1])


def test_exports_leave_connections_for_pages() -> None:
    assert connections.MAX_READERS - long_reads.MOST >= 4


@pytest.mark.parametrize("seconds", [0, -1, 3601, "30", None, True, float("nan")], ids=str)
@pytest.mark.sqlite_only
def test_deadline_is_checked(log: AuditLog, seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^stall_seconds: expected seconds from 1 to 3,600, got "):
        create_app(log, authorize, stall_seconds=seconds)
