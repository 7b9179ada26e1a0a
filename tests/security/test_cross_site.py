"""No other site exports or records in the name of a user: links, forms, scripts and forged cookies."""

import re

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from tests.support.web import EXPORTING, TOKEN, Client, authorize, fill

from auditwright import AuditLog, Filter
from auditwright.server import create_app
from auditwright.server.export_token import COOKIE, NO_COOKIE, SECURE_COOKIE, STALE_FORM
from auditwright.system_events import EXPORTED

JSON = {"content-type": "application/json"}
OTHER = "b-token_of-the-form-for-exports-of-43-bytes"


@pytest.fixture
def browser(app: FastAPI, portal: BlockingPortal) -> Client:
    """A browser that has no cookie yet, and sends no header of a program."""
    return Client(app, portal, headers={})


def exports(log: AuditLog) -> int:
    """The number of recorded exports."""
    return log.account("acme").count(where=Filter.parse([f"event:is:{EXPORTED}"]))


def token_in(page: httpx.Response) -> str:
    """The token in the only form of the page that has one."""
    (token,) = re.findall('name="token" value="([^"]*)"', page.text)
    return str(token)


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    """The cookie of a response as a header of the next request."""
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


# --- links ----------------------------------------------------------------------------------------

LINKS: dict[str, dict[str, str]] = {
    "plain HTTP": {},
    "plain HTTP with a referrer": {"referer": "http://evil.example/"},
    "HTTPS": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    "HTTPS of a sister site": {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"},
    "a mail or a document": {"sec-fetch-site": "none", "sec-fetch-user": "?1", "sec-fetch-mode": "navigate"},
    "an image": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    "a frame": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    "a prefetch": {"sec-purpose": "prefetch"},
    "a link of a user": {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"},
    "an image of a user": {"sec-fetch-site": "same-origin", "sec-fetch-dest": "image"},
    "a sandbox": {"origin": "null"},
}


def test_link_starts_no_export(browser: Client, log: AuditLog) -> None:
    fill(log, 1)
    for name, headers in LINKS.items():
        for query in ("", "?format=jsonl", "?excel=comma&period=7d"):
            sent = {"cookie": EXPORTING["cookie"], **headers}
            answer = browser.get(f"/api/export{query}", headers=sent)
            assert (name, query, answer.status_code) == (name, query, 403)
            assert "@example.com" not in answer.text
    assert exports(log) == 0


def test_refused_link_says_how_to_export(browser: Client) -> None:
    problem = browser.get("/api/export").json()
    assert (problem["type"], problem["title"]) == ("urn:auditwright:unconfirmed", "Not exported")
    assert problem["detail"] == (
        "A link could have started this export, so it was not made. Send the header X-Requested-With with "
        "any value, or the same selection by POST as application/json."
    )


def test_program_and_own_script_export(browser: Client, log: AuditLog) -> None:
    fill(log, 1)
    for headers in (
        {"x-requested-with": "curl"},
        {"x-requested-with": ""},
        {"x-requested-with": "fetch", "sec-fetch-site": "same-origin"},
    ):
        assert "@example.com" in browser.get("/api/export", headers=headers).text
    assert exports(log) == 3


def test_header_of_a_program_does_not_excuse_another_site(browser: Client, log: AuditLog) -> None:
    for origin in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        for answer in (
            browser.get("/api/export", headers={"x-requested-with": "x", **origin}),
            browser.post("/api/export", content="{}", headers={**JSON, **origin}),
            browser.post("/export", data={"token": TOKEN}, headers={"cookie": EXPORTING["cookie"], **origin}),
        ):
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
    assert exports(log) == 0


def test_no_answer_allows_scripts_of_other_sites(browser: Client) -> None:
    """A browser sends JSON or the header of a program for another site only after such an answer (CORS)."""
    asked = {
        "origin": "http://evil.example",
        "access-control-request-headers": "x-requested-with, content-type",
    }
    for path in ("/api/export", "/export", "/api/entries", "/"):
        answer = browser.request("OPTIONS", path, headers={**asked, "access-control-request-method": "POST"})
        assert answer.status_code == 405
        assert [name for name in answer.headers if name.startswith("access-control")] == []


# --- POST by programs ---------------------------------------------------------------------------------


def test_post_of_json_exports_the_selection(browser: Client, client: Client, log: AuditLog) -> None:
    fill(log, 3)
    where = {"where": ["user:is:u-17", "event:is:account.login_logout.login"], "period": "24h"}
    query = "where=user:is:u-17&where=event:is:account.login_logout.login&period=24h"
    for more in ({}, {"format": "jsonl"}, {"excel": "semicolon"}):
        expected = client.get(
            f"/api/export?{query}&{'&'.join('='.join(each) for each in more.items())}".rstrip("&")
        )
        answer = browser.post("/api/export", json={**where, **more})
        assert (answer.status_code, answer.content) == (200, expected.content)
        assert answer.headers["content-type"] == expected.headers["content-type"]
    assert exports(log) == 6


INVALID: list[tuple[str, int, str]] = [
    ("{", 400, "Invalid JSON: "),
    ("[]", 400, "selection: expected a JSON object, got list"),
    ('"all"', 400, "selection: expected a JSON object, got str"),
    ('{"colour": "red"}', 400, "query: expected one of account, match, where"),
    ('{"limit": "5"}', 400, "query: expected one of account, match, where"),
    ('{"period": 7}', 400, "period: expected a string, got another type"),
    ('{"where": [7]}', 400, "where: expected a list of strings, got another type"),
    ('{"where": {"user": "u-17"}}', 400, "where: expected a list of strings, got another type"),
    ('{"format": ["csv", "csv"]}', 400, "format: expected a string, got another type"),
    ('{"where": ["colour:is:red"]}', 400, "a condition's field is one of category, event, user"),
    ('{"format": "jsonl", "excel": "comma"}', 400, "excel: it is for csv, got format=jsonl"),
    ('{"account": "globex"}', 404, "You have access to no account with this id."),
    ('{"search": "' + "x" * 65_536 + '"}', 413, "A selection has at most 65,536 bytes."),
]


def test_invalid_selection_is_refused(browser: Client, log: AuditLog) -> None:
    for body, status, detail in INVALID:
        answer = browser.post("/api/export", content=body, headers=JSON)
        assert (body, answer.status_code) == (body, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].startswith(detail), answer.text
    assert exports(log) == 0


FORM_TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain; application/json",
)
"""What a form or a script may send to another site unasked; a form can make its text valid JSON."""


def test_form_of_another_site_is_no_json(browser: Client, log: AuditLog) -> None:
    for kind in FORM_TYPES:
        for path in ("/api/export", "/api/entries"):
            answer = browser.post(path, content="{}", headers={"content-type": kind}, user="owner")
            assert (answer.status_code, answer.json()["type"]) == (415, "urn:auditwright:not-json")
    assert exports(log) == 0


# --- the form of the page ------------------------------------------------------------------------------


def test_form_of_the_page_exports(browser: Client, log: AuditLog) -> None:
    fill(log, 1)
    page = browser.get("/")
    kind = "Path=/; SameSite=strict"
    assert page.headers["set-cookie"] == f"{COOKIE}={token_in(page)}; HttpOnly; {kind}"
    answer = browser.post("/export", data={"token": token_in(page)})
    assert (answer.status_code, exports(log)) == (200, 1)
    assert "@example.com" in answer.text


def test_all_tabs_and_back_have_one_token(browser: Client, log: AuditLog) -> None:
    first = browser.get("/")
    tabs = [
        browser.get(path) for path in ("/", "/?search=abc", "/?limit=1", "/filter?match=all&field.0=user")
    ]
    assert {token_in(page) for page in [first, *tabs[:3]]} == {token_in(first)}
    assert [page for page in tabs if "set-cookie" in page.headers] == []
    assert browser.post("/export", data={"token": token_in(first)}).status_code == 200


def test_workers_share_their_tokens(log: AuditLog, portal: BlockingPortal) -> None:
    one, another = (Client(create_app(log, authorize), portal, headers={}) for _ in range(2))
    page = one.get("/")
    answer = another.post("/export", data={"token": token_in(page)}, headers=cookie_of(page))
    assert (answer.status_code, exports(log)) == (200, 1)


def test_browsers_have_different_tokens(app: FastAPI, portal: BlockingPortal) -> None:
    tokens = {token_in(Client(app, portal, headers={}).get("/")) for _ in range(20)}
    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {43}


FORGED: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "nothing": ({}, {}, NO_COOKIE),
    "a form without a cookie": ({}, {"token": TOKEN}, NO_COOKIE),
    "a cookie without a token": ({"cookie": f"{COOKIE}={TOKEN}"}, {}, STALE_FORM),
    "an empty token": ({"cookie": f"{COOKIE}={TOKEN}"}, {"token": ""}, STALE_FORM),
    "another token": ({"cookie": f"{COOKIE}={TOKEN}"}, {"token": OTHER}, STALE_FORM),
    "a token that is no ASCII": (
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"token": "\udcff\u00e9" * 20},
        STALE_FORM,
    ),
    "an empty cookie": ({"cookie": f"{COOKIE}="}, {"token": ""}, NO_COOKIE),
    "a short cookie": ({"cookie": f"{COOKIE}=x"}, {"token": "x"}, NO_COOKIE),
    "a long cookie": ({"cookie": f"{COOKIE}={TOKEN}x"}, {"token": f"{TOKEN}x"}, NO_COOKIE),
    "a cookie of another name": ({"cookie": f"x{COOKIE}={TOKEN}"}, {"token": TOKEN}, NO_COOKIE),
    "a cookie of HTTPS over HTTP": ({"cookie": f"{SECURE_COOKIE}={TOKEN}"}, {"token": TOKEN}, NO_COOKIE),
    "a second cookie, of a sister site": (
        {"cookie": f"{COOKIE}={TOKEN}; {COOKIE}={OTHER}"},
        {"token": OTHER},
        NO_COOKIE,
    ),
}


def test_forged_form_exports_nothing(app: FastAPI, portal: BlockingPortal, log: AuditLog) -> None:
    fill(log, 1)
    for name, (headers, form, reason) in FORGED.items():
        sent = {each: value.encode("utf-8", "surrogatepass") for each, value in form.items()}
        answer = Client(app, portal, headers=headers).post("/export", data=sent)
        assert (name, answer.status_code) == (name, 403)
        assert reason in answer.text
        assert "<h2>Not exported yet</h2>" in answer.text
        assert "@example.com" not in answer.text
    assert exports(log) == 0


def test_refused_form_can_be_confirmed(browser: Client, log: AuditLog) -> None:
    """As after a visit by a link of another site, with which the browser does not send the cookie."""
    fill(log, 3)
    stale = browser.get("/")
    linked = browser.get("/", headers={"cookie": ""})
    sent = {"token": token_in(stale), "view": "where=user:is:u-17", "what": "filtered", "excel": "comma"}
    asked = browser.post("/export", data=sent, headers=cookie_of(linked))
    assert (asked.status_code, STALE_FORM in asked.text) == (403, True)
    assert 'name="what" value="filtered">Export filtered entries</button>' in asked.text
    form = dict(re.findall('name="([^"]*)" value="([^"]*)"', asked.text))
    assert form == {**sent, "token": token_in(linked)}
    answer = browser.post("/export", data=form, headers=cookie_of(linked))
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbfDate and Time (UTC)")
    assert exports(log) == 1


def test_confirmation_shows_hostile_fields_as_text(browser: Client) -> None:
    view = 'search="><script>alert(1)</script>'
    answer = browser.post("/export", data={"view": view, "what": "filtered"})
    assert answer.status_code == 403
    assert "<script>" not in answer.text.replace('<script src="', "")


def test_invalid_form_is_named_before_its_token(browser: Client, log: AuditLog) -> None:
    for form in ({"what": "some"}, {"view": "colour=red"}, {"excel": "tab"}, {"colour": "red"}):
        assert browser.post("/export", data=form).status_code == 400
    answer = browser.post("/export", data={"view": "account=globex"})
    assert (answer.status_code, exports(log)) == (404, 0)


def test_only_who_may_export_gets_a_token(browser: Client) -> None:
    assert "set-cookie" not in browser.get("/", user="reader").headers
    answer = browser.post("/export", data={"token": TOKEN}, headers=EXPORTING, user="reader")
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert "You may not export this audit log." in answer.text


# --- HTTPS --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("https://audit.example", {}),
        ("http://audit.example", {"x-forwarded-proto": "https"}),
        ("http://audit.example", {"x-forwarded-proto": "HTTPS, http"}),
    ],
    ids=["direct", "behind a proxy", "behind two proxies"],
)
def test_cookie_of_https_is_secure(
    app: FastAPI, portal: BlockingPortal, log: AuditLog, address: str, headers: dict[str, str]
) -> None:
    browser = Client(app, portal, headers=headers, base_url=address)
    page = browser.get("/")
    token = token_in(page)
    expected = f"{SECURE_COOKIE}={token}; HttpOnly; Path=/; SameSite=strict; Secure"
    assert page.headers["set-cookie"] == expected
    # The name without the prefix could be set by another host of the domain, or over plain HTTP.
    for name, status in ((COOKIE, 403), (SECURE_COOKIE, 200)):
        answer = browser.post("/export", data={"token": token}, headers={"cookie": f"{name}={token}"})
        assert answer.status_code == status
    assert exports(log) == 1


# --- mount paths -----------------------------------------------------------------------------------


def test_pages_at_several_paths_share_the_token(log: AuditLog, portal: BlockingPortal) -> None:
    service = FastAPI()
    for path in ("/audit", "/of/others"):
        service.mount(path, create_app(log, authorize))
    browser = Client(service, portal, headers={})
    one, another = browser.get("/audit/"), browser.get("/of/others/")
    assert token_in(one) == token_in(another)
    assert 'action="/audit/export"' in one.text
    for path, page in (("/audit", one), ("/of/others", another)):
        assert browser.post(f"{path}/export", data={"token": token_in(page)}).status_code == 200
    asked = browser.post("/audit/export", data={})
    assert 'action="/audit/export"' in asked.text
    assert exports(log) == 2
