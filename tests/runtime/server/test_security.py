"""Raw requests, the mount path, and the settings of the application."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.support.campaigns import examples
from tests.support.web import ADA, EXPORTING, PRINCIPALS, Client, authorize, fill

from auditwright import Actor, AuditLog
from auditwright.server import Principal, create_app
from auditwright.server.headers import HEADERS

Raw = Callable[..., httpx.Response]
"""Sends a request with bytes that no client allows."""


@pytest.fixture
def raw(app: FastAPI, portal: BlockingPortal) -> Raw:
    async def ask(
        method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> httpx.Response:
        sent: list[Any] = []
        requests = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            request = next(requests, None)
            if request is None:
                await anyio.sleep_forever()  # the client stays for the response
            return request

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
            "scheme": "http", "method": method, "path": path, "raw_path": quote(path).encode(),
            "query_string": query, "headers": headers, "client": ("203.0.113.9", 4711),
            "server": ("audit.example", 80), "root_path": "",
        }  # fmt: skip
        try:
            await app(scope, receive, send)
        except Exception:
            assert sent[0]["status"] == 500  # the error is raised to the server
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)

    def request(
        path: str = "/", query: bytes = b"", method: str = "GET", body: bytes = b"", **headers: str
    ) -> httpx.Response:
        named = {"host": "audit.example", "x-user": "owner", **EXPORTING, **headers}
        pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in named.items()]
        return portal.call(partial(ask, method, path, query, pairs, body))

    return request


def assert_security_headers(answer: httpx.Response) -> None:
    assert {name: answer.headers.get(name.decode(), "").encode() for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] in ("no-store", "no-cache")


# --- raw requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/filter", "/api/entries", "/api/export", "/entries/x", "/api/users"])
@pytest.mark.parametrize("query", [b"search=\xff\xfe\xfd", b"\xff=\xff", b"\0\x01\r\n", b"&&;;==%%%zz"])
def test_query_of_any_bytes_gets_a_response(raw: Raw, path: str, query: bytes) -> None:
    answer = raw(path, query)
    assert answer.status_code in (200, 303, 400, 404)
    assert_security_headers(answer)


@pytest.mark.parametrize("path", ["/", "/api/entries", "/api/export", "/filter"])
def test_number_sign_does_not_end_the_query(raw: Raw, path: str) -> None:
    assert raw(path, b"account=acme#&where=nonsense").status_code in (400, 404)
    assert raw(path, b"match=all#").status_code == 400


def test_unencoded_query_is_read_as_utf_8(raw: Raw, log: AuditLog) -> None:
    fill(log, 1, actor=Actor.user("u-1", "Élodie Dupré"))
    answer = raw("/api/entries", "search=élodie".encode(), accept="*/*")
    assert [entry["actor"]["id"] for entry in answer.json()["entries"]] == ["u-1"]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "[",
        "]",
        "quicksand.example",
        "a?b#c",
        "a/b",
        "x@quicksand.example:99999",
        "\xe9",
        "a b",
        "::1",
        ":",
    ],
)
def test_host_header_is_in_no_response(raw: Raw, log: AuditLog, host: str) -> None:
    (entry,) = fill(log, 1)
    for path in ("/", f"/entries/{entry}", "/nothing", "/api/nothing", "/api/openapi.json"):
        answer = raw(path, host=host)
        assert answer.status_code == (404 if "nothing" in path else 200)
        assert "quicksand" not in answer.text
    assert raw("/filter", b"search=abc", host=host).headers["location"] == "/?search=abc"


NAMES = st.sampled_from(
    ["host", "origin", "sec-fetch-site", "x-user", "content-type", "x-forwarded-for", "accept"]
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=30)
VALUES = st.sampled_from(["owner", "service", "null", "http://[", "none", "application/json", "1.2.3.4, x"])
PATHS = st.sampled_from(
    ["/", "//", "/filter", "/export", "/entries/", "/entries/x", "/api", "/api/", "/api/entries",
     "/api/users", "/api/export", "/api/events", "/api/events/x/schema", "/api/openapi.json", "/static/",
     "/static/../a"]
)  # fmt: skip
QUERIES = st.one_of(
    st.binary(max_size=40),
    st.lists(
        st.sampled_from(
            [b"where=user:is:u", b"match=any", b"period=7d", b"period=custom", b"from=2026-01-01",
             b"limit=1", b"edit=3", b"edit=99", b"search=a", b"at=2026-01-01T00:00:00Z", b"field.0=user",
             b"operator.0=is", b"user.0=u", b"do=remove-0", b"view=a%3Db",
             b"format=jsonl", b"text=%00", b"search=%F0%9F%98%80%80x"]
        )
    ).map(b"&".join),
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"[{}]",
            b'{"event":"x","metadata":{}}',
            b"what=filtered",
            b"view=%FF",
            b"token=%FF",
            b"[[]]",
            b"null",
        ]
    ),
)


@settings(max_examples=examples(100))
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE", "BREW"]),
    PATHS | st.text(max_size=20).map("/".__add__),
    QUERIES,
    st.dictionaries(NAMES, VALUES | LATIN, max_size=4),
    BODIES,
)
@example("POST", "/export", b"", {"origin": "http://[::1"}, b"")
@example("GET", "/", b"limit=000000001" + b"0" * 5000, {}, b"")
def test_any_request_gets_a_response_with_the_headers(
    raw: Raw, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes
) -> None:
    answer = raw(path, query, method, body, **headers)
    assert answer.status_code < 500
    assert_security_headers(answer)
    location = answer.headers.get("location", "/")
    assert re.match(r"/(?![/\\])", location)
    if answer.status_code >= 400 and method != "HEAD":
        kind = "application/problem+json" if path.startswith("/api/") else "text/html; charset=utf-8"
        assert answer.headers["content-type"] == kind


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET"),
        ("PUT", "/filter", "GET"),
        ("GET", "/export", "POST"),
        ("DELETE", "/entries/x", "GET"),
        ("DELETE", "/api/entries", "GET, POST"),
        ("DELETE", "/api/export", "GET, POST"),
        ("POST", "/api/users", "GET"),
        ("PATCH", "/static/audit.css", "GET, HEAD"),
    ],
)
def test_wrong_method_is_refused_with_allow_header(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers.get("allow", allowed).split(", ")) <= set(allowed.split(", "))
    assert_security_headers(answer)
    if path.startswith("/api/"):
        assert answer.json()["type"] == "urn:auditwright:wrong-method"
    else:
        assert '<a class="button" href="/">Show all entries</a>' in answer.text


# --- mount path --------------------------------------------------------------------------


@pytest.fixture(params=["/audit", "/api", "/static", "/a/b", '/"><script>'])
def mounted(request: pytest.FixtureRequest, log: AuditLog) -> Iterator[tuple[str, FastAPI]]:
    """The application inside another one, at a path."""
    outer = FastAPI(openapi_url=None)
    outer.mount(request.param, create_app(log, authorize))
    return (request.param, outer)  # type: ignore[return-value]


def links(text: str) -> list[str]:
    return re.findall(r'(?:href|src|action|data-base|data-json)="([^"#][^"]*)"', text)


def test_every_link_stays_below_the_mount_path(
    mounted: tuple[str, FastAPI], log: AuditLog, portal: BlockingPortal
) -> None:
    path, outer = mounted
    client = Client(outer, portal)
    (entry, *_) = fill(log, 3)
    shown = path.replace('"><script>', "&#34;&gt;&lt;script&gt;")
    pages = ("/", "/?limit=1&search=ada&period=7d", f"/entries/{entry}", "/nothing", "/static/none", "/?x=y")
    for page in pages:
        answer = client.get(quote(path) + page, user="owner")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert len(links(answer.text)) > 4
        assert [link for link in links(answer.text) if not (link + "/").startswith(shown + "/")] == []
        assert "<script>" not in answer.text


def test_redirects_errors_and_files_respect_the_mount_path(
    mounted: tuple[str, FastAPI], portal: BlockingPortal
) -> None:
    path, client = quote(mounted[0]), Client(mounted[1], portal)
    moved = client.get(f"{path}/filter?search=abc")
    assert moved.status_code == 303
    assert quote(moved.headers["location"], safe="/?=%") == f"{path}/?search=abc"
    missing = client.get(f"{path}/api/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    style = client.get(f"{path}/static/audit.css")
    assert (style.status_code, style.headers["cache-control"]) == (200, "no-cache")
    assert client.get(f"{path}/").headers["cache-control"] == "no-store"
    assert client.get(f"{path}/api/openapi.json").json()["servers"] == [{"url": mounted[0]}]


def test_trailing_slash_of_a_proxy_path_is_harmless(app: FastAPI, portal: BlockingPortal) -> None:
    for root_path in ("/", "/audit/"):
        transport = httpx.ASGITransport(app, root_path=root_path)
        client = httpx.AsyncClient(transport=transport, base_url="http://audit.example")
        answer = portal.call(partial(client.get, f"{root_path}nothing"))
        assert answer.status_code == 404
        assert [link for link in links(answer.text) if link.startswith("//")] == []


# --- settings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trusted_proxies": ["*"]}, "*: every client would be a trusted proxy"),
        ({"trusted_proxies": "10.0.0.1"}, "trusted proxies are a list of addresses and CIDRs"),
        ({"trusted_proxies": ["proxy.example"]}, "a trusted proxy is an address, a CIDR"),
        ({"trusted_proxies": iter(["0.0.0.0/0"])}, "0.0.0.0/0: every client would be a trusted proxy"),
        ({"allowed_hosts": "audit.example"}, "allowed_hosts: expected a list of names such as *.example.com"),
        ({"allowed_hosts": ["audit.*"]}, "allowed_hosts: expected a list of names such as *.example.com"),
        ({"allowed_hosts": iter(["*audit.example"])}, "allowed_hosts: expected a list of names"),
    ],
)
def test_invalid_settings_are_refused_at_creation(
    log: AuditLog, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r"trusted|allowed") as caught:
        create_app(log, authorize, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("hosts", "host", "status"),
    [
        (["audit.example"], "audit.example", 200),
        (["audit.example"], "AUDIT.example:8080", 200),
        (["audit.example"], "evil.example", 400),
        (["audit.example"], "", 400),
        (["audit.example"], "audit.example.evil.example", 400),
        (["*.example"], "audit.example", 200),
        (["*.example"], "example.evil", 400),
        (["*"], "anything", 200),
        ([], "audit.example", 400),
    ],
)
def test_authorize_is_not_called_for_other_hosts(
    log: AuditLog, portal: BlockingPortal, hosts: list[str], host: str, status: int
) -> None:
    asked = []

    def sign_in(request: Request) -> Principal:
        asked.append(request)
        return PRINCIPALS["auditor"]

    answer = Client(create_app(log, sign_in, allowed_hosts=hosts), portal).get("/", headers={"host": host})
    assert (answer.status_code, len(asked)) == (status, int(status == 200))
    assert_security_headers(answer)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accounts": "acme"}, 'accounts is a tuple of ids, such as ("acme",), not str'),
        ({"accounts": {"acme"}}, 'accounts is a tuple of ids, such as ("acme",), not set'),
        ({"accounts": None}, 'accounts is a tuple of ids, such as ("acme",), not NoneType'),
        ({"accounts": b"acme"}, 'accounts is a tuple of ids, such as ("acme",), not bytes'),
        ({"accounts": ("",)}, "accounts: expected a string of 1 to 256 characters, got 0 characters"),
        ({"accounts": (5,)}, "accounts: expected a string of 1 to 256 characters, got int"),
        ({"accounts": ("a\0",)}, "accounts: expected a string of 1 to 256 characters, got one with a NUL"),
        ({"actor": "u-17"}, "actor is an Actor, not str"),
        ({"actor": None}, "actor is an Actor, not NoneType"),
        ({"may_export": "false"}, "may_export is True or False, not 'false'"),
        ({"may_record": 1}, "may_record is True or False, not 1"),
        ({"may_impersonate": "no"}, "may_impersonate is True or False, not 'no'"),
    ],
)
def test_invalid_principal_denies_access(
    log: AuditLog, portal: BlockingPortal, values: dict[str, Any], message: str
) -> None:
    def make(_: object = None) -> Principal:
        return Principal(**{"actor": ADA, "accounts": ("acme",), **values})

    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    assert str(caught.value).startswith(message)
    fill(log, 1)
    for path in ("/", "/api/entries"):
        answer = Client(create_app(log, make), portal).get(path)
        assert answer.status_code == 500
        assert "accounts" not in answer.text
        assert_security_headers(answer)


@pytest.mark.parametrize("given", [True, "u-17", ADA, PRINCIPALS, 0, ()])
def test_value_that_is_not_a_principal_denies_access(
    log: AuditLog, portal: BlockingPortal, given: Any
) -> None:
    async def sign_in(_: Request) -> Any:
        return given

    fill(log, 1)
    answer = Client(create_app(log, sign_in), portal).get("/api/entries")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:auditwright:failed")


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (HTTPException(403, {"reason": "not today"}), 403, "not-allowed"),  # type: ignore[arg-type]
        (HTTPException(418), 418, "failed"),
        (HTTPException(503, "<b>Later</b>", {"Retry-After": "60"}), 503, "unavailable"),
    ],
)
def test_authorize_can_refuse_with_any_status_and_detail(
    log: AuditLog, portal: BlockingPortal, error: HTTPException, status: int, kind: str
) -> None:
    def refuse(_: Request) -> None:
        raise error

    client = Client(create_app(log, refuse), portal)
    for path in ("/", "/api/entries", "/entries/x"):
        answer = client.get(path)
        assert answer.status_code == status
        assert "<b>" not in answer.text or path.startswith("/api/")
        assert answer.headers.get("retry-after") == (error.headers or {}).get("Retry-After")
        assert_security_headers(answer)
    assert client.get("/api/entries").json()["type"] == f"urn:auditwright:{kind}"


def test_authorize_runs_before_any_data_is_read(log: AuditLog, portal: BlockingPortal) -> None:
    client = Client(create_app(log, lambda _: None), portal)
    (entry,) = fill(log, 1)
    for path in ("/", "/?wrong=query", "/filter?view=%00", f"/entries/{entry}", "/api/entries?limit=x",
                 f"/api/entries/{entry}", "/api/export?format=x", "/api/events", "/api/events/x/schema",
                 "/api/users"):  # fmt: skip
        assert client.get(path).status_code == 401, path
    assert client.export({"what": "nonsense"}).status_code == 401
    assert client.post("/api/entries", content=b"{", headers={"content-type": "x/y"}).status_code == 401
