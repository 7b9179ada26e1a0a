"""The Audit Logs page inside a Django project: permissions, links, exports, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.test import Client, override_settings
from tests.runtime.contrib.django import project
from tests.runtime.contrib.django.conftest import Project
from tests.support.waiting import wait_until

from auditwright import Actor
from auditwright.contrib.django import log, views
from auditwright.contrib.django.asgi_bridge import Bridge
from auditwright.contrib.django.conf import SETTING


@pytest.fixture
def filled(site: Project) -> Project:
    """The project with some entries."""
    for number in range(3):
        project.audit.account.login_logout.login(
            email_id=f"u{number}@example.com", actor=Actor.user("u-17", "Ada Lovelace")
        )
    site.recorded()
    return site


def client_of(site: Project, name: str | None) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.9", headers={"x-requested-with": "tests"})
    if name is not None:
        client.force_login(site.users[name])
    return client


def body(answer: Any) -> str:
    content: bytes = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()


def cookies_of(client: Client) -> str:
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


def asgi(client: Client, method: str, path: str, **options: Any) -> httpx.Response:
    """The answer under ASGI to whoever is signed in with the client."""

    async def send() -> httpx.Response:
        app: Any = get_asgi_application()
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as browser:
            sent = {"cookie": cookies_of(client), "x-requested-with": "tests"}
            headers = {**sent, **options.pop("headers", {})}
            return await browser.request(method, path, headers=headers, **options)

    return asyncio.run(send())


def test_user_with_the_permission_sees_the_page(filled: Project) -> None:
    client = client_of(filled, "ada")
    for answer in (client.get("/audit/"), asgi(client, "GET", "/audit/")):
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "u2@example.com" in text
        assert 'href="/audit/static/audit.css' in text
        assert 'action="/audit/' in text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-length"] == str(len(answer.content))
    assert filled.recorded() == []


def test_entries_and_static_files_are_found(filled: Project) -> None:
    client = client_of(filled, "grace")
    found = json.loads(body(client.get("/audit/api/entries?limit=1")))["entries"]
    assert client.get(f"/audit/entries/{found[0]['id']}").status_code == 200
    assert client.get("/audit/entries/nonsense").status_code == 404
    for answer in (client.get, lambda path: asgi(client, "GET", path)):
        page = answer("/audit/objects/model/a%2F%3Fb%0A").content.decode()
        assert '<h2 class="of">History of <bdi>model a/?b\\n</bdi></h2>' in page
    assert asgi(client, "GET", "/audit/api/entries?limit=1").json()["entries"] == found
    style = client.get("/audit/static/audit.css")
    assert (style.status_code, style["content-type"]) == (200, "text/css; charset=utf-8")
    assert style["cache-control"] == "no-cache"
    assert client.get("/audit").status_code == 301
    assert client.post("/audit/").status_code == 405


def test_page_asks_to_sign_in_and_the_api_refuses(filled: Project) -> None:
    client = client_of(filled, None)
    page = client.get("/audit/?period=7d")
    assert (page.status_code, page["location"]) == (302, "/login/?next=/audit/%3Fperiod%3D7d")
    api = client.get("/audit/api/entries")
    assert (api.status_code, api["content-type"]) == (401, "application/problem+json")
    assert client.post("/audit/export").status_code == 401
    assert client.get("/audit/static/audit.js").status_code == 200


def test_user_without_the_permission_sees_nothing(filled: Project) -> None:
    client = client_of(filled, "frances")
    for path in ("/audit/", "/audit/api/entries", "/audit/api/export"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "u2@example.com" not in body(answer)
        assert asgi(client, "GET", path).status_code == 403
    assert filled.recorded() == []


def test_export_needs_its_own_permission(filled: Project) -> None:
    ada, grace = client_of(filled, "ada"), client_of(filled, "grace")
    assert grace.get("/audit/api/export").status_code == 403
    assert filled.recorded() == []
    answer = ada.get("/audit/api/export")
    assert answer.streaming
    lines = body(answer).splitlines()
    assert answer["content-type"] == "text/csv; charset=utf-8; header=present"
    assert len([line for line in lines if "@example.com" in line]) >= 3
    assert filled.recorded() == [("exported", "ada", "203.0.113.9")]
    assert asgi(ada, "GET", "/audit/api/export").text.splitlines()[: len(lines)][0] == lines[0]
    assert filled.recorded() == [("exported", "ada", "203.0.113.9")]


def token_in(answer: Any) -> str:
    (token,) = re.findall('name="token" value="([^"]*)"', answer.content.decode())
    return str(token)


def test_export_needs_the_form_of_the_page(filled: Project) -> None:
    """The middleware of Django against CSRF is on, and the token is the page's own."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(filled.users["ada"])

    def post(site: str, **form: str) -> Any:
        sent, kind = urlencode({"what": "all", **form}), "application/x-www-form-urlencoded"
        return client.post("/audit/export", sent, kind, headers={"sec-fetch-site": site})

    page = post("same-origin")
    assert page.status_code == 403
    cookie = page.cookies["auditwright-export"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    form = {"token": token_in(page)}
    assert form["token"] == cookie.value
    assert "auditwright-export" not in client.get("/audit/").cookies
    assert (post("cross-site", **form).status_code, filled.recorded()) == (403, [])
    taken = post("same-origin", **form)
    assert taken.status_code == 200
    assert "@example.com" in body(taken)


def test_cookie_behind_a_proxy_with_tls_is_secure(filled: Project) -> None:
    client = client_of(filled, "ada")
    with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_TLS", "on")):
        (name,) = client.get("/audit/", headers={"x-tls": "on"}).cookies
    assert name == "__Host-auditwright-export"
    answer = asgi(client_of(filled, "ada"), "GET", "/audit/")
    assert answer.headers["set-cookie"].startswith("auditwright-export=")
    assert "HttpOnly" in answer.headers["set-cookie"]


def test_nobody_may_record_through_the_api(filled: Project) -> None:
    form = {"event": "account.roles.role_changed", "metadata": {}}
    answer = client_of(filled, "ada").post("/audit/api/entries", form, content_type="application/json")
    assert (answer.status_code, filled.recorded()) == (403, [])


def test_links_keep_the_prefix_of_the_server(filled: Project) -> None:
    client = client_of(filled, "ada")
    answer = client.get("/audit/", SCRIPT_NAME="/shop")
    assert urlsplit(answer.wsgi_request.path).path == "/shop/audit/"
    assert 'href="/shop/audit/static/audit.css' in body(answer)


def test_only_named_accounts_are_shown(filled: Project) -> None:
    def accounts(request: Any) -> list[str]:
        return ["globex"] if request.user.username == "ada" else []

    own = project.AUDITWRIGHT | {"GET_ACCOUNTS": accounts}
    with override_settings(**{SETTING: own}):
        assert "u2@example.com" not in body(client_of(filled, "ada").get("/audit/"))
        assert client_of(filled, "ada").get("/audit/api/entries?account=acme").status_code == 404
        assert client_of(filled, "grace").get("/audit/").status_code == 403
    own = project.AUDITWRIGHT | {"GET_ACCOUNT": lambda request: "acme"}
    with override_settings(**{SETTING: own}):  # the account of a request is no right to read it
        assert client_of(filled, "ada").get("/audit/").status_code == 403


def test_text_is_no_list_of_accounts(filled: Project) -> None:
    own = project.AUDITWRIGHT | {"GET_ACCOUNTS": lambda request: "acme"}
    with (
        override_settings(**{SETTING: own}),
        pytest.raises(TypeError, match="a list of accounts, not 'acme'"),
    ):
        client_of(filled, "ada").get("/audit/")


# --- long exports ----------------------------------------------------------------------------------


@pytest.fixture
def many(site: Project) -> Project:
    """The project with so many entries that an export is longer than what is sent at once."""
    if log.account("acme").count() < 3_000:
        form = {
            "event": "account.login_logout.login",
            "actor": {"type": "user", "id": "u-17", "name": "Ada"},
            "metadata": {"email_id": "u@example.com"},
        }
        log.record_many([form] * 3_000)
    site.recorded()
    return site


def begin_export(client: Client) -> Any:
    """An export of which nothing is read yet; it waits for a place among those of the same user."""
    answers: list[Any] = []

    def is_allowed() -> bool:
        answers.append(client.get("/audit/api/export"))
        return bool(answers[-1].status_code == 200)

    wait_until(is_allowed, 10)
    return answers[-1]


def test_export_that_is_not_read_is_ended(many: Project) -> None:
    client = client_of(many, "ada")
    running = [begin_export(client), begin_export(client)]
    assert client.get("/audit/api/export").status_code == 429
    assert next(iter(running[0].streaming_content))
    for answer in running:
        answer.close()
    for _ in range(3):
        begin_export(client).close()


def test_asgi_export_ends_when_the_client_leaves(many: Project) -> None:
    client = client_of(many, "ada")
    sent: list[Any] = []

    async def leave() -> None:
        gone, requested = asyncio.Event(), False

        async def receive() -> dict[str, Any]:
            nonlocal requested
            if not requested:
                requested = True
                return {"type": "http.request", "body": b""}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 2:
                gone.set()
                await asyncio.sleep(60)  # it reads nothing more

        headers = [
            (b"host", b"testserver"),
            (b"cookie", cookies_of(client).encode()),
            (b"x-requested-with", b"tests"),
        ]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/audit/api/export",
            "query_string": b"",
            "headers": headers,
        }
        await get_asgi_application()(scope, receive, send)

    asyncio.run(leave())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    running = [begin_export(client), begin_export(client)]
    for answer in running:
        answer.close()


def test_failing_export_breaks_the_download(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditwright.server import downloads

    class Failing:
        def __init__(self, pieces: Any) -> None:
            self._pieces, self._count = pieces, 0

        def __next__(self) -> bytes:
            self._count += 1
            if self._count == 2:
                raise OSError("the disk is gone")
            piece: bytes = next(self._pieces)
            return piece

        def close(self) -> None:
            self._pieces.close()

    opened = downloads.Download._open
    monkeypatch.setattr(downloads.Download, "_open", lambda self: Failing(opened(self)))
    answer: Any = client_of(many, "ada").get("/audit/api/export")
    with pytest.raises(OSError, match="the disk is gone"):
        list(answer.streaming_content)
    answer.close()


def test_setting_records_who_looks_at_the_page(filled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(filled, "ada")
    assert client.get("/audit/").status_code == 200
    assert filled.recorded() == []
    own = project.AUDITWRIGHT | {"RECORD_READS": True, "READ_WINDOW": 86_400}
    with override_settings(**{SETTING: own}):
        monkeypatch.setattr(views, "_bridge", Bridge(views._application))
        for url in ("/audit/", "/audit/api/entries", "/audit/"):
            assert client.get(url).status_code == 200
        ((event, actor, address),) = filled.recorded()
    assert (event, actor, address) == ("viewed", "ada", "203.0.113.9")
