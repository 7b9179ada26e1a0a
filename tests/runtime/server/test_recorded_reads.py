"""Which requests of the page and the API are recorded as reads, and what happens where that fails."""

import logging
from typing import Any
from urllib.parse import quote

import pytest
from anyio.from_thread import BlockingPortal
from tests.runtime.server.test_api import problem_of
from tests.support.web import AUDITOR, Client, authorize, fill

from auditwright import AuditLog, Entry, StorageError
from auditwright.server import create_app

LOGIN, VIEWED = "account.login_logout.login", "audit.log.viewed"


@pytest.fixture
def reader(log: AuditLog, portal: BlockingPortal) -> Client:
    """A client of an application that records reads."""
    return Client(create_app(log, authorize, record_reads=True), portal)


def viewed(log: AuditLog, account_id: str = "acme") -> list[Entry]:
    found = [entry for entry in log.account(account_id).all() if entry.event == VIEWED]
    return sorted(found, key=lambda entry: entry.recorded_at)


def parts(log: AuditLog, account_id: str = "acme") -> list[tuple[Any, ...]]:
    """Interface, selection, opened entry and what was shown, of each recorded read."""
    names = ("interface", "selection", "entry_id", "shown")
    return [tuple(entry.metadata.get(name) for name in names) for entry in viewed(log, account_id)]


def test_nothing_is_recorded_by_default(client: Client, log: AuditLog) -> None:
    (entry_id,) = fill(log, 1)
    for url in ("/", f"/entries/{entry_id}", "/api/entries", "/api/count", "/api/users"):
        assert client.get(url).status_code == 200
    assert viewed(log) == []


def test_list_and_count_are_one_read_of_a_selection(reader: Client, log: AuditLog) -> None:
    fill(log, 60)
    selection = f"where=event%3Ais%3A{LOGIN}"
    first = reader.get(f"/?{selection}")
    assert "Audit log viewed" not in first.text.partition("<tbody")[2]  # it is read before it is recorded
    following = reader.get(f"/api/entries?{selection}&limit=5").json()["next"]
    for url in (
        f"/?{selection}&limit=10&zone=Europe/Berlin",
        f"/api/entries?{selection}&after={quote(following)}",
        f"/api/count?{selection}",
        f"/api/count?{selection}&exact=true",
        f"/?{selection}&edit=2",
    ):
        assert reader.get(url).status_code == 200
    assert parts(log) == [("page", f"where=event:is:{LOGIN}", None, "entries")]
    (entry,) = viewed(log)
    assert (entry.actor, entry.ip_address) == (AUDITOR, "203.0.113.9")
    assert reader.get("/").status_code == 200
    assert parts(log)[1:] == [("page", None, None, "entries")]


def test_relative_period_is_one_selection_as_time_goes_on(reader: Client, log: AuditLog) -> None:
    fill(log, 3)
    page = reader.get("/api/entries?period=24h&limit=1").json()
    url = f"/api/entries?period=24h&limit=1&after={quote(page['next'])}&at={quote(page['at'])}"
    assert reader.get(url).status_code == 200
    assert parts(log) == [("api", "period=24h", None, "entries")]


def test_each_opened_entry_is_a_read_of_its_own(reader: Client, log: AuditLog) -> None:
    one, other = fill(log, 2)
    for url in (f"/entries/{one}?where=user:is:u-99", f"/api/entries/{one}", f"/api/entries/{other}"):
        assert reader.get(url).status_code == 200
    assert parts(log) == [("page", None, one, "entries"), ("api", None, other, "entries")]


def test_names_of_users_are_one_read_whatever_is_typed(reader: Client, log: AuditLog) -> None:
    fill(log, 1)
    for text in ("", "a", "ad", "ada"):
        assert reader.get(f"/api/users?text={text}").status_code == 200
    assert parts(log) == [("api", None, None, "users")]


def test_each_principal_and_account_has_its_own_read(reader: Client, log: AuditLog) -> None:
    fill(log, 1)
    fill(log, 1, "globex")
    for user in ("auditor", "reader", "owner"):
        assert reader.get("/", user=user).status_code == 200
    assert reader.get("/api/entries?account=globex", user="owner").status_code == 200
    assert sorted(entry.actor.label for entry in viewed(log)) == [
        "Ada Lovelace",
        "Frances Allen",
        "Grace Hopper",
    ]
    assert [entry.actor.label for entry in viewed(log, "globex")] == ["Ada Lovelace"]


def test_requests_that_show_no_entries_are_not_recorded(reader: Client, log: AuditLog) -> None:
    fill(log, 1)
    for url, status in (
        ("/static/audit.css", 200),
        ("/api/events", 200),
        (f"/api/events/{LOGIN}/schema", 200),
        ("/api/openapi.json", 200),
        ("/filter?view=&search=logins", 303),
        ("/?where=event:is:nonsense", 400),
        ("/api/entries?search=ab", 400),
        ("/api/entries?after=nonsense", 400),
        ("/api/entries?account=initech", 404),
        ("/api/entries/0190a1b2-0000-7000-8000-000000000000", 404),
    ):
        assert (url, reader.get(url).status_code) == (url, status)
    assert reader.get("/", user="stranger").status_code == 401
    assert reader.export().status_code == 200  # recorded as an export
    assert viewed(log) == []


def test_form_that_is_shown_again_with_the_list_is_a_read(reader: Client, log: AuditLog) -> None:
    fill(log, 1)
    assert reader.get("/filter?view=&search=ab").status_code == 422
    assert parts(log) == [("page", None, None, "entries")]


def test_an_empty_account_gets_no_entry(reader: Client, log: AuditLog) -> None:
    assert reader.get("/").status_code == 200
    assert log.accounts() == []


def test_a_read_that_cannot_be_recorded_shows_nothing(
    reader: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("/srv/audit.db: cannot write: disk full")

    (entry_id,) = fill(log, 1)
    monkeypatch.setattr(log._group_commit, "store", fail)
    with caplog.at_level(logging.ERROR, "auditwright.server"):
        for path in ("/api/entries", "/api/count", f"/api/entries/{entry_id}", "/api/users"):
            answer = reader.get(path)
            found = problem_of(answer, 503, "not-recorded")
            assert found["detail"].startswith("Whoever looks at this audit log is recorded in it.")
            assert "u0@example.com" not in answer.text
        for path in ("/", f"/entries/{entry_id}"):
            answer = reader.get(path)
            assert (answer.status_code, "Not recorded" in answer.text) == (503, True)
            assert "u0@example.com" not in answer.text
            assert "disk full" not in answer.text
    assert caplog.messages[0] == (
        "GET /api/entries: nothing is shown, as the read cannot be recorded: "
        "/srv/audit.db: cannot write: disk full"
    )


@pytest.mark.parametrize("value", ["true", 1, None])
def test_record_reads_is_a_bool(log: AuditLog, value: Any) -> None:
    with pytest.raises(TypeError, match="record_reads is True or False, not "):
        create_app(log, authorize, record_reads=value)


def test_invalid_window_is_refused(log: AuditLog) -> None:
    with pytest.raises(ValueError, match="whole number of seconds from 60 to 86,400, not 30"):
        create_app(log, authorize, record_reads=True, read_window=30)
