"""The headers of every answer: for the page and the API, for errors, files, downloads and redirects."""

import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.support.web import TOKEN, Client

from auditwright import AuditLog
from auditwright.server import create_app
from auditwright.server.headers import HEADERS

ANSWERS = [
    ("GET", "/", 200), ("GET", "/?wher=x", 400), ("GET", "/nothing", 404), ("GET", "/entries/x", 404),
    ("GET", "/filter?search=abc", 303), ("GET", "/static/audit.css", 200), ("GET", "/static/none", 404),
    ("POST", "/", 405), ("DELETE", "/api/entries", 405), ("GET", "/api/entries", 200),
    ("GET", "/api/nothing", 404), ("GET", "/api/openapi.json", 200), ("POST", "/export", 200),
    ("GET", "/api/export", 200), ("POST", "/api/export", 415), ("POST", "/api/entries", 403),
    ("GET", "//evil.example", 404), ("GET", "//evil.example/", 404),
    ("GET", "/static/%2e%2e/app.py", 404),
]  # fmt: skip


def test_every_response_has_the_security_headers(client: Client) -> None:
    policy = HEADERS[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for method, path, status in ANSWERS:
        form = {"token": TOKEN} if path == "/export" else None
        answer = client.request(method, f"http://audit.example{path}", data=form)
        assert (method, path, answer.status_code) == (method, path, status)
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name.decode()) == [value.decode()]
        assert answer.headers.get_list("cache-control") == ["no-cache" if "/static/" in path else "no-store"]


def test_refused_export_has_the_security_headers(app: FastAPI, portal: BlockingPortal) -> None:
    """The page that asks to confirm it has a form, which another site must not frame."""
    browser = Client(app, portal, headers={})
    for answer in (browser.post("/export"), browser.get("/api/export")):
        assert answer.status_code == 403
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name.decode()) == [value.decode()]
        assert answer.headers.get_list("cache-control") == ["no-store"]


def test_one_cookie_is_set_and_on_pages_with_the_form_only(app: FastAPI, portal: BlockingPortal) -> None:
    browser = Client(app, portal, headers={"cookie": ""})
    setting = [
        (method, path)
        for method, path, _ in ANSWERS
        if browser.request(method, f"http://audit.example{path}").headers.get_list("set-cookie")
    ]
    assert setting == [("GET", "/"), ("POST", "/export")]


@pytest.mark.parametrize("name", ["content-security-policy", "cache-control", "x-frame-options"])
def test_service_around_the_page_cannot_weaken_a_header(
    log: AuditLog, portal: BlockingPortal, name: str
) -> None:
    """What `authorize` raises may have headers of its own; those of the page win."""

    def refuse(_: Request) -> None:
        raise HTTPException(403, "No.", {name: "weak"})

    answer = Client(create_app(log, refuse), portal).get("/")
    assert answer.headers.get_list(name) != []
    assert "weak" not in answer.headers.get_list(name)
