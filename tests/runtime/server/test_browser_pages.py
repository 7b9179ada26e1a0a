"""Newer and older pages, partial scans, counts and marked choices in a browser."""

import re
from urllib.parse import quote

import pytest
from tests.runtime.server.test_browser import either, ids, open_menu, wanted
from tests.support.browser import (
    GLOBEX,
    SIZE,
    Site,
    Visit,
    make_browser,
    make_playwright,
    make_site,
    make_visit,
    make_visits,
    record,
    violations,
)

from auditwright.storage import scan

from playwright.sync_api import Page, Route, expect  # isort: skip

FIXTURES = (make_browser, make_playwright, make_site, make_visit, make_visits)
RARE = "search=no+such+text+anywhere"


@pytest.fixture
def _small_scan_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit the entries that one page may scan to 20."""
    for name in ("SCAN_BUDGET", "SCATTERED_SCAN_BUDGET"):
        monkeypatch.setattr(scan, name, 20)


def click(page: Page, name: str, url: str) -> None:
    """Follow a link to an address of this pattern."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
    page.wait_for_url(re.compile(url))


@either
def test_older_and_newer_pages(visit: Visit, site: Site, js: bool) -> None:
    everything = wanted(site, limit=1000)
    page = visit("?limit=25", js=js)
    shown = [ids(page)]
    for _ in range(2):
        click(page, "Older", "after=")
        shown.append(ids(page))
    assert [each for some in shown for each in some] == everything[:75]
    click(page, "Newer", "before=")
    assert ids(page) == shown[1]
    page.go_back()
    page.wait_for_url(re.compile("after="))
    assert ids(page) == shown[2]
    page.go_forward()
    page.wait_for_url(re.compile("before="))
    assert ids(page) == shown[1]
    click(page, "Newer", r"/\?limit=25$")
    assert ids(page) == shown[0]
    page.go_back()
    page.wait_for_url(re.compile("before="))
    click(page, "Older", "after=")
    assert ids(page) == shown[2]


def test_panel_on_a_newer_page_steps_through_its_rows(visit: Visit) -> None:
    page = visit("?limit=25")
    click(page, "Older", "after=")
    click(page, "Older", "after=")
    click(page, "Newer", "before=")
    there = page.url
    page.locator("a.details").nth(1).click()
    panel = page.get_by_role("complementary", name="Entry")
    expect(panel.get_by_role("article")).to_be_visible()
    first, second = ids(page)[:2]
    assert second in page.url
    panel.get_by_role("button", name="Newer").click()
    page.wait_for_url(re.compile(first))
    expect(panel.get_by_role("button", name="Newer")).to_be_disabled()
    page.keyboard.press("Escape")
    page.wait_for_url(there)
    expect(panel).to_be_hidden()


def test_new_entries_are_announced_on_the_first_page_only(visit: Visit, site: Site) -> None:
    page = visit("?limit=25&account=globex", clock=True)
    click(page, "Older", "after=")
    click(page, "Newer", r"limit=25$")
    record(site.log, GLOBEX)
    page.clock.run_for(11_000)
    expect(page.locator(".news a")).to_have_text("1 new entry")


@pytest.mark.usefixtures("_small_scan_budget")
@either
def test_partial_scan_can_be_continued(visit: Visit, site: Site, js: bool) -> None:
    (oldest,) = wanted(site, limit=1000)[-1:]
    entry = site.log.account("acme").get(oldest)
    assert entry is not None
    everything = site.log.account("acme").all(search=entry.description)
    matching = [str(each.id) for each in everything]
    page = visit(f"?search={quote(entry.description)}", js=js)
    found = ids(page)
    for _ in range(20):
        continue_link = page.get_by_role("link", name="Continue searching older entries")
        if not continue_link.count():
            break
        expect(page.locator(".scan p").first).to_contain_text("Searched back to 20")
        before = page.url
        continue_link.click()
        page.wait_for_url(lambda url, before=before: url != before)  # type: ignore[misc]
        found += ids(page)
    assert found == matching
    assert oldest in found


@pytest.mark.usefixtures("_small_scan_budget")
def test_scan_continues_to_the_end(visit: Visit) -> None:
    page = visit(f"?{RARE}")
    expect(page.get_by_role("heading", name="No match so far")).to_be_visible()
    page.get_by_role("link", name="Continue searching older entries").click()
    expect(page.get_by_role("heading", name="No older entries")).to_be_visible()
    page.get_by_role("link", name="Newest").click()
    page.wait_for_url(re.compile(f"{re.escape(RARE)}$"))


@pytest.mark.usefixtures("_small_scan_budget")
def test_scan_can_be_stopped(visit: Visit) -> None:
    page = visit(f"?{RARE}&zone=Asia/Tokyo")
    answers: list[str] = []

    def answer(route: Route) -> None:
        scanned_to = f"2026-01-{20 - min(len(answers), 9):02}T03:04:05.000000Z"
        answers.append(route.request.url)
        route.fulfill(json={"entries": [], "next": cursor, "previous": cursor, "scanned_to": scanned_to})

    there = page.get_by_role("link", name="Continue searching older entries").get_attribute("href")
    cursor = str(there).rpartition("after=")[2]
    page.route("**/api/entries?*", answer)
    page.get_by_role("link", name="Continue searching older entries").click()
    expect(page.locator(".scan time")).to_have_text("2026-01-11 12:04:05")
    expect(page.locator(".scan")).to_contain_text("(Asia/Tokyo)")
    page.get_by_role("link", name="Stop searching").click()
    page.wait_for_url(f"**after={cursor}")
    expect(page.get_by_role("link", name="Continue searching older entries")).to_be_visible()
    assert len(answers) >= 10


@pytest.mark.usefixtures("_small_scan_budget")
def test_failed_scan_request_shows_the_error_page(visit: Visit) -> None:
    page = visit(f"?{RARE}")
    visit.expect("503|ERR_FAILED|Failed to load")
    page.route("**/api/entries?*", lambda route: route.fulfill(status=503))
    page.get_by_role("link", name="Continue searching older entries").click()
    page.wait_for_url(re.compile("after="))
    expect(page.get_by_role("link", name="Continue searching older entries")).to_be_visible()


def test_script_counts_a_scan(visit: Visit, site: Site) -> None:
    count = site.log.account("acme").count(search="lovelace")
    page = visit("?search=lovelace&limit=5")
    expect(page.locator(".amount")).to_have_text(f"5 of {count} entries")
    page = visit("?search=lovelace&limit=5", js=False)
    expect(page.locator(".amount")).to_have_text("5 entries")


def test_marked_choices_are_chosen_by_title(visit: Visit, site: Site) -> None:
    recorded = set(site.log.account(GLOBEX).events())
    event = next(each for each in site.log.catalog.every_event.values() if each.key not in recorded)
    page = visit("?account=globex")
    open_menu(page, "Filter")
    page.get_by_label("Field").select_option(label="Event")
    box = page.get_by_role("combobox", name="Event")
    box.click()
    marked = page.get_by_role("option").filter(has=page.locator("small.aside"))
    without = [each for each in site.log.catalog.every_event.values() if each.key not in recorded]
    expect(marked).to_have_count(len(without))
    box.fill(event.key)
    option = page.get_by_role("listbox").get_by_role("option")
    expect(option).to_have_text(f"{event.title} no entries")
    option.click()
    expect(box).to_have_value(event.title)
    page.locator("#filter .primary").click()
    page.wait_for_url(f"**where=event:is:{event.key}**")
    expect(page.get_by_role("heading", name="No matching entries")).to_be_visible()


@pytest.mark.usefixtures("_small_scan_budget")
@pytest.mark.parametrize("state", ["pages", "scan", "nothing so far", "choices"])
def test_scan_controls_have_no_axe_violation(visit: Visit, state: str) -> None:
    page = visit(
        {"scan": "?search=lovelace&limit=20", "nothing so far": f"?{RARE}"}.get(
            state, "?account=globex&limit=8"
        )
    )
    if state == "pages":
        for name in ("Older", "Older", "Newer"):
            click(page, name, "after=" if name == "Older" else "before=")
    elif state == "scan":
        expect(page.locator("section.scan:not(.empty)")).to_be_visible()
    found = {}
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": SIZE["height"]})
        if state == "choices":
            if width == 1280:
                open_menu(page, "Filter")
                page.get_by_label("Field").select_option(label="Event")
            page.get_by_role("combobox", name="Event").click()
            expect(page.get_by_role("listbox").locator("small.aside").first).to_be_attached()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            # Other rules than that of the contrast do not depend on colours.
            rules = () if scheme == "light" else ("color-contrast",)
            found[width, scheme] = violations(page, *rules)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [each for each in found.items() if each[1]] == []
