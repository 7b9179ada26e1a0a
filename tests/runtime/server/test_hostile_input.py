"""Hostile requests and entries are shown as text or refused; they never run or fail."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.support.web import ADA, AUDITOR, Client, authorize, fill

from auditwright import Actor, AuditLog
from auditwright.server import Principal, create_app

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{7*7}}{% raw %}",
    "\u202egnirts\u202c",
    "a\nb\rc\td\x1b[2J\x7f",
    "=cmd|' /C calc'!A0",
    "javascript:alert(1)",
    "//evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "אדה لوفلايس",
    "x" * 200,
]
PLACES = [
    "where",
    "match",
    "period",
    "from",
    "to",
    "zone",
    "search",
    "limit",
    "at",
    "after",
    "before",
    "account",
    "other",
]
FIELDS = ["view", "match", "do", "field.0", "operator.0", "category.0", "event.0", "user.0", "search", "zone"]


class Dangers(HTMLParser):
    """The parts of a page that could run or lead away."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("img", "iframe", "object", "base", "style"):
            self.found.append(tag)
        if tag == "script" and dict(attrs) != {"src": "/static/audit.js", "type": "module"}:
            self.found.append(f"script {attrs}")
        for name, value in attrs:
            leads = name in ("href", "src", "action", "formaction")
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}")
            if leads and not re.match(r"/(?![/\\])|#", value or ""):
                self.found.append(f"{tag} {name}={value}")


@pytest.fixture
def hostile(log: AuditLog) -> list[str]:
    """Entries with hostile texts as name, id, metadata and description; their ids."""
    made = []
    for text in HOSTILE:
        with log.acting(Actor.user(text, text), ip_address="203.0.113.7"):
            values = {"prompt_id": text, "prompt_name": text}
            made.append(str(log.record_event("account.prompts.prompt_created", values, {"details": text}).id))
    return made


def test_hostile_entries_are_shown_as_text(client: Client, hostile: list[str]) -> None:
    for path in ("/", "/?search=script", *(f"/entries/{entry}" for entry in hostile)):
        page = client.get(path)
        assert page.status_code == 200
        assert Dangers(page.text).found == []
        assert not set("\u202e\u202c\x1b\x7f") & set(Dangers(page.text).text)
    assert "{{7*7}}{% raw %}" in client.get(f"/entries/{hostile[2]}").text
    assert "\\u202egnirts\\u202c" in client.get(f"/entries/{hostile[3]}").text


@pytest.mark.parametrize("name", PLACES)
def test_hostile_query_is_shown_as_text_or_refused(client: Client, hostile: list[str], name: str) -> None:
    assert hostile
    for text in [*HOSTILE, "user:is:" + HOSTILE[0], "\0", "\ud800", "x" * 60_000, ""]:
        for path in ("/", "/filter", "/api/entries", "/api/export", "/api/users", f"/entries/{hostile[0]}"):
            answer = client.get(path, params={name: text.encode("utf-8", "surrogatepass")})
            assert answer.status_code in (200, 303, 400, 404, 422), (path, answer.text[:300])
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert Dangers(answer.text).found == []
            location = answer.headers.get("location", "/")
            assert location.startswith("/")
            assert not location.startswith(("//", "/\\"))


@pytest.mark.parametrize("name", FIELDS)
def test_hostile_form_redirects_to_this_page_or_is_refused(client: Client, name: str) -> None:
    row = {"match": "any", "field.0": "user", "operator.0": "is", "user.0": "u-17"}
    for text in [*HOSTILE, "\0", "x" * 60_000]:
        answer = client.get("/filter", params={**row, name: text})
        assert answer.status_code in (303, 400, 404, 422)
        assert re.match(r"/(\?|$)", answer.headers.get("location", "/"))
        answer = client.export({"view": text, "what": text})
        assert answer.status_code == 400


def test_unexpected_error_reveals_nothing(log: AuditLog, portal: BlockingPortal) -> None:
    def broken(_: Request) -> Principal:
        raise RuntimeError("the password is swordfish")

    for path in ("/", "/api/entries"):
        answer = Client(create_app(log, broken), portal).get(path)
        assert answer.status_code == 500
        assert "swordfish" not in answer.text
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://audit.example"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "null", "host": ""}, False),
        ({"origin": "http://["}, False),
    ],
)
def test_only_same_site_requests_export_and_record(
    log: AuditLog, client: Client, headers: dict[str, str], allowed: bool
) -> None:
    fill(log, 1)
    entry = {"event": "tool.guardrails.input_scanner_added", "metadata": {"tool_id": "t-4"}}
    answers = [
        client.export({"what": "all"}, headers=headers, user="owner"),
        client.get("/api/export", headers=headers, user="owner"),
        client.post("/api/entries", json=entry, headers=headers, user="owner"),
    ]
    assert [answer.status_code for answer in answers] == ([200, 200, 201] if allowed else [403] * 3)
    assert log.account("acme").count() == (4 if allowed else 1)


def test_only_allowed_hosts_are_served(log: AuditLog, portal: BlockingPortal) -> None:
    client = Client(create_app(log, authorize, allowed_hosts=["audit.example"]), portal)
    assert client.get("/").status_code == 200
    refused = client.get("/", headers={"host": "evil.example"})
    assert refused.status_code == 400
    assert "content-security-policy" in refused.headers
    with pytest.raises(ValueError, match="allowed_hosts"):
        create_app(log, authorize, allowed_hosts="audit.example")


class AuthorizeObject:
    async def __call__(self, request: Request) -> Principal | None:
        return await authorize(request)


def sync_authorize(_: Request) -> Principal:
    return Principal(AUDITOR, ("acme",))


@pytest.mark.parametrize(
    "way", [authorize, sync_authorize, AuthorizeObject()], ids=["async", "plain", "object"]
)
def test_authorize_can_be_sync_async_or_an_object(
    log: AuditLog, portal: BlockingPortal, way: Callable[[Request], Any]
) -> None:
    assert Client(create_app(log, way), portal).get("/").status_code == 200


def test_authorize_can_redirect_to_sign_in(log: AuditLog, portal: BlockingPortal) -> None:
    def sign_in(_: Request) -> Principal | None:
        raise HTTPException(303, headers={"Location": "/login"})

    answer = Client(create_app(log, sign_in), portal).get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_authorize_must_return_a_principal(log: AuditLog, portal: BlockingPortal) -> None:
    with pytest.raises(TypeError, match="needs authorize"):
        create_app(log, None)  # type: ignore[arg-type]
    everybody: Any = lambda _: True  # noqa: E731
    assert Client(create_app(log, everybody), portal).get("/").status_code == 500
    with pytest.raises(TypeError, match="accounts is a tuple"):
        Principal(ADA, "acme")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("user", "status", "title"),
    [("nobody", 401, "Not signed in"), ("nowhere", 403, "No account"), ("reader", 403, "Not allowed")],
)
def test_denied_access_has_an_error_page(client: Client, user: str, status: int, title: str) -> None:
    answer = client.export({"what": "all"}, user=user)
    assert answer.status_code == status
    assert f"<h2>{title}</h2>" in answer.text
