"""The JSON API: list, show and record entries, the catalog, users, and errors."""

import json
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.support.databases import PostgreSQLDatabase
from tests.support.tcp_proxy import proxy_of
from tests.support.waiting import wait_until
from tests.support.web import GRACE, Client, authorize, fill

from auditwright import AuditLog
from auditwright.ids import format_time, make_id, to_microseconds
from auditwright.server import api, create_app
from auditwright.server.headers import HEADERS, MAX_BODY
from auditwright.server.problems import TITLES

LOGIN = "account.login_logout.login"
LONG_AGO = datetime(2024, 5, 6, 7, 8, 9, 123456, UTC)


def login(email: object = "ada@example.com", **envelope: Any) -> dict[str, Any]:
    return {"event": LOGIN, "metadata": {"email_id": email}, **envelope}


def an_id() -> str:
    return str(uuid.UUID(bytes=make_id(to_microseconds(LONG_AGO))))


def post(client: Client, body: object, user: str = "service", **headers: str) -> httpx.Response:
    """Send a body as JSON; bytes and text unchanged."""
    content = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(
        "/api/entries", content=content, user=user, headers={"Content-Type": "application/json", **headers}
    )


def problem_of(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """Check that a response has problem details (RFC 9457), and return them."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found: dict[str, Any] = answer.json()
    assert found.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert found["type"] == f"urn:auditwright:{kind}"
    assert (found["title"], found["status"]) == (TITLES[kind], status)
    assert found["detail"]
    assert_security_headers(answer)
    return found


def assert_security_headers(answer: httpx.Response) -> None:
    for name, value in HEADERS.items():
        assert answer.headers[name.decode()] == value.decode()
    assert answer.headers["cache-control"] == "no-store"


def stored(log: AuditLog, account_id: str = "acme") -> list[str]:
    return [str(entry.id) for entry in log.account(account_id).all()]


# --- lists ------------------------------------------------------------------------------------


def test_list_is_newest_first(client: Client, log: AuditLog) -> None:
    ids = fill(log, 3)
    answer = client.get("/api/entries")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert_security_headers(answer)
    assert [entry["id"] for entry in answer.json()["entries"]] == ids[::-1]
    assert answer.json()["next"] is None


def test_list_of_an_empty_log_is_empty(client: Client) -> None:
    nothing: dict[str, Any] = {"entries": [], "next": None, "previous": None, "scanned_to": None}
    assert client.get("/api/entries").json() == nothing


def test_pages_have_every_entry_once(client: Client, log: AuditLog) -> None:
    ids, seen, query = fill(log, 7), list[str](), "limit=3"
    for expected in (3, 3, 1):
        page = client.get(f"/api/entries?{query}").json()
        assert len(page["entries"]) == expected
        seen += [entry["id"] for entry in page["entries"]]
        query = f"limit=3&after={page['next']}"
    assert page["next"] is None
    assert seen == ids[::-1]


@pytest.mark.parametrize("period", ["24h", "7d", "30d"])
def test_pages_of_a_relative_period_have_one_range(client: Client, log: AuditLog, period: str) -> None:
    ids = fill(log, 4)
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds").replace("+", "%2B")
    query = f"limit=3&period={period}&at={at}"
    page = client.get(f"/api/entries?{query}").json()
    rest = client.get(f"/api/entries?{query}&after={page['next']}").json()
    assert [entry["id"] for entry in page["entries"] + rest["entries"]] == ids[::-1]


def test_default_account_is_the_first_one(client: Client, log: AuditLog) -> None:
    acme, globex = fill(log, 1), fill(log, 1, "globex")
    for query, ids in (("", acme), ("?account=acme", acme), ("?account=globex", globex)):
        found = client.get(f"/api/entries{query}", user="owner").json()["entries"]
        assert [entry["id"] for entry in found] == ids


def test_conditions_filter_a_list(client: Client, log: AuditLog) -> None:
    fill(log, 2)
    (grace,) = fill(log, 1, actor=GRACE)
    found = client.get("/api/entries?where=user:is:u-18&where=event:is:account.login_logout.login")
    assert [entry["id"] for entry in found.json()["entries"]] == [grace]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit: expected 1 to 1000, got '0'"),
        ("limit=1001", "limit: expected 1 to 1000"),
        ("limit=-1", "limit: expected 1 to 1000"),
        ("limit=%C2%B2", "limit: expected 1 to 1000"),
        ("limit=" + "9" * 5000, "limit: expected 1 to 1000"),
        ("limt=5", 'did you mean "limit"?'),
        ("limit=5&limit=6", "limit is given twice"),
        ("period=week", "24h, 7d, 30d, custom, all"),
        ("period=custom&from=yesterday", "from: expected a day such as 2026-01-31"),
        ("period=custom&from=2026-02-30", "from: expected a day such as 2026-01-31"),
        ("period=custom&from=2026-02-02&to=2026-02-01", "the range ends before it begins"),
        ("zone=Europe/Berln", 'did you mean "Europe/Berlin"?'),
        ("zone=..%2F..%2Fetc%2Fpasswd", "zone: expected a time zone such as Europe/Berlin"),
        ("zone=%00", "zone: expected a time zone such as Europe/Berlin"),
        ("match=some", "any"),
        ("where=user", "field:operator:value"),
        ("where=colour:is:red", "category, event, user"),
        ("where=user:like:x", "is_not"),
        ("&".join(["where=user:is:x"] * 21), "at most 20 conditions"),
        ("&".join(["where=user:is:x"] * 200), "at most 20 conditions"),
        ("search=ab", "3 to 200 characters"),
        ("search=" + "a" * 201, "3 to 200 characters"),
        ("after=nonsense", "start again from the first page"),
        ("after=%C3%A9", "start again from the first page"),
        ("period=24h&at=now", "at: expected a time such as 2026-01-31T09:30:00+00:00"),
        ("period=24h&at=2026-01-31T09:30:00", "at: expected a time such as"),
        ("period=24h&at=0001-01-01T00:00:00Z", "at: expected a time such as"),
    ],
)
def test_invalid_query_is_refused_with_the_choices(client: Client, query: str, named: str) -> None:
    found = problem_of(client.get(f"/api/entries?{query}"), 400, "invalid-filter")
    assert named in found["detail"]
    assert len(found["detail"]) < 500
    problem_of(client.get(f"/api/export?{query}"), 400, "invalid-filter")


def test_cursor_of_another_selection_is_refused(client: Client, log: AuditLog) -> None:
    fill(log, 3)
    cursor = client.get("/api/entries?limit=1").json()["next"]
    found = problem_of(client.get(f"/api/entries?search=ada&after={cursor}"), 400, "invalid-filter")
    assert "start again from the first page" in found["detail"]


# --- one entry ----------------------------------------------------------------------------------


def test_entry_equals_its_form_in_a_list(client: Client, log: AuditLog) -> None:
    (number,) = fill(log, 1)
    answer = client.get(f"/api/entries/{number}")
    assert answer.status_code == 200
    assert answer.json() == client.get("/api/entries").json()["entries"][0]
    assert answer.json()["actor"] == {"type": "user", "id": "u-17", "name": "Ada Lovelace"}
    assert answer.json()["ip_address"] == "203.0.113.7"


@pytest.mark.parametrize("number", ["nonsense", "%00", "%ED%A0%80", "1" * 5000, str(uuid.UUID(int=4))])
def test_unknown_id_is_not_found(client: Client, number: str) -> None:
    problem_of(client.get(f"/api/entries/{number}"), 404, "no-such-entry")


def test_entry_of_another_account_is_not_found(client: Client, log: AuditLog) -> None:
    (number,) = fill(log, 1, "globex")
    mine = client.get(f"/api/entries/{number}", user="owner")
    problem_of(mine, 404, "no-such-entry")  # the default account
    assert client.get(f"/api/entries/{number}?account=globex", user="owner").status_code == 200
    problem_of(client.get(f"/api/entries/{number}?account=globex"), 404, "no-such-account")
    nobody = client.get(f"/api/entries/{an_id()}", user="owner")
    assert mine.content == nobody.content


def test_entry_accepts_only_the_account_in_its_query(client: Client, log: AuditLog) -> None:
    (number,) = fill(log, 1)
    found = problem_of(client.get(f"/api/entries/{number}?limit=5"), 400, "invalid-filter")
    assert "account" in found["detail"]


WRITTEN: dict[str, Callable[[datetime], str]] = {
    "Go": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z",
    "Java": lambda moment: (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "+02:00",
    "Java, nanoseconds": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
    "Python": lambda moment: moment.isoformat(),
    "lower case": lambda moment: moment.isoformat().lower().replace("+00:00", "z"),
}
"""How clients in these languages write a time that they have read."""


@pytest.mark.parametrize("language", WRITTEN)
def test_typed_clients_write_back_what_they_read(client: Client, log: AuditLog, language: str) -> None:
    given = login(id=an_id(), occurred_at=format_time(to_microseconds(LONG_AGO)))
    read = post(client, given).json()
    names = ("id", "account_id", "event", "actor", "ip_address", "metadata")
    written = {name: read[name] for name in names if name in read}
    written["occurred_at"] = WRITTEN[language](datetime.fromisoformat(read["occurred_at"]))
    answer = post(client, written)
    assert (answer.status_code, answer.json()) == (201, read)
    assert len(stored(log)) == 1


# --- the catalog and users ------------------------------------------------------------------------


def test_catalog_lists_every_event_with_its_fields(client: Client, log: AuditLog) -> None:
    found = client.get("/api/events").json()
    events = [event["key"] for category in found["categories"] for event in category["events"]]
    assert set(events) == set(log.catalog.every_event)
    assert found["version"] == log.catalog.version


def test_every_event_has_its_schema(client: Client, log: AuditLog) -> None:
    for key, event in log.catalog.every_event.items():
        assert client.get(f"/api/events/{key}/schema").json() == log.catalog.schema(event)


def test_schema_of_unknown_event_suggests_the_nearest(client: Client) -> None:
    found = problem_of(client.get("/api/events/account.login_logout.logn/schema"), 404, "no-such-event")
    assert "account.login_logout.login" in found["detail"]
    long = problem_of(client.get(f"/api/events/{'x' * 5000}/schema"), 404, "no-such-event")
    assert len(long["detail"]) < 500


def test_users_are_found_by_part_of_a_name(client: Client, log: AuditLog) -> None:
    fill(log, 1)
    fill(log, 1, actor=GRACE)
    assert client.get("/api/users?text=LOVE").json() == {
        "users": [{"type": "user", "id": "u-17", "name": "Ada Lovelace"}]
    }
    assert [user["id"] for user in client.get("/api/users").json()["users"]] == ["u-17", "u-18"]
    assert client.get("/api/users?text=%25").json() == {"users": []}  # a plain character, not a wildcard
    assert client.get("/api/users?account=globex", user="owner").json() == {"users": []}


def test_too_long_user_search_is_refused(client: Client) -> None:
    found = problem_of(client.get("/api/users?text=" + "x" * 257), 422, "invalid-request")
    assert [fault["path"] for fault in found["errors"]] == ["query.text"]
    assert "x" * 20 not in json.dumps(found)


# --- record one entry --------------------------------------------------------------------------------


def test_recorded_entry_is_returned(client: Client, log: AuditLog) -> None:
    answer = post(
        client, login(actor={"type": "user", "id": "u-1", "name": "Eve"}, ip_address="198.51.100.1")
    )
    assert answer.status_code == 201
    assert_security_headers(answer)
    entry = log.account("acme").get(answer.json()["id"])
    assert entry is not None
    assert answer.json() == entry.to_json()
    assert (entry.actor.id, entry.ip_address) == ("u-1", "198.51.100.1")


def test_actor_and_account_default_to_the_principal(client: Client) -> None:
    found = post(client, login()).json()
    assert found["actor"] == {"type": "app", "id": "app-ci", "name": "Pipeline"}
    assert found["account_id"] == "acme"


def test_entry_can_name_any_account_of_the_principal(client: Client, log: AuditLog) -> None:
    found = post(client, login(account_id="globex"), user="owner").json()
    assert stored(log, "globex") == [found["id"]]
    assert stored(log) == []


@pytest.mark.parametrize("account", ["globex", "", "x" * 5000, "ac\0me"])
def test_entry_of_another_account_is_refused(client: Client, log: AuditLog, account: str) -> None:
    problem_of(post(client, login(account_id=account)), 404, "no-such-account")
    assert stored(log) == stored(log, "globex") == []


@pytest.mark.parametrize("account", [None, 5, ["acme"], {"acme": 1}, True])
def test_account_of_wrong_type_is_refused(client: Client, log: AuditLog, account: object) -> None:
    found = problem_of(post(client, login(account_id=account)), 422, "invalid-entry")
    assert [fault["path"] for fault in found["errors"]] == ["account_id"]
    assert stored(log) == []


def test_recording_an_entry_twice_is_idempotent(client: Client, log: AuditLog) -> None:
    body = login(id=an_id(), occurred_at=format_time(to_microseconds(LONG_AGO)))
    first, again = post(client, body), post(client, body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert stored(log) == [body["id"]]


def test_same_id_with_other_content_is_a_conflict(client: Client, log: AuditLog) -> None:
    body = login(id=an_id(), occurred_at=format_time(to_microseconds(LONG_AGO)))
    before = post(client, body).json()
    problem_of(post(client, body | {"metadata": {"email_id": "eve@example.com"}}), 409, "id-conflict")
    assert client.get(f"/api/entries/{body['id']}").json() == before
    assert len(stored(log)) == 1


def test_every_problem_has_its_path_but_no_value(client: Client, log: AuditLog) -> None:
    body = login("not an address: secret-value", colour="red", actor={"type": "robot"})
    found = problem_of(post(client, body), 422, "invalid-entry")
    assert {fault["path"] for fault in found["errors"]} == {
        "metadata.email_id",
        "colour",
        "actor",
        "actor.type",
    }
    assert all(fault.keys() == {"path", "expected", "got"} for fault in found["errors"])
    assert "secret-value" not in json.dumps(found)
    assert stored(log) == []


@pytest.mark.parametrize(
    "name", ["recorded_at", "level", "category", "description", "catalog_version", "alterations"]
)
def test_read_only_parts_are_refused(client: Client, log: AuditLog, name: str) -> None:
    found = problem_of(post(client, login(**{name: "x"})), 422, "invalid-entry")
    assert [fault["path"] for fault in found["errors"]] == [name]
    assert stored(log) == []


DEEP = 90_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"17",
        b'"text"',
        b"{",
        b"[",
        b"[1,",
        b"[] []",
        b"{} {}",
        b"\xff\xfe{\0}\0",
        b"\xef\xbb\xbf{}",
        b'{"event": "\xff"}',
        b'{"event": NaN}',
        b'{"event": Infinity}',
        b"[NaN]",
        b"[1e]",
        b'{"event": 1e999}',
        b"[" + b"1" * 400 + b"]",
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'["\\ud800",' + b"[" * DEEP + b"]" * DEEP + b"]",
        b'{"\\ud800":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"event": ' + b"9" * 6000 + b"}",
        b'{"event": "\\ud800", "metadata": ' + b"9" * 6000 + b"}",
    ],
    ids=lambda body: repr(body[:24]) + str(len(body)),
)
def test_invalid_json_is_refused(client: Client, log: AuditLog, body: bytes) -> None:
    answer = post(client, body)
    assert answer.status_code in (400, 422)
    problem_of(answer, answer.status_code, "not-json" if answer.status_code == 400 else "invalid-entry")
    assert len(answer.content) < 2000
    assert stored(log) == []


@pytest.mark.parametrize(
    "value",
    [
        "[" * 900 + "]" * 900,
        '{"a":' * 900 + "1" + "}" * 900,
        "-0",
        "123456789012345678901234567890",
        "null",
        '"\\ud800"',
        '"\\u0000"',
    ],
    ids=lambda value: value[:12],
)
def test_invalid_value_is_refused_with_its_path(client: Client, log: AuditLog, value: str) -> None:
    body = f'{{"event": "{LOGIN}", "metadata": {{"email_id": {value}}}}}'
    found = problem_of(post(client, body), 422, "invalid-entry")
    if "errors" in found and "JSON" not in found["detail"]:
        assert [fault["path"] for fault in found["errors"]] == ["metadata.email_id"]
    assert stored(log) == []


def test_huge_numbers_are_refused_or_stored(client: Client, log: AuditLog) -> None:
    """Also with a lone surrogate, for which another parser reads the body."""
    numbers = [
        (event, field.name)
        for event in log.catalog.every_event.values()
        for field in event.metadata
        if field.kind in ("integer", "number")
    ]
    assert len(numbers) > 5
    for event, name in numbers:
        for surrogate in (False, True):
            values = dict(event.example)
            for field in event.metadata:
                if surrogate and field.kind == "string" and field.name in values and not field.many:
                    values[field.name] = "\ud800"
            values[name] = "HERE"
            body = json.dumps({"event": event.key, "metadata": values})
            for number in ("1e999", "-1e999", "1" * 30, "1" * 400, "-1e-999", "18446744073709551616"):
                answer = post(client, body.replace('"HERE"', number))
                assert answer.status_code in (201, 400, 422), (event.key, name, number, answer.text)
    assert client.get("/api/entries?limit=1000").status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_other_content_types_are_refused(client: Client, log: AuditLog, kind: str) -> None:
    answer = client.post(
        "/api/entries", content=json.dumps(login()), user="service", headers={"Content-Type": kind}
    )
    problem_of(answer, 415, "not-json")
    assert stored(log) == []


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"]
)
def test_content_type_of_json_can_have_parameters(client: Client, kind: str) -> None:
    body = json.dumps(login())
    answer = client.post("/api/entries", content=body, user="service", headers={"Content-Type": kind})
    assert answer.status_code == 201


# --- record an array -----------------------------------------------------------------------------


def test_array_has_a_result_for_each_entry(client: Client, log: AuditLog) -> None:
    taken = an_id()
    answer = post(
        client,
        [
            login(id=taken),
            login("no address"),
            login(account_id="globex"),
            None,
            17,
            "text",
            [],
            {},
            login("eve@example.com", id=taken),
            login(id=taken, details="x"),
            login("bob@example.com"),
        ],
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    results = answer.json()["results"]
    statuses = [result["status"] for result in results]
    assert statuses == [201, 422, 404, 422, 422, 422, 422, 422, 409, 422, 201]
    assert results[8]["problem"]["type"] == "urn:auditwright:id-conflict"
    assert results[1]["problem"]["errors"][0]["path"] == "metadata.email_id"
    assert all(result["problem"]["status"] == result["status"] for result in results if "problem" in result)
    assert set(stored(log)) == {taken, results[10]["entry"]["id"]}
    assert results[10]["entry"] == client.get(f"/api/entries/{results[10]['entry']['id']}").json()
    assert stored(log, "globex") == []


def test_duplicate_in_an_array_is_stored_once(client: Client, log: AuditLog) -> None:
    body = login(id=an_id(), occurred_at=format_time(to_microseconds(LONG_AGO)))
    results = post(client, [body, body]).json()["results"]
    assert [result["status"] for result in results] == [201, 201]
    assert results[0] == results[1]
    assert stored(log) == [body["id"]]


def test_empty_array_has_no_results(client: Client) -> None:
    answer = post(client, b" \n []")
    assert (answer.status_code, answer.json()) == (200, {"results": []})


def test_array_can_have_several_accounts(client: Client, log: AuditLog) -> None:
    body = [login(account_id="acme"), login(account_id="globex"), login()]
    assert [each["status"] for each in post(client, body, user="owner").json()["results"]] == [201] * 3
    assert (len(stored(log)), len(stored(log, "globex"))) == (2, 1)


def test_lone_surrogate_in_an_array_is_sanitized(client: Client, log: AuditLog) -> None:
    odd = login(login_method="x")
    odd["metadata"]["login_method"] = "\ud800"
    assert odd.pop("login_method") == "x"
    one = post(client, odd)
    assert (one.status_code, one.json()["metadata"]["login_method"]) == (201, "\ufffd")
    results = post(client, [odd, login()]).json()["results"]
    assert [result["status"] for result in results] == [201, 201]
    assert len(stored(log)) == 3


def test_array_has_at_most_a_thousand_entries(client: Client, log: AuditLog) -> None:
    assert {each["status"] for each in post(client, [login()] * 1000).json()["results"]} == {201}
    found = problem_of(post(client, [login()] * 1001), 413, "too-large")
    assert "1,000" in found["detail"]
    assert len(stored(log)) == 1000


@pytest.mark.parametrize("chunked", [False, True])
def test_body_over_eight_mebibytes_is_refused(
    client: Client, log: AuditLog, portal: BlockingPortal, app: FastAPI, chunked: bool
) -> None:
    body = json.dumps([login()]).encode().ljust(MAX_BODY)
    assert post(client, body).status_code == 200

    async def pieces() -> Any:
        yield body
        yield b" "

    headers = {"Content-Type": "application/json", "X-User": "service"}
    answer = client.post("/api/entries", content=pieces() if chunked else body + b" ", headers=headers)
    found = problem_of(answer, 413, "too-large")
    assert "8,388,608" in found["detail"]
    assert len(stored(log)) == 1


# --- access -------------------------------------------------------------------------------

READS = ["/api/entries", f"/api/entries/{uuid.UUID(int=1)}", "/api/export", "/api/events",
         f"/api/events/{LOGIN}/schema", "/api/users"]  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_request_without_principal_or_account_is_refused(client: Client, path: str) -> None:
    problem_of(client.get(path, user="nobody"), 401, "not-signed-in")
    problem_of(client.get(path, user="nowhere"), 403, "no-account")


@pytest.mark.parametrize(
    "path", ["/api/entries", f"/api/entries/{uuid.UUID(int=1)}", "/api/export", "/api/users"]
)
def test_account_without_access_is_not_found(client: Client, log: AuditLog, path: str) -> None:
    fill(log, 1, "globex")
    known = problem_of(client.get(f"{path}?account=globex"), 404, "no-such-account")
    unknown = problem_of(client.get(f"{path}?account=initech"), 404, "no-such-account")
    assert known == unknown


def test_recording_needs_permission(client: Client, log: AuditLog) -> None:
    for body in (login(), [login()], b"["):
        problem_of(post(client, body, user="auditor"), 403, "not-allowed")
        problem_of(post(client, body, user="nobody"), 401, "not-signed-in")
        problem_of(post(client, body, user="nowhere"), 403, "no-account")
    assert stored(log) == []


def test_refused_export_is_not_recorded(client: Client, log: AuditLog) -> None:
    for user in ("reader", "service"):
        problem_of(client.get("/api/export", user=user), 403, "not-allowed")
        assert client.export(user=user).status_code == 403
    assert stored(log) == []


@pytest.mark.parametrize(
    "header",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
     {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site", "Origin": "http://audit.example"}],
    ids=str,
)  # fmt: skip
def test_cross_site_recording_is_refused(client: Client, log: AuditLog, header: dict[str, str]) -> None:
    problem_of(post(client, login(), **header), 403, "other-site")
    assert stored(log) == []


def test_same_site_recording_is_allowed(client: Client) -> None:
    for header in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://audit.example"}):
        assert post(client, login(), **header).status_code == 201


# --- failures -----------------------------------------------------------------------------------


def test_unknown_path_or_method_is_a_problem(client: Client) -> None:
    problem_of(client.get("/api/nothing"), 404, "not-found")
    answer = client.request("DELETE", "/api/entries")
    problem_of(answer, 405, "wrong-method")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/api/entries", f"/api/entries/{uuid.UUID(int=1)}", "/api/export", "/api/users"]
)
def test_storage_failure_is_unavailable_without_details(
    client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    (tmp_path / "audit.db").unlink()
    with caplog.at_level(logging.ERROR, "auditwright.server"):
        answer = client.get(path)
    problem_of(answer, 503, "unavailable")
    assert "audit.db" not in answer.text
    assert str(tmp_path) not in answer.text
    assert "the file was removed" in caplog.text  # for the operator


@pytest.mark.sqlite_only
def test_recording_with_storage_failure_is_unavailable(client: Client, tmp_path: Path) -> None:
    (tmp_path / "audit.db").unlink()
    for body in (login(), [login()]):
        answer = post(client, body)
        problem_of(answer, 503, "unavailable")
        assert "audit.db" not in answer.text


@pytest.mark.postgresql_only
def test_entries_in_the_spool_are_accepted(
    portal: BlockingPortal, database: PostgreSQLDatabase, tmp_path: Path
) -> None:
    """Whoever reads them back at once would not find them, so they are not created yet."""
    spool = f"sqlite:///{tmp_path}/spool.db"
    with proxy_of(database.url) as proxy, AuditLog.open(proxy.url, timeout=3, spool=spool) as log:
        client = Client(create_app(log, authorize), portal)
        assert post(client, login()).status_code == 201
        proxy.be_silent()
        one = post(client, login())
        assert one.status_code == 202
        documented = client.get("/api/openapi.json").json()["paths"]["/api/entries"]["post"]["responses"]
        assert {"201", "202"} <= documented.keys()
        assert one.json()["metadata"] == login()["metadata"]
        results = post(client, [login(), login("no address")]).json()["results"]
        assert [result["status"] for result in results] == [202, 422]
        proxy.pass_again()
        wait_until(lambda: log.health().spooled == 0)
        assert client.get(f"/api/entries/{one.json()['id']}").json() == one.json()
        wait_until(lambda: post(client, login()).status_code == 201)


def test_missing_secret_key_affects_only_its_events(
    portal: BlockingPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDITWRIGHT_SECRET_KEY", raising=False)
    with AuditLog.open(f"sqlite:///{tmp_path}/keyless.db") as log:
        client = Client(create_app(log, authorize), portal)
        (secret, *_) = (
            event
            for event in log.catalog.every_event.values()
            if any(field.sensitivity == "secret" and field.name in event.example for field in event.metadata)
        )
        needy = {"event": secret.key, "metadata": secret.example}
        with caplog.at_level(logging.ERROR, "auditwright.server"):
            results = post(client, [needy, login()]).json()["results"]
    assert [result["status"] for result in results] == [503, 201]
    assert "AUDITWRIGHT_SECRET_KEY" not in json.dumps(results)
    assert "AUDITWRIGHT_SECRET_KEY" in caplog.text  # for the operator


def test_unexpected_error_has_no_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the inside of it")

    monkeypatch.setattr(api, "entry_of", broken)
    answer = client.get(f"/api/entries/{uuid.UUID(int=1)}")
    problem_of(answer, 500, "failed")
    assert "inside" not in answer.text
    assert "Traceback" not in answer.text


def test_authorize_can_raise_any_status(log: AuditLog, portal: BlockingPortal) -> None:
    def teapot(_: Request) -> None:
        raise HTTPException(401, "Bring a token.", {"WWW-Authenticate": "Bearer"})

    answer = Client(create_app(log, teapot), portal).get("/api/entries")
    assert problem_of(answer, 401, "not-signed-in")["detail"] == "Bring a token."
    assert answer.headers["www-authenticate"] == "Bearer"


def test_authorize_can_redirect_api_requests(log: AuditLog, portal: BlockingPortal) -> None:
    def redirect(_: Request) -> None:
        raise HTTPException(303, headers={"Location": "/login"})

    answer = Client(create_app(log, redirect), portal).get("/api/entries")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert_security_headers(answer)


@pytest.mark.parametrize(
    ("method", "url", "detail"),
    [
        ("GET", "/api/events?colour=red", "query: there are no parameters here, got 'colour'"),
        (
            "GET",
            "/api/events/account.models.model_added/schema?x=1",
            "query: there are no parameters here, got 'x'",
        ),
        ("POST", "/api/entries?account=acme", "query: there are no parameters here, got 'account'"),
        ("GET", "/api/count?exact=", "exact: expected true or false, got ''"),
        ("GET", "/api/export?format=", "format: expected csv or jsonl, got ''"),
        ("GET", "/api/export?excel=", "excel: expected comma or semicolon, got ''"),
        ("GET", "/api/export?excel=tab", "excel: expected comma or semicolon, got 'tab'"),
        ("GET", "/api/export?excel=comma&format=jsonl", "excel: it is for csv, got format=jsonl"),
        ("GET", "/api/entries?period=", "period is empty; give it a value, or leave it out"),
        ("GET", "/api/users?account=", "account is empty; give it a value, or leave it out"),
    ],
)
def test_no_parameter_is_ignored(client: Client, method: str, url: str, detail: str) -> None:
    answer = client.request(method, url, user="owner")
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)
