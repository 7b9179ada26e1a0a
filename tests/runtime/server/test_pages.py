"""Pages in both directions, partial scans, counts and marked choices, on the page and in the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from anyio.from_thread import BlockingPortal
from tests.runtime.server.test_page import Element, Visit, form_of, ids, read, visit
from tests.support.databases import Database, insert_row, open_log
from tests.support.sample_events import LONG_AGO, event_of, make_catalog
from tests.support.web import ADA, GRACE, Client, authorize, fill

from auditwright import AuditLog
from auditwright.server import audit_page, create_app
from auditwright.storage import scan
from auditwright.storage.postgresql import scan as postgresql_scan

FIXTURES = (visit,)
LOGIN = "account.login_logout.login"
NEEDLE = "needle in the haystack"


@pytest.fixture
def log(database: Database) -> Iterator[AuditLog]:
    """An empty log of the service's catalog."""
    with open_log(database) as log:
        yield log


def set_scan_budget(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the entries that one page may scan."""
    for name in ("SCAN_BUDGET", "SCATTERED_SCAN_BUDGET"):
        monkeypatch.setattr(scan, name, entries)
    monkeypatch.setattr(postgresql_scan, "ROUND_COST", 0)


def record(log: AuditLog, days_ago: float, details: str = "") -> str:
    """Record a login some days ago; returns its id."""
    options: dict[str, Any] = {"actor": ADA, "occurred_at": datetime.now(UTC) - timedelta(days=days_ago)}
    if details:
        options["details"] = details
    return str(log.record_event(LOGIN, {"email_id": "ada@example.com"}, options).id)


def follow(client: Client, url: str) -> tuple[str, Element]:
    """Follow a link and its redirects: the final address and page."""
    answer = client.get(url)
    while answer.status_code == 303:
        url = answer.headers["location"]
        answer = client.get(url)
    return url, read(answer)


def links(page: Element) -> list[str]:
    """The texts of the buttons below the table."""
    return [link.text for link in page.one("nav", class_="pages").all("a")]


# --- newer and older --------------------------------------------------------------------------------


def test_newer_links_lead_back_through_the_same_pages(visit: Visit, log: AuditLog) -> None:
    recorded = fill(log, 9)
    first = visit("/?limit=3")
    second = visit(first.link("Older"))
    third = visit(second.link("Older"))
    assert [links(page) for page in (first, second, third)] == [
        ["Older"],
        ["Newest", "Newer", "Older"],
        ["Newest", "Newer"],
    ]
    back = visit(third.link("Newer"))
    assert ids(back) == ids(second) == recorded[::-1][3:6]
    assert links(back) == ["Newest", "Newer", "Older"]
    assert ids(visit(back.link("Older"))) == ids(third)
    assert [link.text for link in back.all("a", rel="prev")] == ["Newer"]
    assert [link.text for link in back.all("a", rel="next")] == ["Older"]


def test_newest_entries_are_shown_on_the_first_page(client: Client, log: AuditLog) -> None:
    recorded = fill(log, 7)
    _, first = follow(client, "/?limit=3&zone=Asia/Tokyo")
    _, second = follow(client, first.link("Older"))
    url, back = follow(client, second.link("Newer"))
    assert url == "/?zone=Asia%2FTokyo&limit=3"
    assert ids(back) == recorded[::-1][:3]
    # From this cursor there are not enough newer entries for a full page.
    cursor = client.get("/api/entries?limit=1").json()["next"]
    _, odd = follow(client, f"/?limit=3&after={cursor}")
    url, back = follow(client, odd.link("Newer"))
    assert (url, ids(back)) == ("/?limit=3", recorded[::-1][:3])


@pytest.mark.parametrize("query", ["", "where=user:is:u-17", "where=user:is_not:u-18", "search=lovelace"])
def test_paging_while_recording_skips_and_repeats_nothing(client: Client, log: AuditLog, query: str) -> None:
    recorded = fill(log, 8)
    url, found = f"/?{query}&limit=3", list[str]()
    _, page = follow(client, url)
    found += ids(page)
    while "Older" in links(page):
        fill(log, 2)
        fill(log, 1, actor=GRACE)
        _, page = follow(client, page.link("Older"))
        found += ids(page)
    assert found == recorded[::-1]
    newest = fill(log, 1)[0]
    back = [ids(page)]
    while "Newer" in links(page):
        url, page = follow(client, page.link("Newer"))
        back.append(ids(page))
    assert "before" not in url  # the first page, complete
    assert back[-1][0] == newest
    upwards = [each for page in back[:-1] for each in reversed(page)]
    assert upwards == [each for each in log_of(log, query) if each <= upwards[-1]]


def log_of(log: AuditLog, query: str) -> list[str]:
    """All matching entries, oldest first."""
    hers = [entry for entry in log.account("acme").all() if not query or entry.actor == ADA]
    return [str(entry.id) for entry in reversed(hers)]


def test_newer_pages_keep_the_range_of_the_period(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = [record(log, days) for days in (6.9, 6.8, 6, 5, 4, 3)]
    _, first = follow(client, "/?period=7d&limit=2")
    _, second = follow(client, first.link("Older"))
    _, third = follow(client, second.link("Older"))
    now = datetime.now(UTC)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now + timedelta(days=1)

    monkeypatch.setattr(audit_page, "datetime", Tomorrow)
    url, back = follow(client, third.link("Newer"))
    assert ("at=" in url, ids(back)) == (True, recorded[::-1][2:4])
    assert ids(follow(client, back.link("Older"))[1]) == recorded[::-1][4:]
    url, back = follow(client, back.link("Newer"))
    assert (url, ids(back)) == ("/?period=7d&limit=2", recorded[::-1][:2])


def test_entry_page_links_back_to_the_same_page(client: Client, log: AuditLog) -> None:
    fill(log, 9)
    _, page = follow(client, "/?limit=3")
    for word in ("Older", "Older", "Newer"):
        url, page = follow(client, page.link(word))
    detail = page.all("a", class_="details")[0].attributes["href"]
    assert follow(client, detail)[1].one("p", class_="back").one("a").attributes["href"] == url


def test_changed_view_starts_with_its_first_page(client: Client, log: AuditLog) -> None:
    fill(log, 9)
    _, page = follow(client, "/?limit=3")
    for word in ("Older", "Older", "Newer"):
        url, page = follow(client, page.link(word))
    assert "before=" in url
    (hidden,) = form_of(page, "search").all("input", name="view")
    answer = client.get(f"/filter?view={quote(hidden.attributes['value'])}&search=ada")
    assert answer.headers["location"] == "/?search=ada&limit=3"
    news = page.one("p", class_="news")
    assert (news.attributes["data-newest"], news.attributes["data-query"]) == ("", "limit=3")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("before=x", "the cursor is invalid; start again from the first page"),
        ("before=x&after=y", "after and before exclude each other"),
        ("before=x&before=y", "before is given twice"),
    ],
)
def test_invalid_cursor_is_refused(client: Client, query: str, message: str) -> None:
    answer = client.get(f"/api/entries?{query}")
    assert (answer.status_code, message in answer.json()["detail"].lower()) == (400, True)
    assert client.get(f"/?{query}").status_code == 400


def test_cursor_of_another_selection_is_refused_both_ways(client: Client, log: AuditLog) -> None:
    fill(log, 3)
    after = client.get("/api/entries?limit=1").json()["next"]
    before = client.get(f"/api/entries?limit=1&after={after}").json()["previous"]
    for place in (f"after={after}", f"before={before}"):
        assert client.get(f"/api/entries?limit=1&{place}").status_code == 200
        assert client.get(f"/api/entries?search=ada&{place}").status_code == 400
        assert client.get(f"/?search=ada&{place}").status_code == 400


def test_api_pages_in_both_directions(client: Client, log: AuditLog) -> None:
    recorded = fill(log, 7)

    def get(place: str = "") -> tuple[list[str], dict[str, Any]]:
        answer = client.get(f"/api/entries?limit=3&period=7d{place}").json()
        return [entry["id"] for entry in answer["entries"]], answer

    found, first = get()
    at = f"&at={quote(first['at'])}"
    assert (found, first["previous"], first["scanned_to"]) == (recorded[:3:-1], None, None)
    found, second = get(f"{at}&after={first['next']}")
    assert (found, second["at"]) == (recorded[3:0:-1], first["at"])
    found, third = get(f"{at}&after={second['next']}")
    assert (found, third["next"], third["at"]) == (recorded[:1], None, first["at"])
    fill(log, 1)
    found, back = get(f"{at}&before={third['previous']}")
    assert (found, back["at"]) == (recorded[3:0:-1], first["at"])
    assert get(f"{at}&before={back['previous']}")[0] == recorded[:3:-1]


# --- partial scans -----------------------------------------------------------------------------


def test_partial_scan_shows_how_far_it_came(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    needle = record(log, 40, NEEDLE)
    for number in range(20):
        record(log, 30 - number)
    top = record(log, 1, NEEDLE)
    set_scan_budget(6, monkeypatch)
    search = quote(NEEDLE)
    _, page = follow(client, f"/?search={search}&zone=Asia/Tokyo&limit=2")
    assert ids(page) == [top]
    section = page.one("section", class_="scan")
    time = section.one("time")
    assert re.fullmatch(
        r"Searched back to \S+ \S+ \(Asia/Tokyo\)\. Older entries may match too\.", section.one("p").text
    )
    reached = datetime.fromisoformat(time.attributes["datetime"])
    assert f"{reached.astimezone(UTC) + timedelta(hours=9):%Y-%m-%d %H:%M:%S}" == time.text
    assert (links(page), "in all" in page.one("p", class_="amount").text) == ([], False)
    found, scanned = ids(page), list[datetime]()
    while "Continue searching older entries" in [link.text for link in page.all("a")]:
        section = page.one("section", class_="scan")
        scanned.append(datetime.fromisoformat(section.one("time").attributes["datetime"]))
        _, page = follow(client, page.link("Continue searching older entries"))
        found += ids(page)
        if not ids(page):
            empty = page.one("section", class_="empty")
            assert empty.one("h2").text == "No match so far"
            assert re.fullmatch(r"Searched back to \S+ \S+ \(Asia/Tokyo\)\.", empty.one("p").text)
            assert "No matching entries" not in page.text
            assert empty.link("Newest") == f"/?zone=Asia%2FTokyo&search={NEEDLE.replace(' ', '+')}&limit=2"
    assert found == [top, needle]
    assert scanned == sorted(scanned, reverse=True)
    assert len(set(scanned)) == len(scanned) >= 3
    assert page.all("section", class_="scan") == []


def test_partial_scan_of_newer_entries_can_continue(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    needles = [record(log, 40 - number, NEEDLE) for number in range(2)]
    for number in range(20):
        record(log, 30 - number)
    top = record(log, 1, NEEDLE)
    search = f"search={quote(NEEDLE)}&limit=1"
    _, page = follow(client, f"/?{search}")
    _, page = follow(client, page.link("Older"))
    _, page = follow(client, page.link("Older"))
    assert ids(page) == needles[:1]
    set_scan_budget(6, monkeypatch)
    _, page = follow(client, page.link("Newer"))
    assert ids(page) == needles[1:]
    _, page = follow(client, page.link("Newer"))
    url, scanned = "", list[str]()
    while not ids(page):
        section = page.one("section", class_="scan")
        scanned.append(section.one("p").text.partition(" to ")[0])
        url, page = follow(client, page.link("Continue searching newer entries"))
    assert (set(scanned), len(scanned) >= 2) == ({"Searched up"}, True)
    assert ids(page) == [top]
    assert "before=" not in url


def test_excluded_user_with_most_entries_is_scanned(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    graces = fill(log, 1, actor=GRACE)
    fill(log, 12)
    set_scan_budget(5, monkeypatch)
    url = "/api/entries?where=user:is_not:u-17&limit=2"
    page = client.get(url).json()
    assert page["entries"] == []
    while page["scanned_to"] and not page["entries"]:
        moment = datetime.fromisoformat(page["scanned_to"])
        assert page["scanned_to"].endswith("Z")
        assert moment < datetime.now(UTC)
        page = client.get(f"{url}&after={page['next']}").json()
    assert [entry["id"] for entry in page["entries"]] == graces


# --- counts -----------------------------------------------------------------------------------------


def test_first_page_shows_the_number_of_matches(
    client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 5)
    fill(log, 1, actor=GRACE)
    _, page = follow(client, "/?limit=2")
    assert "2 of 6 entries" in page.one("p", class_="amount").text
    _, page = follow(client, "/?limit=2&where=user:is:u-17")
    assert "2 of 5 entries" in page.one("p", class_="amount").text
    monkeypatch.setattr(audit_page, "COUNT_LIMIT", 4)
    _, page = follow(client, "/?limit=2&where=user:is:u-17")
    assert "2 of 4+ entries" in page.one("p", class_="amount").text
    _, page = follow(client, page.link("Older"))
    assert "of" not in page.one("p", class_="amount").text.split()


@pytest.mark.parametrize("query", ["search=ada", "where=user:is_not:u-18"])
def test_count_of_a_scan_is_left_to_the_script(client: Client, log: AuditLog, query: str) -> None:
    fill(log, 5)
    _, page = follow(client, f"/?{query}&limit=2")
    (amount,) = [each for each in page.all("p") if "data-count" in each.attributes]
    assert amount.text == "2 entries"
    counted = client.get(f"/api/count?{amount.attributes['data-count']}").json()
    assert counted == {"entries": 5, "whole": True}


def test_api_counts_matching_entries(client: Client, log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(log, 3)
    fill(log, 2, actor=GRACE)
    fill(log, 4, "globex")
    monkeypatch.setattr("auditwright.server.api.COUNT_LIMIT", 4)

    def count(query: str) -> tuple[int, bool]:
        answer = client.get(f"/api/count?{query}", user="owner")
        assert answer.status_code == 200
        return answer.json()["entries"], answer.json()["whole"]

    assert count("") == (4, False)
    assert count("exact=true") == (5, True)
    assert count("exact=false&where=user:is:u-17") == (3, True)
    assert count("account=globex") == (4, True)
    assert count("period=custom&to=2020-01-01&exact=true") == (0, True)
    assert count("search=lovelace&match=any&where=user:is:u-17&where=user:is:u-18") == (3, True)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("exact=yes", "exact: expected true or false, got 'yes'"),
        ("limit=5", "query: expected one of account, match, where"),
        ("after=x", "query: expected one of account, match, where"),
        ("exact=true&exact=true", "exact is given twice"),
    ],
)
def test_invalid_count_query_is_refused(client: Client, query: str, message: str) -> None:
    answer = client.get(f"/api/count?{query}")
    assert answer.status_code == 400
    assert message in answer.json()["detail"][:1].lower() + answer.json()["detail"][1:]


# --- choices ------------------------------------------------------------------------------------------


def options(page: Element, field: str) -> dict[str, str]:
    """The choices in the first row of a field, by value."""
    (select,) = page.all("select", name=f"{field}.0")
    return {each.attributes["value"]: each.text for each in select.all("option") if each.attributes["value"]}


def test_choices_without_entries_are_marked(client: Client, log: AuditLog) -> None:
    fill(log, 1)
    fill(log, 1, "globex")
    _, page = follow(client, "/")
    events, categories = options(page, "event"), options(page, "category")
    assert events[LOGIN] == "Login"
    assert events["account.login_logout.logout"] == "Logout – no entries"
    assert categories["account.login_logout"] == "Login/Logout"
    assert categories["account.models"] == "Models – no entries"
    assert [key for key, text in events.items() if "no entries" not in text] == [LOGIN]
    assert len(events) == len(log.catalog.every_event)
    log.record_event("account.login_logout.logout", {"email_id": "ada@example.com"}, {"actor": ADA})
    _, page = follow(client, "/")
    assert options(page, "event") == events | {"account.login_logout.logout": "Logout"}
    unused = "account.models.model_deleted"
    _, page = follow(client, f"/?where=event:is:{unused}")
    assert page.one("section", class_="empty").one("h2").text == "No matching entries"
    (chosen,) = [each for each in page.all("option") if {"selected", "data-title"} <= each.attributes.keys()]
    assert chosen.attributes["value"] == unused


def test_event_with_entries_under_an_alias_is_not_marked(
    database: Database, portal: BlockingPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    former = "account.login_logout.signed_in"
    catalog = make_catalog(tmp_path, lambda content: event_of(content, LOGIN).update(aliases=[former]))
    with open_log(database, catalog) as log:
        insert_row(database, catalog, event=former, category="account.login_logout")
        _, page = follow(Client(create_app(log, authorize), portal), "/")
        events = options(page, "event")
        assert (events[LOGIN], former in events) == ("Login", False)
        assert options(page, "category")["account.login_logout"] == "Login/Logout"


def test_removed_events_with_entries_can_be_chosen(client: Client, log: AuditLog, database: Database) -> None:
    fill(log, 1)
    gone = "account.fax.fax_sent"
    insert_row(database, log.catalog, event=gone, category="account.fax", occurred_at=LONG_AGO)
    _, page = follow(client, "/")
    assert options(page, "event")[gone] == gone
    assert options(page, "category")["account.fax"] == "account.fax"
    (group,) = [
        each
        for each in page.one("select", name="event.0").all("optgroup")
        if each.attributes["label"] == "No longer in the catalog"
    ]
    assert [each.text for each in group.all("option")] == [gone]
    for where in (f"event:is:{gone}", "category:is:account.fax"):
        _, page = follow(client, f"/?where={where}")
        assert len(ids(page)) == 1
        (chosen,) = [
            each for each in page.all("option") if "selected" in each.attributes and "fax" in each.text
        ]
        assert chosen.text in where
