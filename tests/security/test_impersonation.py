"""A client without `may_impersonate` records as itself, from its own address, and of the last hour."""

import json
import time
import uuid
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from tests.support.web import PIPELINE, PRINCIPALS, Client, authorize

from auditwright import Actor, AuditLog
from auditwright.ids import format_time, make_id
from auditwright.server import Principal, create_app

MINUTE = 60 * 1_000_000
OWN: dict[str, Any] = {"type": "app", "id": "app-ci", "name": "Pipeline"}


def form(**parts: Any) -> dict[str, Any]:
    return {
        "event": "account.login_logout.login",
        "metadata": {"email_id": "ada@example.com"},
        **parts,
    }


def record(client: Client, body: object, user: str = "program", **headers: str) -> httpx.Response:
    return client.post("/api/entries", json=body, user=user, headers=headers)


def ago(minutes: int) -> dict[str, str]:
    """A time so long ago, with its id."""
    moment = time.time_ns() // 1000 - minutes * MINUTE
    return {"occurred_at": format_time(moment), "id": str(uuid.UUID(bytes=make_id(moment)))}


def refused_parts(answer: httpx.Response) -> list[str]:
    """The parts that a 403 problem names."""
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (403, 403)
    assert problem["type"] == "urn:auditwright:impersonation"
    assert problem["title"] == "Not in your own name"
    assert problem["detail"].startswith("You may record in your own name only. ")
    return [each["path"] for each in problem["errors"]]


OTHERS: list[Any] = [
    {"type": "user", "id": "u-1", "name": "CEO"},
    {"type": "user", "id": "app-ci", "name": "Pipeline"},
    {"type": "app", "id": "app-cd", "name": "Pipeline"},
    {"type": "app", "id": "app-ci", "name": "CEO"},
    {"type": "app", "id": "app-ci", "name": ""},
    {"type": "app", "id": "app-ci", "name": None},
    {"type": "app", "id": "app-ci ", "name": "Pipeline"},
    {"type": "app", "id": "APP-CI", "name": "Pipeline"},
    {"type": "app", "id": "app-ci\u200b"},
    {"type": "app", "id": ["app-ci"]},
    {"type": "app", "id": "app-ci", "label": "CEO"},
    {"type": "app", "name": "Pipeline"},
    {"type": "system"},
    {"type": "system", "name": "Pipeline"},
    {},
    "app-ci",
    None,
    [OWN],
]


def test_another_actor_is_refused(client: Client, log: AuditLog) -> None:
    for actor in OTHERS:
        assert (actor, refused_parts(record(client, form(actor=actor)))) == (actor, ["actor"])
    assert log.account("acme").count() == 0


def test_own_entry_has_name_and_address(client: Client) -> None:
    for body in (form(), form(actor=OWN), form(actor={"type": "app", "id": "app-ci"})):
        answer = record(client, body)
        assert answer.status_code == 201
        assert (answer.json()["actor"], answer.json()["ip_address"]) == (OWN, "203.0.113.9")


def test_another_address_is_refused(client: Client, log: AuditLog) -> None:
    for address in ("198.51.100.7", "203.0.113.90", "::1", "localhost", "", None, 5):
        answer = record(client, form(ip_address=address))
        assert (address, refused_parts(answer)) == (address, ["ip_address"])
    assert log.account("acme").count() == 0


def test_own_address_can_be_named(client: Client) -> None:
    for address in ("203.0.113.9", "::ffff:203.0.113.9"):
        assert record(client, form(ip_address=address)).json()["ip_address"] == "203.0.113.9"


def test_own_address_is_the_one_behind_the_proxy(log: AuditLog, portal: BlockingPortal) -> None:
    client = Client(create_app(log, authorize, trusted_proxies=["203.0.113.9"]), portal)
    behind = {"x-forwarded-for": "198.51.100.7"}
    own = record(client, form(ip_address="198.51.100.7"), **behind)
    assert (own.status_code, own.json()["ip_address"]) == (201, "198.51.100.7")
    assert refused_parts(record(client, form(ip_address="203.0.113.9"), **behind)) == ["ip_address"]


def test_acting_for_somebody_else_is_refused(client: Client, log: AuditLog) -> None:
    for whom in ({"type": "user", "id": "u-1", "name": "CEO"}, OWN, None, "u-1"):
        answer = record(client, form(on_behalf_of=whom))
        assert (whom, refused_parts(answer)) == (whom, ["on_behalf_of"])
    assert log.account("acme").count() == 0


@pytest.mark.parametrize(("user", "agent"), [("program", {"user_agent": "Uploader/1"}), ("service", {})])
def test_entries_say_who_sent_them(client: Client, user: str, agent: dict[str, str]) -> None:
    """The user agent is that of the actor only where the client is the actor."""
    headers = {"user-agent": "Uploader/1", "x-request-id": "r-1"}
    context = {"request_id": "r-1", "submitted_by": "app:app-ci", **agent}
    one = record(client, form(), user, **headers).json()
    assert one["context"] == context
    several = record(client, [form(context={"session_id": "s-1", "request_id": "r-9"})], user, **headers)
    assert several.json()["results"][0]["entry"]["context"] == {
        **context,
        "session_id": "s-1",
        "request_id": "r-9",
    }


def test_nobody_says_who_sent_an_entry(client: Client, log: AuditLog) -> None:
    for user in ("program", "service"):
        answer = record(client, form(context={"submitted_by": "user:u-1"}), user)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:auditwright:invalid-entry")
        assert [each["path"] for each in answer.json()["errors"]] == ["context.submitted_by"]
    assert log.account("acme").count() == 0


def test_earlier_time_is_refused(client: Client, log: AuditLog) -> None:
    earlier, later = ago(61), ago(59)
    parts = [("occurred_at",), ("id",), ("occurred_at", "id")]
    for names in parts:
        answer = record(client, form(**{name: earlier[name] for name in names}))
        assert refused_parts(answer) == list(names)
    assert log.account("acme").count() == 0
    assert record(client, form(occurred_at=later["occurred_at"])).status_code == 201
    assert record(client, form(**later)).status_code == 201


def test_earlier_time_in_another_zone_is_refused(client: Client) -> None:
    for text in ("2020-01-31T00:00:00+14:00", "1970-01-01t00:00:00z", "0001-01-01T00:00:00Z"):
        assert refused_parts(record(client, form(occurred_at=text))) == ["occurred_at"]


def test_unreadable_part_is_refused_by_the_log(client: Client, log: AuditLog) -> None:
    unreadable: list[dict[str, Any]] = [
        {"occurred_at": "yesterday"},
        {"occurred_at": 5},
        {"id": "1"},
        {"id": None},
    ]
    for parts in unreadable:
        answer = record(client, form(**parts))
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:auditwright:invalid-entry")
    assert log.account("acme").count() == 0


def test_refusal_names_every_part_and_no_value(client: Client) -> None:
    ceo = {"type": "user", "id": "u-1", "name": "CEO"}
    answer = record(client, form(actor=ceo, ip_address="198.51.100.7", occurred_at="2020-01-31T00:00:00Z"))
    assert refused_parts(answer) == ["actor", "ip_address", "occurred_at"]
    assert answer.json()["detail"] == (
        "You may record in your own name only. actor: expected yourself, or nothing, got another one; "
        "ip_address: expected the address of your request, or nothing, got another one; "
        "occurred_at: expected a time of the last hour, or nothing, got an earlier one. "
        "The right may_impersonate allows more."
    )
    assert "CEO" not in answer.text


def test_array_explains_each_refused_entry(client: Client, log: AuditLog) -> None:
    body = [
        form(),
        form(actor=OTHERS[0]),
        form(actor=OWN),
        form(ip_address="198.51.100.7", **ago(90)),
        form(account_id="globex", actor=OTHERS[0]),
        {"event": "unknown", "metadata": {}},
        7,
    ]
    answer = record(client, body)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each["status"] for each in results] == [201, 403, 201, 403, 404, 422, 422]
    assert [each["path"] for each in results[1]["problem"]["errors"]] == ["actor"]
    assert [each["path"] for each in results[3]["problem"]["errors"]] == ["ip_address", "occurred_at", "id"]
    assert [each["entry"]["actor"] for each in results if "entry" in each] == [OWN, OWN]
    assert log.account("acme").count() == 2


def test_names_given_twice_or_escaped_do_not_help(client: Client, log: AuditLog) -> None:
    """The check and the log read the same parsed object."""
    first = json.dumps(form(actor=OWN))
    other = json.dumps(OTHERS[0])
    for text in (
        first[:-1] + f', "actor": {other}}}',
        first.replace('"actor": ', f'"actor": {other}, "ac\\u0074or": ').replace(json.dumps(OWN), other),
        first[:-1] + f', "actor": {other}, "account_id": "acme\\ud800"}}',
    ):
        answer = client.post(
            "/api/entries", content=text, user="program", headers={"content-type": "application/json"}
        )
        assert answer.status_code in (403, 404), answer.text
    assert log.account("acme").count() == 0


def test_impersonator_names_anybody(client: Client) -> None:
    whom = {"type": "user", "id": "u-2", "name": "Grace"}
    named = {"actor": OTHERS[0], "on_behalf_of": whom, "ip_address": "198.51.100.7", **ago(10_000)}
    answer = record(client, form(**named), user="service")
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in named} == named


def test_impersonating_alone_permits_no_recording(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRINCIPALS, "odd", Principal(PIPELINE, ("acme",), may_impersonate=True))
    answer = record(client, form(), user="odd")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:auditwright:not-allowed")
    assert log.account("acme").count() == 0


def test_system_may_record_as_itself(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRINCIPALS, "odd", Principal(Actor.system("Cron"), ("acme",), may_record=True))
    for body in (form(), form(actor={"type": "system", "name": "Cron"}), form(actor={"type": "system"})):
        answer = record(client, body, user="odd")
        assert answer.json()["actor"] == {"type": "system", "name": "Cron"}
    assert refused_parts(record(client, form(actor={"type": "system", "name": "CEO"}), user="odd")) == [
        "actor"
    ]


def test_retry_of_an_own_entry_is_the_same_entry(client: Client, log: AuditLog) -> None:
    body = form(actor=OWN, **ago(5))
    first, second = record(client, body), record(client, body)
    assert (first.status_code, second.json()) == (201, first.json())
    assert log.account("acme").count() == 1
