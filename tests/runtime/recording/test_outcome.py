"""Whether an event succeeded, on whose behalf, and in which context: as the entry has it."""

from typing import Any

import pytest
from tests.support.databases import Database, open_log
from tests.support.sample_events import ADA, LONG_AGO, refused

from auditwright import AccountLog, Actor, AuditLog, IdConflict
from auditwright.entry import SUCCESS, digest, row_digest
from auditwright.ids import make_id, to_microseconds

LOGIN = "account.login_logout.login"
LOGOUT = "account.login_logout.logout"
LOGOUT_NAMES = ("account", "account.login_logout", LOGOUT)
EMAIL = {"email_id": "ada@example.com"}
GRACE = Actor.user("u-18", "Grace Hopper")


def login(log: AuditLog, key: str = LOGIN, **options: Any) -> Any:
    return log.record_event(key, EMAIL, {"actor": ADA, **options})


def test_a_success_stores_nothing_more(log: AuditLog, acme: AccountLog) -> None:
    entry = acme.get(login(log).id)
    assert entry is not None
    assert (entry.outcome, entry.failure_reason, entry.on_behalf_of, entry.context) == (*SUCCESS[:3], {})
    assert not {"outcome", "failure_reason", "on_behalf_of", "context"} & entry.to_json().keys()
    assert login(log, outcome="success").outcome == "success"


def test_a_failure_is_described_by_its_own_message(log: AuditLog, acme: AccountLog) -> None:
    actor = Actor.anonymous()
    made = login(log, actor=actor, outcome="failure", failure_reason="Wrong password")
    entry = acme.get(made.id)
    assert entry == made
    assert entry is not None
    assert (entry.outcome, entry.failure_reason, entry.actor) == ("failure", "Wrong password", actor)
    assert entry.description.startswith("Anonymous ")
    assert "fail" in entry.description
    form = entry.to_json()
    assert (form["outcome"], form["failure_reason"]) == ("failure", "Wrong password")
    assert form["actor"] == {"type": "anonymous"}


def test_on_behalf_of_is_in_entry_and_description(log: AuditLog, acme: AccountLog) -> None:
    with log.acting(ADA, on_behalf_of=GRACE, context={"session_id": "s-1"}):
        made = [login(log, actor=ADA), log.record_event(LOGIN, EMAIL, {})]
    made.append(login(log, on_behalf_of=GRACE, context={"session_id": "s-1"}))
    for each in made:
        entry = acme.get(each.id)
        assert entry is not None
        assert (entry, entry.on_behalf_of) == (each, GRACE)
        assert entry.description.startswith("Ada Lovelace on behalf of Grace Hopper ")
        assert entry.context == {"session_id": "s-1"}
        assert entry.to_json()["on_behalf_of"] == {"type": "user", "id": "u-18", "name": "Grace Hopper"}


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"outcome": "maybe"}, "outcome"),
        ({"failure_reason": "Wrong password"}, "failure_reason"),
        ({"outcome": "failure", "failure_reason": "x" * 301}, "failure_reason"),
        ({"outcome": "failure", "failure_reason": ""}, "failure_reason"),
        ({"on_behalf_of": Actor.system()}, "on_behalf_of"),
        ({"context": {"request": "r-1"}}, "context"),
    ],
)
def test_other_outcomes_are_refused(log: AuditLog, options: dict[str, Any], path: str) -> None:
    problems = refused(log, LOGIN, EMAIL, **options).problems
    assert [each.path.partition(".")[0] for each in problems] == [path]


def test_an_event_without_failure_message_cannot_fail(log: AuditLog) -> None:
    (problem,) = refused(log, LOGOUT, EMAIL, outcome="failure").problems
    assert (problem.path, "failure_message" in problem.expected) == ("outcome", True)


def test_altered_texts_are_noted(log: AuditLog, acme: AccountLog) -> None:
    grace = Actor.user("u-18", "Grace\0")
    entry = acme.get(login(log, outcome="failure", failure_reason="No\0", on_behalf_of=grace).id)
    assert entry is not None
    assert (entry.failure_reason, entry.damaged) == ("No\ufffd", ())
    assert entry.on_behalf_of == Actor.user("u-18", "Grace\ufffd")
    assert {"failure_reason", "on_behalf_of.name"} <= entry.alterations.keys()


def test_outcome_but_not_context_decides_a_retry(log: AuditLog) -> None:
    options: dict[str, Any] = {"id": make_id(to_microseconds(LONG_AGO)).hex()}
    first = login(log, outcome="failure", context={"request_id": "r-1"}, **options)
    again = login(log, outcome="failure", context={"request_id": "r-2"}, **options)
    assert (again.id, again.context) == (first.id, {"request_id": "r-1"})
    other: dict[str, Any]
    for other in ({}, {"outcome": "failure", "failure_reason": "x"}, {"on_behalf_of": GRACE}):
        with pytest.raises(IdConflict):
            login(log, **options, **other)


def test_digests_of_before_stay_valid() -> None:
    """These are of the version that had neither outcome nor context."""
    micros = to_microseconds(LONG_AGO)
    entry_id = bytes.fromhex("018f4cbb382377209eb24a977b5f497e")
    text, metadata = "Ada Lovelace signed out as ada@example.com.", b'{"email_id":"ada@example.com"}'
    content = digest(LOGOUT, micros, ADA, None, text, None, metadata)
    assert content.hex() == "cad13ed9acf61e7679bf530ecba1b4f859e67bba07fa08bd2b8e2dab9d53795c"
    who = ("user", "u-17", "Ada Lovelace", None)
    leading = ("acme", entry_id, micros, 1714979290000000, *LOGOUT_NAMES, *who, text)
    of_row = row_digest(leading, "1.0.1", content, None, metadata)
    assert of_row.hex() == "206cfc2766ac68d446d253b3aa9cb93084cac10b56314f5aeac9346d65b396c1"


def test_reopened_log_reads_them(database: Database) -> None:
    with open_log(database) as log:
        made = login(log, outcome="failure", on_behalf_of=GRACE, context={"trace_id": "a" * 32})
    with open_log(database) as log:
        assert log.account("acme").get(made.id) == made
