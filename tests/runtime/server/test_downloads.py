"""Exports as downloads: complete or broken, recorded before the first byte."""

import io
import json
import logging
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from tests.support.waiting import wait_until
from tests.support.web import ADA, AUDITOR, EXPORTING, GRACE, TOKEN, Client, fill

from auditwright import AuditLog, Entry, Filter, StorageError
from auditwright.storage.sqlite.engine import SQLiteStorage
from auditwright.system_events import EXPORTED

LOGIN = "account.login_logout.login"
HEADER = "Date and Time (UTC),Event Name,Category,Description,User or App Name,IP Address\r\n"


def csv_of(log: AuditLog, account_id: str = "acme", **selection: Any) -> bytes:
    file = io.BytesIO()
    log.account(account_id).export_csv(file, **selection)
    return file.getvalue()


def jsonl_of(log: AuditLog, **selection: Any) -> bytes:
    file = io.BytesIO()
    log.account("acme").export_jsonl(file, **selection)
    return file.getvalue()


def exports(log: AuditLog, account_id: str = "acme") -> list[Entry]:
    """The recorded exports, newest first."""
    where = Filter.parse([f"event:is:{EXPORTED}"])
    return list(log.account(account_id).all(where))


def load(log: AuditLog, count: int, name: str = "Ada Lovelace") -> None:
    log.record_many(
        {
            "event": LOGIN,
            "metadata": {"email_id": f"u{number}@example.com"},
            "actor": {"type": "user", "id": "u-17", "name": name},
        }
        for number in range(count)
    )


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve the application by uvicorn on loopback; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", http="h11")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


# --- content --------------------------------------------------------------------------------------


def test_export_equals_export_csv(client: Client, log: AuditLog) -> None:
    fill(log, 3)
    expected = csv_of(log)
    answer = client.export()
    assert answer.status_code == 200
    assert answer.content == expected
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["cache-control"] == "no-store"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="audit-log-2')
    assert disposition.endswith('Z.csv"')


def test_export_of_an_empty_log_is_its_header(client: Client) -> None:
    assert client.get("/api/export").text == HEADER
    assert client.get("/api/export?format=jsonl&where=user:is:nobody").text == ""


def test_api_exports_csv_and_json_lines(client: Client, log: AuditLog) -> None:
    fill(log, 3)
    lines, table = jsonl_of(log), csv_of(log)
    answer = client.get("/api/export?format=jsonl&where=event:is:account.login_logout.login")
    assert (answer.content, answer.headers["content-type"]) == (lines, "application/jsonl")
    assert len([json.loads(line) for line in answer.text.splitlines()]) == 3
    assert client.get("/api/export?where=user:is:u-17").content == table
    assert client.get("/api/export?format=csv&where=user:is:u-17").content == table


@pytest.mark.parametrize("excel", ["comma", "semicolon"])
def test_page_and_api_export_for_excel(client: Client, log: AuditLog, excel: str) -> None:
    fill(log, 3)
    expected, where = csv_of(log, excel=excel), "where=user:is:u-17"
    sent = {"view": where, "what": "filtered", "excel": excel}
    for answer in (
        client.get(f"/api/export?excel={excel}"),
        client.get(f"/api/export?format=csv&excel={excel}&{where}"),
        client.export(sent),
    ):
        assert answer.content == expected
        assert answer.content.startswith(b"\xef\xbb\xbfDate and Time (UTC)")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["content-disposition"].endswith('Z.csv"')
    assert client.export({"excel": ""}).content.startswith(b"Date and Time (UTC),")
    recorded = [entry.metadata for entry in exports(log)][::-1]
    assert recorded == [{"format": "csv"}, *[{"format": "csv", "selection": where}] * 2, {"format": "csv"}]


def test_filtered_export_has_all_pages_of_the_view(client: Client, log: AuditLog) -> None:
    fill(log, 3)
    fill(log, 2, actor=GRACE)
    expected = csv_of(log, where=Filter.parse(["user:is:u-18"]))
    cursor = client.get("/api/entries?where=user:is:u-18&limit=1").json()["next"]
    view = f"where=user:is:u-18&limit=1&after={cursor}"
    assert client.export({"view": view, "what": "filtered"}).content == expected


def test_export_of_all_ignores_the_filter(client: Client, log: AuditLog) -> None:
    fill(log, 2)
    fill(log, 2, actor=GRACE)
    expected = csv_of(log)
    answer = client.export({"view": "where=user:is:u-18&period=24h", "what": "all"})
    assert answer.content == expected


def test_export_uses_the_account_of_the_view(client: Client, log: AuditLog) -> None:
    fill(log, 2)
    fill(log, 1, "globex")
    for what in ("filtered", "all"):
        where = {"view": "account=globex&where=event:is:account.login_logout.login", "what": what}
        expected = csv_of(log, "globex")
        assert client.export(where, user="owner").content == expected
    assert (len(exports(log)), len(exports(log, "globex"))) == (0, 2)


def test_export_applies_period_and_search(client: Client, log: AuditLog) -> None:
    fill(log, 12)
    now = datetime.now(UTC)
    expected = csv_of(log, search="U11@", since=now - timedelta(days=1))
    assert client.get("/api/export?period=24h&search=U11@").content == expected
    assert expected.count(b"\r\n") == 2


# --- the recorded export -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_export_is_recorded_but_not_in_its_own_file(client: Client, log: AuditLog, form: str) -> None:
    fill(log, 1)
    answer = client.get(f"/api/export?format={form}&where=user:is_not:u-18&search=signed")
    (entry,) = exports(log)
    assert entry.actor == AUDITOR
    assert entry.ip_address == "203.0.113.9"
    assert entry.metadata == {"format": form, "selection": "where=user:is_not:u-18&search=signed"}
    assert EXPORTED not in answer.text
    assert "exported" not in answer.text


def test_export_of_all_records_no_selection(client: Client, log: AuditLog) -> None:
    assert client.export().text == HEADER
    assert exports(log)[0].metadata == {"format": "csv"}
    assert "exported the audit log as" in client.export().text


def test_largest_selection_is_recorded(client: Client, log: AuditLog) -> None:
    query = "match=any&" + "&".join(f"where=user:is:{number:02}{'é' * 200}" for number in range(20))
    assert client.get(f"/api/export?{query}").status_code == 200
    assert exports(log)[0].metadata["selection"].startswith("match=any&where=user:is:00")


# --- refused exports ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://audit.example:8080"},
        {"Origin": "http://audit.example.evil.example"},
    ],
    ids=str,
)
def test_cross_site_export_is_refused_and_not_recorded(
    client: Client, log: AuditLog, header: dict[str, str]
) -> None:
    fill(log, 1)
    for answer in (client.export(headers=header), client.get("/api/export", headers=header)):
        assert answer.status_code == 403
        assert "ada" not in answer.text.lower()
    assert exports(log) == []


def test_same_site_export_is_allowed(client: Client) -> None:
    for header in (
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://audit.example"},
    ):
        assert client.export(headers=header).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"what": "some"},
        {"view": "limt=5"},
        {"view": "where=colour:is:red", "what": "filtered"},
        {"colour": "red"},
        {"view": "account=a&account=b"},
    ],
    ids=str,
)
def test_invalid_form_is_refused_and_not_recorded(
    client: Client, log: AuditLog, form: dict[str, str]
) -> None:
    answer = client.export(form)
    assert answer.status_code == 400
    assert "content-disposition" not in answer.headers
    assert exports(log) == []


@pytest.mark.parametrize(
    "query",
    [
        "format=xml",
        "format=",
        "format=csv&format=csv",
        "limit=5",
        "after=x",
        "at=x",
        "excel=",
        "excel=tab",
        "excel=comma&excel=comma",
        "excel=comma&format=jsonl",
    ],
)
def test_invalid_query_is_refused_and_not_recorded(client: Client, log: AuditLog, query: str) -> None:
    assert client.get(f"/api/export?{query}").status_code == 400
    assert exports(log) == []


# --- failures ---------------------------------------------------------------------------------------


def fail_after(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Make a CSV export fail after a number of rows."""
    original = SQLiteStorage.csv_lines

    def failing(self: SQLiteStorage, *arguments: Any) -> Any:
        read = 0
        with closing(original(self, *arguments)) as pieces:
            for entries, lines in pieces:
                read += entries
                if read > rows:
                    raise StorageError("disk I/O error in /srv/secret.db")
                yield entries, lines

    monkeypatch.setattr(SQLiteStorage, "csv_lines", failing)


@pytest.mark.sqlite_only
def test_failure_before_the_first_byte_is_an_error(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(log, 10)
    fail_after(monkeypatch, 5)
    for answer in (client.export(), client.get("/api/export")):
        assert answer.status_code == 503
        assert "content-disposition" not in answer.headers
        assert "secret.db" not in answer.text
    assert exports(log) == []


@pytest.mark.sqlite_only
def test_export_that_cannot_be_recorded_is_refused(client: Client, log: AuditLog, tmp_path: Path) -> None:
    fill(log, 3)
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.get("/api/export")
        other.execute("ROLLBACK")
        assert answer.status_code == 503
        assert "signed in" not in answer.text
        assert is_free(other)


@pytest.mark.sqlite_only
def test_failure_midway_breaks_the_connection(
    app: FastAPI, log: AuditLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(log, 3500)
    fail_after(monkeypatch, 2500)
    with serving(app) as url, httpx.Client(base_url=url, trust_env=False, headers=EXPORTING) as client:
        for method, path in (("GET", "/api/export"), ("POST", "/export")):
            received, form = io.BytesIO(), {"token": TOKEN} if method == "POST" else None
            with caplog.at_level(logging.CRITICAL), client.stream(method, path, data=form) as answer:
                assert answer.status_code == 200
                with pytest.raises(httpx.RemoteProtocolError):
                    received.writelines(answer.iter_raw())
            assert received.getvalue().count(b"\r\n") == 2001  # the lines that were sent before the failure
    assert len(exports(log)) == 2


def is_free(connection: sqlite3.Connection) -> bool:
    """Whether no reader holds the database: its WAL can be truncated."""
    busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


@pytest.mark.sqlite_only
def test_disconnect_releases_the_database(app: FastAPI, log: AuditLog, tmp_path: Path) -> None:
    load(log, 10_000, "x" * 3000)  # more than the buffers on the way to the client take
    with (
        serving(app) as url,
        closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None, timeout=0)) as other,
        httpx.Client(base_url=url, trust_env=False, headers=EXPORTING) as client,
    ):
        with client.stream("GET", "/api/export?format=jsonl") as answer:
            received = answer.iter_raw(1000)  # the client leaves when this iterator is collected
            next(received)
            fill(log, 1)  # the snapshot of the reader keeps the WAL
            assert not is_free(other)
        wait_until(lambda: is_free(other))


@pytest.mark.parametrize("path", ["/api/export", "/api/export?format=jsonl"])
@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_database_is_released_before_the_request_ends(
    app: FastAPI,
    log: AuditLog,
    tmp_path: Path,
    portal: BlockingPortal,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    pieces: int,
    version: str,
) -> None:
    """Up to ASGI 2.3 a server reports a disconnect by a message, later by an OSError."""
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 100)
    load(log, 550)
    sent = []

    async def ask() -> None:
        left = anyio.Event()
        requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            if (request := next(requests, None)) is None:
                await left.wait()
            return request or {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) > pieces:
                if version == "2.4":
                    raise OSError
                left.set()
                await anyio.sleep_forever()

        place, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": version}, "http_version": "1.1",
            "scheme": "http", "method": "GET", "path": place, "query_string": query.encode(),
            "headers": [(b"x-requested-with", b"")],
            "client": ("203.0.113.9", 4711), "server": ("audit.example", 80),
        }  # fmt: skip
        with suppress(ClientDisconnect):
            await app(scope, receive, send)
        with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None, timeout=0)) as other:
            assert is_free(other)

    portal.call(ask)
    assert (sent[0]["status"], len(sent)) == (200, pieces + 1)


def test_failure_midway_releases_the_database(
    client: Client, log: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(log, 2500)
    fail_after(monkeypatch, 1500)
    client.get("/api/export")  # in-process, a broken transfer cannot be detected
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None, timeout=0)) as other:
        assert is_free(other)


def test_large_export_is_sent_in_bounded_chunks(app: FastAPI, log: AuditLog) -> None:
    load(log, 10_000)
    sizes = list[int]()
    for form, lines in (("csv", 10_001), ("jsonl", 10_000 + 1)):  # with the recorded first export
        with serving(app) as url, httpx.Client(base_url=url, trust_env=False, headers=EXPORTING) as client:
            received = 0
            with client.stream("GET", f"/api/export?format={form}") as answer:
                assert answer.headers["transfer-encoding"] == "chunked"
                for piece in answer.iter_raw():
                    sizes.append(len(piece))
                    received += piece.count(b"\n")
            assert received == lines
    assert max(sizes) < 1_000_000


def test_no_more_than_64_kib_are_sent_at_once(app: FastAPI, log: AuditLog) -> None:
    load(log, 3500)
    pieces = list[int]()

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        async def counted(message: Any) -> None:
            pieces.append(len(message.get("body", b"")))
            await send(message)

        await app(scope, receive, counted)

    with serving(counting) as url, httpx.Client(base_url=url, trust_env=False, headers=EXPORTING) as real:  # type: ignore[arg-type]
        assert real.get("/api/export").text.count("\r\n") == 3501
    assert max(pieces) == 64 * 1024


def test_principal_is_recorded_not_the_context_actor(client: Client, log: AuditLog) -> None:
    with log.acting(ADA, account_id="globex"):
        client.get("/api/export", user="auditor")
    assert [entry.actor for entry in exports(log)] == [AUDITOR]
