"""The questions of an auditor, answered in Python, by commands, by the API and on the page, on both engines.

Did it succeed? From which session? On whose behalf? Who touched model m-17?
"""

import csv
import io
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from tests.support.browser import make_browser, make_playwright, serving, violations
from tests.support.command_line import Auditwright
from tests.support.databases import Database
from tests.support.web import AUDITOR

from audit_events import AuditEvents
from auditwright import Actor, AuditLog, Entry, EntryContext, Filter
from auditwright.server import Principal, create_app

from playwright.sync_api import Browser, Locator, Page, expect  # isort: skip

FIXTURES = (make_browser, make_playwright)
SUPPORT, GRACE = Actor.user("u-3", "Ada Lovelace"), Actor.user("u-42", "Grace Hopper")
ODD_ID = 'a/b?c#d%2F "é"\n'
"""An id that a path must not be read from as it is."""


@pytest.fixture
def entries(log: AuditLog) -> dict[str, Entry]:
    """What happened, oldest first."""
    models, login = AuditEvents(log).account.models, AuditEvents(log).account.login_logout.login

    def add(model_id: str, name: str) -> Entry:
        return models.model_added(
            model_id=model_id, model_name=name, model_type="commercial", connection_name="openai-main"
        )

    found = {}
    with log.acting(Actor.anonymous(), ip_address="203.0.113.9", context={"session_id": "s-1"}):
        found["failure"] = login(
            email_id="grace@example.com", outcome="failure", failure_reason="The password was wrong."
        )
    context: EntryContext = {"session_id": "s-2", "request_id": "req-7", "user_agent": "Firefox/140.0"}
    with log.acting(GRACE, ip_address="203.0.113.7", context=context):
        found["success"] = login(email_id="grace@example.com")
        found["other"] = add("m-18", "Claude")
        found["odd"] = add(ODD_ID, "Odd")
    with log.acting(SUPPORT, on_behalf_of=GRACE, ip_address="203.0.113.3", context={"trace_id": "4" * 32}):
        found["added"] = add("m-17", "GPT-4o")
    with log.acting(GRACE):
        found["deleted"] = models.model_deleted(
            model_id="m-17", model_name="GPT-4o", model_type="commercial", connection_name="openai-main"
        )
    return found


def ids(found: dict[str, Entry], *names: str) -> list[str]:
    return [str(found[name].id) for name in names]


def test_python_answers(log: AuditLog, entries: dict[str, Entry]) -> None:
    acme = log.account("acme")

    def where(*conditions: str) -> list[str]:
        return [str(each.id) for each in acme.entries(Filter.parse(conditions)).entries]

    failure, added = entries["failure"], entries["added"]
    assert where("outcome:is:failure") == ids(entries, "failure")
    assert (failure.outcome, failure.failure_reason) == ("failure", "The password was wrong.")
    assert failure.description == "Anonymous tried to sign in as grace@example.com and failed."
    assert entries["success"].context == {
        "request_id": "req-7", "session_id": "s-2", "user_agent": "Firefox/140.0"
    }  # fmt: skip
    assert where("on_behalf_of:is:u-42") == ids(entries, "added")
    assert (added.actor, added.on_behalf_of) == (SUPPORT, GRACE)
    assert where("target:is:model:m-17") == ids(entries, "deleted", "added")
    assert where("target:is:model:m-17", "user:is:u-42") == ids(entries, "deleted")
    assert [str(each.id) for each in acme.history("model", "m-17").entries] == ids(
        entries, "deleted", "added"
    )


def test_commands_answer(auditwright: Auditwright, database: Database, entries: dict[str, Entry]) -> None:
    at = ("--account", "acme", "--database", database.url)
    failed = auditwright("list", "--where", "outcome:is:failure", *at).out
    assert "Login (failed)" in failed
    assert "Anonymous tried to sign in as grace@example.com and failed." in failed
    shown = auditwright("show", str(entries["failure"].id), *at).out
    assert re.search(r"^Outcome: +failure\nReason: +The password was wrong\.$", shown, re.MULTILINE)
    shown = auditwright("show", str(entries["success"].id), *at).out
    for line in ("Request ID: +req-7", "Session ID: +s-2", "User Agent: +Firefox/140.0", "Outcome: +success"):
        assert re.search(f"^{line}$", shown, re.MULTILINE)
    assert "Ada Lovelace on behalf of Grace Hopper" in (
        auditwright("list", "--where", "on_behalf_of:is:u-42", *at).out
    )
    shown = auditwright("show", str(entries["added"].id), *at).out
    assert re.search(r"^On Behalf Of: +Grace Hopper \(user u-42\)$", shown, re.MULTILINE)

    history = auditwright("history", "model:m-17", "--ids", *at)
    assert (history.code, history.out.split()) == (0, ids(entries, "deleted", "added"))
    of_user = auditwright("history", "model:m-17", "--where", "user:is:u-42", "--ids", *at)
    assert of_user.out.split() == ids(entries, "deleted")
    assert auditwright("count", "--where", "target:is:model:m-17", *at).out == "2\n"
    exported = auditwright(
        "export", "--where", "target:is:model:m-17", "--format", "csv", "--output", "-", *at
    )
    assert [row["Event Name"] for row in csv.DictReader(io.StringIO(exported.out))] == [
        "Model deleted", "Model added"
    ]  # fmt: skip
    assert "a target is written TYPE:ID" in auditwright("history", "m-17", *at).usage_error
    unknown = auditwright("history", "modle:m-17", *at)
    assert (unknown.code, unknown.out) == (2, "")
    assert '"modle" is not a type of targets; did you mean "model"?' in unknown.err


@pytest.fixture
def url(log: AuditLog, entries: dict[str, Entry]) -> Iterator[str]:
    """The page of the log."""
    auditor = Principal(AUDITOR, ("acme",), may_export=True)
    with serving(create_app(log, lambda _: auditor)) as found:
        yield found


def test_the_api_answers(url: str, entries: dict[str, Entry]) -> None:
    def where(*conditions: str) -> list[dict[str, object]]:
        answer = httpx.get(f"{url}/api/entries", params={"where": list(conditions)})
        found: list[dict[str, object]] = answer.raise_for_status().json()["entries"]
        return found

    (failure,) = where("outcome:is:failure")
    assert (failure["outcome"], failure["failure_reason"]) == ("failure", "The password was wrong.")
    assert failure["context"] == {"session_id": "s-1"}
    (added,) = where("on_behalf_of:is:u-42")
    assert added["on_behalf_of"] == {"type": "user", "id": "u-42", "name": "Grace Hopper"}
    history = where("target:is:model:m-17")
    assert [each["id"] for each in history] == ids(entries, "deleted", "added")
    assert "outcome" not in history[0]
    types = httpx.get(f"{url}/api/events").json()["target_types"]
    assert {"model", "role"} <= set(types)
    assert types == sorted(types)
    refused = httpx.get(f"{url}/api/entries", params={"where": "target:is:modle:m-17"})
    assert (refused.status_code, "did you mean" in refused.json()["detail"]) == (400, True)


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The list in a browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(url)
    yield opened
    context.close()
    assert not faults


def row(page: Page) -> Locator:
    return page.locator("tbody tr")


def test_the_page_answers(page: Page, url: str, entries: dict[str, Entry]) -> None:
    expect(row(page)).to_have_count(6)
    failed = row(page).filter(has_text="Failed")
    expect(failed).to_have_count(1)
    expect(failed.locator("td.event")).to_have_text(re.compile(r"Login\s+Failed"))
    expect(row(page).nth(1).locator("td.who")).to_have_text(
        re.compile(r"Ada Lovelace\s+on behalf of\s+Grace Hopper")
    )
    assert violations(page) == ""

    page.locator("#filter summary").click()  # Did it succeed?
    rows = page.locator("#filter .row")
    rows.get_by_label("Field").select_option(label="Outcome")
    page.get_by_role("button", name="Apply", exact=True).last.click()
    expect(rows.get_by_text("Choose an outcome, or remove this condition.")).to_be_visible()
    rows.get_by_label("Outcome").select_option(label="Failure")
    page.get_by_role("button", name="Apply", exact=True).last.click()
    expect(page.get_by_role("region", name="Active filter")).to_contain_text("Outcome is failure")
    expect(row(page)).to_have_count(1)
    page.get_by_role("link", name="Login").click()
    panel = page.get_by_role("complementary", name="Entry")
    for text in ("Failed", "The password was wrong.", "s-1", "Anonymous"):
        expect(panel.get_by_text(text, exact=True)).to_be_visible()
    assert violations(page) == ""

    page.goto(f"{url}/entries/{entries['success'].id}")  # From which session?
    for term, text in {"Outcome": "Success", "Session ID": "s-2", "User Agent": "Firefox/140.0"}.items():
        expect(page.get_by_role("term").filter(has_text=term)).to_have_count(1)
        expect(page.get_by_text(text, exact=True)).to_be_visible()
    page.goto(f"{url}/entries/{entries['added'].id}")  # On whose behalf?
    expect(page.get_by_role("definition").filter(has_text="u-42")).to_contain_text("Grace Hopper")
    page.get_by_role("link", name="on behalf of this user").click()
    expect(page.get_by_role("region", name="Active filter")).to_contain_text(
        "On behalf of is Grace Hopper (u-42)"
    )
    expect(row(page)).to_have_count(1)

    page.get_by_role("link", name="Model added").click()  # Who touched model m-17?
    panel.get_by_role("link", name="History of this model m-17").click()
    expect(page.get_by_role("heading", name="History of model m-17")).to_be_visible()
    expect(page).to_have_title("History of model m-17 · Audit Logs")
    expect(page).to_have_url(f"{url}/objects/model/m-17")
    expect(row(page)).to_have_count(2)
    expect(row(page).first.locator("td.who")).to_have_text("Grace Hopper")
    assert violations(page) == ""


def test_search_for_an_id_leads_to_its_history(page: Page) -> None:
    search = page.get_by_role("searchbox", name="Search in descriptions")
    search.fill("m-17")
    search.press("Enter")
    page.get_by_role("link", name="Entries about model m-17").press("Enter")
    expect(page.get_by_role("heading", name="History of model m-17")).to_be_visible()


def test_the_filter_builds_a_condition_on_a_target(page: Page, entries: dict[str, Entry]) -> None:
    page.locator("#filter summary").press("Enter")
    rows = page.locator("#filter .row")
    assert rows.get_by_label("Field").locator("option").all_inner_texts() == [
        "Category", "Event", "User", "On behalf of", "Outcome", "Target"
    ]  # fmt: skip
    rows.get_by_label("Field").select_option(label="Target")
    rows.get_by_label("Type").select_option(label="model")
    rows.get_by_label("ID").press("Enter")
    fault = rows.get_by_text("Choose a type and enter an ID, or remove this condition.")
    expect(fault).to_be_visible()
    assert violations(page) == ""
    rows.get_by_label("ID").fill("m-17")
    expect(fault).to_be_hidden()
    page.get_by_role("button", name="Add condition").click()
    rows.last.get_by_label("Field").select_option(label="On behalf of")
    rows.last.get_by_role("combobox", name="On behalf of").fill("Grace")
    page.get_by_role("option", name="Grace Hopper").click()
    rows.last.get_by_role("combobox", name="On behalf of").press("Enter")
    active = page.get_by_role("region", name="Active filter")
    expect(active).to_contain_text("Target is model m-17")
    expect(active).to_contain_text("On behalf of is Grace Hopper (u-42)")
    expect(row(page)).to_have_count(1)
    expect(page.locator("a.details")).to_have_attribute("href", re.compile(str(entries["added"].id)))


def test_objects_with_odd_ids_have_a_page(browser: Browser, url: str, entries: dict[str, Entry]) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.goto(f"{url}/entries/{entries['odd'].id}")
    page.get_by_role("link", name="History of this model").click()
    expect(page).to_have_url(f"{url}/objects/model/{quote(ODD_ID, safe='')}")
    expect(page.get_by_role("heading", name="History of model a/b?c#d%2F")).to_be_visible()
    assert page.locator("a.details").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

    page.goto(f"{url}/objects/model/m-99")
    expect(page.get_by_role("heading", name="Nothing recorded about it")).to_be_visible()
    answer = page.goto(f"{url}/objects/modle/m-17")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_text('did you mean "model"')).to_be_visible()
    context.close()
