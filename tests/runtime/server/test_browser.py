"""The Audit Logs page in a browser, with and without JavaScript."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.browser import (
    ACME,
    EMPTY,
    GLOBEX,
    GRACE,
    ODD,
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

from auditwright.reading.filters import Filter
from auditwright.storage.errors import StorageError

from playwright.sync_api import Download, Locator, Page, Route, expect  # isort: skip

FIXTURES = (make_browser, make_playwright, make_site, make_visit, make_visits)
either = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])


def ids(page: Page) -> list[str]:
    """The ids of the entries in the table."""
    hrefs: list[str] = page.locator("a.details").evaluate_all("links => links.map(link => link.pathname)")
    return [href.rpartition("/")[2] for href in hrefs]


def wanted(site: Site, *where: str, match: str = "all", limit: int = 50, **options: Any) -> list[str]:
    """The expected ids on a page of the account."""
    found = site.log.account(ACME).entries(Filter.parse(where, match), limit=limit, **options)
    assert found.entries
    return [str(entry.id) for entry in found.entries]


def open_menu(page: Page, name: str) -> Locator:
    """Open a menu of the bar."""
    page.locator("summary", has_text=name).click()
    return page.locator(f"details#{name.lower()} .panel")


def condition(page: Page, number: int, field: str, value: str, operator: str = "Is Equal To") -> None:
    """Fill in a row of the filter."""
    row = page.get_by_role("group", name=re.compile("^Condition")).nth(number)
    row.get_by_label("Field").select_option(label=field)
    row.get_by_label("Operator").select_option(label=operator)
    box = row.get_by_role("combobox", name=field)
    if box.evaluate("box => box.localName") == "select":
        box.select_option(label=value)
    else:
        box.fill(value)
        if box.get_attribute("role"):  # a combobox of the script
            row.get_by_role("option", name=value).first.click()


def apply(page: Page) -> None:
    page.locator("#filter .primary").click()
    page.wait_for_url(re.compile(r"\?.*where="))


def chips(page: Page) -> Locator:
    return page.locator("a.chip bdi")


# --- filters ----------------------------------------------------------------------------------------


@either
@pytest.mark.parametrize(
    ("field", "value", "where", "text"),
    [
        ("Category", "Roles", "category:is:account.roles", "Category is equal to Roles"),
        (
            "Event",
            "App API Key created",
            "event:is:account.app_api_key.app_api_key_created",
            "Event is equal to App API Key created (App API Key)",
        ),
        ("User", "Grace Hopper", "user:is:u-42", "User is equal to Grace Hopper (u-42)"),
    ],
)
def test_condition_is_chosen_by_titles(
    visit: Visit, site: Site, js: bool, field: str, value: str, where: str, text: str
) -> None:
    page = visit(js=js)
    open_menu(page, "Filter")
    condition(page, 0, field, value)
    apply(page)
    expect(chips(page)).to_have_text([text])
    assert ids(page) == wanted(site, where)
    expect(page.locator("a.chip")).to_have_count(1)
    expect(page.locator("#filter .count")).to_have_text(re.compile("^1"))


@either
def test_filter_accepts_a_user_without_entries(visit: Visit, js: bool) -> None:
    page = visit(js=js)
    open_menu(page, "Filter")
    page.get_by_label("Field").select_option(label="User")
    page.get_by_role("combobox", name="User").fill("אבג")
    apply(page)
    expect(chips(page)).to_have_text(["User is equal to אבג"])
    expect(page.get_by_role("heading", name="No matching entries")).to_be_visible()


def test_user_is_found_by_part_of_a_name(visit: Visit, site: Site) -> None:
    page = visit()
    open_menu(page, "Filter")
    page.get_by_label("Field").select_option(label="User")
    box = page.get_by_role("combobox", name="User")
    box.press_sequentially("ace h")
    offered = page.get_by_role("listbox").get_by_role("option")
    expect(offered).to_have_text("Grace Hopperuser u-42")
    box.press("Enter")
    expect(box).to_have_value("Grace Hopper")
    box.press("Enter")
    page.wait_for_url("**/?where=user:is:u-42")
    assert ids(page) == wanted(site, "user:is:u-42")


@either
def test_conditions_are_joined_by_and_or_or(visit: Visit, site: Site, js: bool) -> None:
    page = visit(js=js)
    open_menu(page, "Filter")
    condition(page, 0, "Category", "Models")
    page.get_by_role("button", name="Add condition").click()
    condition(page, 1, "User", "Grace Hopper", "Is Not Equal To")
    apply(page)
    where = ("category:is:account.models", "user:is_not:u-42")
    assert ids(page) == wanted(site, *where)
    texts = ["Category is equal to Models", "User is not equal to Grace Hopper (u-42)"]
    expect(chips(page)).to_have_text(texts)
    expect(page.locator(".joint")).to_have_text(["and"])
    open_menu(page, "Filter")
    page.get_by_role("radio", name="any condition OR").check()
    page.locator("#filter .primary").click()
    page.wait_for_url("**match=any**")
    assert ids(page) == wanted(site, *where, match="any")
    assert ids(page) != wanted(site, *where)
    expect(page.locator(".joint")).to_have_text(["or"])


@either
def test_rows_are_added_and_removed(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?where=category:is:account.models&where=user:is_not:u-42", js=js)
    open_menu(page, "Filter")
    rows = page.locator("#filter .row")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Add condition").click()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Add condition").click()
    expect(rows).to_have_count(4)
    for number, left in ((4, 3), (3, 2), (1, 1)):
        if not page.locator("#filter .panel").is_visible():  # without JavaScript, a whole filter is applied
            open_menu(page, "Filter")
        page.get_by_role("button", name=f"Remove condition {number}").click()
        expect(rows).to_have_count(left)
    if js:  # the filter is applied by its button only
        expect(page).to_have_url(re.compile("models"))
        expect(rows.first.get_by_label("Field")).to_be_focused()
        page.locator("#filter .primary").click()
    page.wait_for_url(lambda url: "models" not in url)
    assert ids(page) == wanted(site, "user:is_not:u-42")


@either
def test_filter_can_be_cleared(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?where=category:is:account.models&limit=25", js=js)
    open_menu(page, "Filter").get_by_role("link", name="Clear").click()
    page.wait_for_url("**/?limit=25")
    assert ids(page) == wanted(site, limit=25)


@either
def test_chips_are_removed_one_by_one(visit: Visit, site: Site, js: bool) -> None:
    page = visit(
        "?match=any&where=category:is:account.models&where=user:is:u-42&search=llama&period=7d", js=js
    )
    for left, text in ((3, "Category"), (2, "contains"), (1, "7 days"), (0, "User")):
        page.locator("a.chip", has_text=text).click()
        expect(page.locator("a.chip")).to_have_count(left)
    expect(page).to_have_url(site.url + "/")
    expect(page.locator(".active")).to_have_count(0)


def test_combobox_has_groups_and_accepts_keys(visit: Visit, site: Site) -> None:
    page = visit()
    open_menu(page, "Filter")
    page.get_by_label("Field").select_option(label="Event")
    box = page.get_by_role("combobox", name="Event")
    box.click()
    expect(page.get_by_role("listbox")).to_be_visible()
    known = [event.title for category in site.log.catalog.every_category for event in category.events]
    expect(page.get_by_role("listbox").get_by_role("option").locator("bdi")).to_have_text(known)
    box.press_sequentially("role changed")
    expect(page.get_by_role("listbox").get_by_role("group")).to_have_count(2)  # of Roles, of User Management
    box.press("ArrowDown")
    box.press("ArrowDown")
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(1)
    box.press("Enter")
    expect(page.get_by_role("listbox")).to_have_count(0)
    expect(box).to_have_value("Role changed")
    box.press("Enter")
    page.wait_for_url("**event:is:tool.user_management.role_changed**")


def test_escape_closes_the_list_before_the_menu(visit: Visit) -> None:
    page = visit()
    menu = open_menu(page, "Filter")
    page.get_by_label("Field").select_option(label="User")
    box = page.get_by_role("combobox", name="User")
    box.fill("no such person")
    expect(page.get_by_text("No matches")).to_be_visible()
    box.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    expect(menu).to_be_visible()
    box.press("Escape")
    expect(menu).to_be_hidden()
    expect(page.locator("#filter summary")).to_be_focused()


def test_selected_user_keeps_the_id(visit: Visit, site: Site) -> None:
    page = visit("?where=user:is:u-42")
    open_menu(page, "Filter")
    expect(page.get_by_role("combobox", name="User").first).to_have_value("Grace Hopper")
    page.get_by_role("button", name="Apply", exact=True).last.click()
    page.wait_for_url("**/?where=user:is:u-42")
    assert ids(page) == wanted(site, "user:is:u-42")


# --- conditions that are not finished -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("Category", "guard", "“guard” is not a category. Choose one from the list."),
        ("Event", "no such thing", "“no such thing” is not an event. Choose one from the list."),
        ("Category", "", "Choose a category, or remove this condition."),
        ("User", " ", "Enter a name or an ID, or remove this condition."),
    ],
)
def test_unfinished_condition_is_refused(visit: Visit, field: str, typed: str, message: str) -> None:
    page = visit("?where=user:is:u-42")
    shown = ids(page)
    open_menu(page, "Filter")
    page.get_by_role("button", name="Add condition").click()
    row = page.get_by_role("group", name="Condition 2")
    row.get_by_label("Field").select_option(label=field)
    box = row.get_by_role("combobox", name=field)
    box.fill(typed)
    page.locator("#filter .primary").click()
    expect(box).to_be_focused()
    expect(box).to_have_value(typed)
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_accessible_description(message)
    expect(page.locator("#said")).to_have_text(f"The filter is not applied. {message}")
    expect(page).to_have_url(re.compile(r"/\?where=user:is:u-42$"))
    expect(page.locator(".progress")).to_be_hidden()
    assert ids(page) == shown
    assert violations(page) == ""
    box.fill("ada")
    expect(box).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#filter .fault")).to_have_count(0)


def test_first_match_is_taken_by_enter(visit: Visit, site: Site) -> None:
    page = visit()
    open_menu(page, "Filter")
    box = page.get_by_role("combobox", name="Category")
    box.press_sequentially("guard")
    box.press("Escape")
    box.press("Enter")  # applies, and is refused
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_be_focused()
    box.fill("guard")
    offered = page.get_by_role("listbox").get_by_role("option")
    expect(offered).to_have_text(["Guardrails, account", "Guardrails, tool"])
    box.press("Enter")
    expect(box).to_have_value("Guardrails, account")
    expect(box).not_to_have_attribute("aria-invalid", "true")
    box.press("Enter")
    page.wait_for_url("**/?where=category:is:account.guardrails")
    assert ids(page) == wanted(site, "category:is:account.guardrails")


@either
def test_unfinished_condition_keeps_its_row(visit: Visit, js: bool) -> None:
    visit.expect("422")
    page = visit("filter?match=all&field.0=category&operator.0=is_not&category.0=guard", js=js)
    row = page.get_by_role("group", name="Condition 1")
    box = row.get_by_role("combobox", name="Category")
    expect(box).to_be_focused()
    expect(box).to_have_value("guard")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_accessible_description(re.compile("^.guard. is not a category"))
    expect(page.locator("a.chip")).to_have_count(0)
    condition(page, 0, "Category", "Models")
    apply(page)
    expect(chips(page)).to_have_text(["Category is equal to Models"])


def test_wrong_time_zone_stays_and_is_marked(visit: Visit) -> None:
    page = visit()
    page.locator("#time summary").click()
    zone = page.get_by_role("combobox", name="Time zone")
    zone.fill("Berln")
    page.locator("#from").focus()
    expect(zone).to_have_value("Berln")
    expect(zone).to_have_accessible_description("“Berln” is not a time zone. Choose one from the list.")
    expect(page.locator("th small")).to_have_text("UTC")


@either
def test_selects_and_comboboxes_look_alike(visit: Visit, js: bool) -> None:
    page = visit("?where=category:is:account.models&where=user:is:u-42", js=js)
    open_menu(page, "Filter")
    looks = page.locator("select:visible, .combobox input:visible").evaluate_all(
        """controls => controls.map(control => {
            const style = getComputedStyle(control);
            return [style.appearance, style.backgroundImage, style.height, style.borderRadius].join();
        })"""
    )
    assert len(looks) >= 8 - 1 * (not js)
    assert len(set(looks)) == 1
    assert looks[0].startswith("none,linear-gradient")


# --- time, search, pages ----------------------------------------------------------------------------


@either
def test_period_can_be_chosen(visit: Visit, js: bool) -> None:
    page = visit("?limit=200", js=js)
    before = len(ids(page))
    for title, period in (("Last 7 days", "7d"), ("Last 24 hours", "24h")):
        page.locator("#time summary").click()
        page.get_by_role("link", name=title).click()
        page.wait_for_url(f"**period={period}**")
        shown = len(ids(page))
        assert 0 < shown < before
        before = shown
        expect(page.locator("#time summary")).to_contain_text(title)
        expect(chips(page)).to_have_text([title])


@either
def test_custom_range_and_zone(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?limit=25", js=js)
    entry = site.log.account(ACME).entries(limit=25).entries[20]
    minute = f"{entry.occurred_at:%Y-%m-%dT%H:%M}"
    page.locator("#time summary").click()
    page.get_by_label("From").fill(minute)
    page.locator("#to").fill(minute)
    page.get_by_role("button", name="Apply range").click()
    page.wait_for_url("**period=custom**")
    assert ids(page) == [str(entry.id)]
    page.locator("a.chip").click()
    shown = page.locator("td.time time").first
    before = shown.text_content()
    page.locator("#time summary").click()
    zone = page.get_by_role("combobox", name="Time zone")
    if js:
        zone.fill("kathmandu")
        zone.press("Enter")
    else:
        zone.select_option("Asia/Kathmandu")
        page.get_by_role("button", name="Use", exact=True).click()
    page.wait_for_url("**zone=Asia%2FKathmandu**")
    expect(page.locator("th small")).to_have_text("UTC+05:45")
    assert shown.text_content() != before
    assert ids(page) == wanted(site, limit=25)


def test_zone_of_the_device_is_suggested(visit: Visit) -> None:
    page = visit(timezone_id="America/Sao_Paulo")
    page.locator("#time summary").click()
    page.get_by_role("button", name="Use America/Sao_Paulo").click()
    page.wait_for_url("**zone=America%2FSao_Paulo**")
    expect(page.locator("th small")).to_have_text("UTC-03:00")
    page.locator("#time summary").click()
    expect(page.get_by_role("button", name="Use America/Sao_Paulo")).to_be_hidden()


@either
def test_search_in_descriptions(visit: Visit, site: Site, js: bool) -> None:
    page = visit(js=js)
    page.get_by_role("searchbox").fill("  ADDED model ")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**search=ADDED+model**")
    assert ids(page) == wanted(site, search="added model")
    expect(chips(page)).to_have_text(["Description contains “ADDED model”"])


@either
def test_older_and_newest_and_the_back_button(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?limit=100", js=js)
    newest = ids(page)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**after=**")
    older = ids(page)
    everything = wanted(site, limit=1000)
    assert newest + older == everything[:200]
    page.go_back()
    page.wait_for_url("**/?limit=100")
    assert ids(page) == newest
    page.go_forward()
    page.wait_for_url("**after=**")
    assert ids(page) == older
    page.get_by_role("link", name="Newest").click()
    page.wait_for_url("**/?limit=100")
    assert ids(page) == newest


@either
def test_page_size_can_be_changed(visit: Visit, js: bool) -> None:
    page = visit(js=js)
    expect(page.locator("a.details")).to_have_count(50)
    page.get_by_label("Entries on a page").select_option("25")
    if not js:
        page.locator(".pages").get_by_role("button", name="Show").click()
    page.wait_for_url("**/?limit=25")
    expect(page.locator("a.details")).to_have_count(25)
    expect(page.locator(".amount")).to_have_text(re.compile("25 of [0-9]+ entries"))


def test_shared_link_shows_the_same_rows(visit: Visit) -> None:
    page = visit("?match=any&where=category:is:account.models&where=user:is:u-42&zone=Asia/Tokyo")
    other = visit(page.url.removeprefix(visit.site.url + "/"), who="reader", js=False)
    assert ids(other) == ids(page)
    texts = [each.locator("tbody").inner_text() for each in (page, other)]
    assert texts[0] == texts[1]


@either
def test_account_can_be_changed(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?where=user:is:u-42&zone=Asia/Tokyo", js=js)
    page.get_by_label("Account").select_option(GLOBEX)
    if not js:
        page.locator("form.account").get_by_role("button", name="Show").click()
    page.wait_for_url("**/?account=globex&zone=Asia%2FTokyo")
    newest = site.log.account(GLOBEX).entries(limit=50)
    assert ids(page) == [str(entry.id) for entry in newest.entries]


# --- details ----------------------------------------------------------------------------------------


def test_entry_opens_in_the_panel(visit: Visit) -> None:
    page = visit("?limit=25&where=category:is_not:account.models")
    listed, panel = page.url, page.locator("#panel")
    links = page.locator("a.details")
    hrefs = [str(links.nth(number).get_attribute("href")) for number in range(3)]
    page.locator("tbody tr").nth(1).locator("td.what").click()
    expect(panel.locator("h2")).to_be_focused()
    expect(panel.locator("h2")).to_have_text(str(links.nth(1).text_content()))
    expect(page).to_have_url(visit.site.url + hrefs[1])
    panel.get_by_role("button", name="Newer").click()
    expect(page).to_have_url(visit.site.url + hrefs[0])
    expect(panel.get_by_role("button", name="Newer")).to_be_disabled()
    for number in (1, 2):
        panel.get_by_role("button", name="Older").click()
        expect(page).to_have_url(visit.site.url + hrefs[number])
        expect(page.locator("tr.shown a.details")).to_have_attribute("href", hrefs[number])
    page.reload()
    expect(page.locator("main article.entry h2")).to_be_visible()
    expect(page.locator("table")).to_have_count(0)
    page.go_back()
    expect(page).to_have_url(listed)
    expect(links).to_have_count(25)


@pytest.mark.parametrize("way", ["Escape", "Back", "Close"])
def test_closing_the_panel_restores_list_and_focus(visit: Visit, way: str) -> None:
    page = visit("?limit=25")
    link = page.locator("a.details").nth(2)
    link.focus()
    link.press("Enter")
    panel = page.locator("#panel")
    expect(panel.locator("h2")).to_be_focused()
    title = page.title()
    if way == "Escape":
        page.keyboard.press("Escape")
    elif way == "Back":
        page.go_back()
    else:
        panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    expect(page).to_have_url(visit.site.url + "/?limit=25")
    expect(link).to_be_focused()
    expect(page).to_have_title("Audit Logs")
    assert title != "Audit Logs"
    page.go_forward()
    expect(panel.locator("h2")).to_be_visible()


def test_text_of_a_row_can_be_selected(visit: Visit) -> None:
    page = visit("?limit=25")
    described = page.locator("td.what bdi").nth(2)
    box = described.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 4, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 6)
    page.mouse.up()
    selected = page.evaluate("String(getSelection())")
    assert selected.strip() in str(described.text_content())
    assert len(selected) > 3
    expect(page).to_have_url(visit.site.url + "/?limit=25")
    expect(page.locator("#panel")).to_be_hidden()
    described.click()  # clears the selection
    expect(page.locator("#panel h2")).to_be_visible()


def test_entry_is_a_page_without_javascript(visit: Visit) -> None:
    page = visit("?limit=25&where=user:is:u-42", js=False)
    link = page.locator("a.details").first
    title, href = str(link.text_content()), str(link.get_attribute("href"))
    link.click()
    page.wait_for_url("**" + href)
    expect(page.locator("article.entry h2")).to_have_text(title)
    expect(page.get_by_role("button", name="Copy as JSON")).to_be_hidden()
    page.get_by_role("link", name="All matching entries").click()
    page.wait_for_url("**/?where=user:is:u-42&limit=25")


def test_click_with_a_modifier_opens_a_tab(visit: Visit) -> None:
    page = visit()
    with page.context.expect_page() as opened:
        page.locator("a.details").first.click(modifiers=["ControlOrMeta"])
    expect(opened.value.locator("main article.entry")).to_be_visible()
    expect(page.locator("#panel")).to_be_hidden()


@pytest.mark.parametrize("beside", [True, False], ids=["panel", "page"])
def test_entry_can_be_copied_as_json(visit: Visit, site: Site, beside: bool) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    link = page.locator("a.details").nth(3)
    entry = ids(page)[3]
    if beside:
        link.click()
    else:
        page.goto(str(link.get_attribute("href")))
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    stored = site.log.account(ACME).get(entry)
    assert stored is not None
    assert copied == stored.to_json()


@either
def test_permanent_link_works_for_another_user(visit: Visit, js: bool) -> None:
    page = visit("?account=acme&where=user:is:u-42&search=mod", js=js)
    page.locator("a.details").first.click()
    link = page.get_by_role("link", name="Permanent link")
    href = str(link.get_attribute("href"))
    title = str(page.locator("article.entry h2").text_content())
    assert href.endswith("?account=acme")
    assert "where" not in href
    other = visit(href.removeprefix("/"), who="reader", js=js)
    expect(other.locator("main article.entry h2")).to_have_text(title)
    link.click()
    page.wait_for_url("**" + href)


@either
def test_entry_links_to_similar_entries(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?where=user:is:u-42", js=js)
    page.locator("a.details").first.click()
    page.get_by_role("link", name="this user").click()
    page.wait_for_url("**/?where=user:is:u-42")
    assert ids(page) == wanted(site, "user:is:u-42")


# --- exports ----------------------------------------------------------------------------------------


def exported(site: Site, account: str, *where: str, **options: Any) -> bytes:
    target = io.BytesIO()
    site.log.account(account).export_csv(target, Filter.parse(where), **options)
    return target.getvalue()


def download(page: Page, button: str) -> Download:
    menu = open_menu(page, "Export")
    with page.expect_download() as waited:
        menu.get_by_role("button", name=button).click()
    return waited.value


@either
def test_all_and_filtered_entries_are_exported(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?account=globex", js=js)
    menu = open_menu(page, "Export")
    expect(menu.get_by_role("button", name="Export filtered entries only")).to_have_count(0)
    page.goto("/?account=globex&where=user:is:u-42")
    whole, some = exported(site, GLOBEX), exported(site, GLOBEX, "user:is:u-42")
    filtered = download(page, "Export filtered entries only")
    assert Path(filtered.path()).read_bytes() == some
    if not js:  # the script closes the menu
        page.locator("summary", has_text="Export").click()
    expect(menu).to_be_hidden()
    expect(page.locator(".progress")).to_be_hidden()
    assert re.fullmatch(r"audit-log-\d{8}T\d{6}Z\.csv", filtered.suggested_filename)

    record_of_it = site.log.account(GLOBEX).entries(limit=1).entries[0]
    assert record_of_it.event == "audit.log.exported"
    whole = exported(site, GLOBEX)
    assert Path(download(page, "Export all entries").path()).read_bytes() == whole

    page.goto("/?account=globex")
    assert ids(page)[1] == str(record_of_it.id)
    expect(page.locator("a.details").first).to_have_text("Audit log exported")


@either
def test_file_for_excel_is_chosen_in_the_menu(visit: Visit, site: Site, js: bool) -> None:
    page = visit("?account=globex&where=user:is:u-42", js=js)
    open_menu(page, "Export").get_by_label("File").select_option("For Excel (semicolon)")
    expect(page.locator("#export-help")).to_contain_text("1,5")
    page.locator("summary", has_text="Export").click()  # closed, the choice stays
    some = exported(site, GLOBEX, "user:is:u-42", excel="semicolon")
    filtered = download(page, "Export filtered entries only")
    assert Path(filtered.path()).read_bytes() == some
    assert some.startswith("\ufeffDate and Time (UTC);".encode())


def test_export_menu_is_hidden_without_permission(visit: Visit) -> None:
    page = visit(who="reader")
    expect(page.locator("#filter")).to_be_visible()
    expect(page.locator("#export")).to_have_count(0)


def test_export_failure_is_a_failed_download(
    visit: Visit, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = site.log._storage
    original = storage.csv_lines

    def broken(*arguments: Any, **options: Any) -> Iterator[Any]:
        for number, piece in enumerate(original(*arguments, **options)):
            if number == 2:
                raise StorageError("the disk is gone")
            yield piece

    page = visit("?account=globex")
    monkeypatch.setattr("auditwright.transfer.text_export.CHUNK", 10)
    monkeypatch.setattr(storage, "csv_lines", broken)
    failed = download(page, "Export all entries")
    assert failed.failure() is not None
    expect(page.locator("table")).to_be_visible()


# --- new entries and loading -------------------------------------------------------------------------


def test_new_entries_are_announced_but_not_inserted(visit: Visit, site: Site) -> None:
    page = visit("?account=globex", clock=True)
    before = ids(page)
    news = page.locator(".news")
    with page.expect_response("**/api/entries*"):
        page.clock.fast_forward(10_000)
    expect(news).to_be_empty()
    new = str(record(site.log, GLOBEX).id)
    page.clock.fast_forward(10_000)
    expect(news).to_have_text("1 new entry")
    record(site.log, GLOBEX)
    page.clock.fast_forward(10_000)
    expect(news).to_have_text("2 new entries")
    assert ids(page) == before
    news.get_by_role("link").click()
    page.wait_for_load_state()
    expect(page.locator("a.details").nth(1)).to_have_attribute("href", re.compile(new))
    expect(news).to_be_empty()


def test_new_entries_without_match_are_not_announced(visit: Visit, site: Site) -> None:
    page = visit("?account=globex&where=user:is:u-42", clock=True)
    record(site.log, GLOBEX)
    with page.expect_response("**/api/entries*"):
        page.clock.fast_forward(10_000)
    record(site.log, GLOBEX, GRACE)
    page.clock.fast_forward(10_000)
    expect(page.locator(".news")).to_have_text("1 new entry")


def test_first_entry_of_an_account_is_announced(visit: Visit, site: Site) -> None:
    page = visit(who="newcomer", clock=True)
    expect(page.get_by_role("heading", name="Nothing recorded yet")).to_be_visible()
    with page.expect_response("**/api/entries*") as answer:
        page.clock.fast_forward(10_000)
    assert answer.value.json()["entries"] == []
    expect(page.locator(".news")).to_be_empty()
    assert not site.log.account(EMPTY).has_entries()


def test_progress_bar_is_shown_while_loading(visit: Visit) -> None:
    page = visit()
    bar = page.locator(".progress")
    expect(bar).to_be_hidden()
    # Playwright cannot query a page during a navigation, so the page reports it when it is left.
    bar.evaluate(
        "bar => addEventListener('pagehide', () => sessionStorage.setItem('bar', bar.checkVisibility()))"
    )
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**after=**")
    assert page.evaluate("sessionStorage.getItem('bar')") == "true"
    expect(bar).to_be_hidden()


# --- empty results and errors ---------------------------------------------------------------------


def test_empty_result_can_be_left_by_a_link(visit: Visit) -> None:
    page = visit("?search=no+such+text")
    expect(page.get_by_role("heading", name="No matching entries")).to_be_visible()
    page.get_by_role("link", name="Show all entries").click()
    expect(page.locator("a.details")).to_have_count(50)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("?where=color:is:red", 400, "color"),
        ("?zone=Europe/Berlinn", 400, "Europe/Berlin"),
        ("entries/nothing", 404, "This account has no entry with this id."),
        ("?account=initech", 404, "You have access to no account with this id."),
    ],
)
def test_invalid_url_has_an_error_page(visit: Visit, path: str, status: int, text: str) -> None:
    visit.expect(str(status))
    page = visit(path)
    expect(page.get_by_role("alert")).to_contain_text(text)
    page.get_by_role("link", name="Show all entries").click()
    expect(page.locator("a.details")).to_have_count(50)


def test_page_without_principal_shows_no_data(visit: Visit) -> None:
    visit.expect("401")
    page = visit(who="nobody")
    expect(page.get_by_role("alert")).to_contain_text("Sign in to see the audit log.")
    expect(page.get_by_role("link", name="Show all entries")).to_have_count(0)


def test_failure_to_load_an_entry_has_a_message(visit: Visit) -> None:
    visit.expect("ERR_FAILED")
    page = visit()
    page.route("**/entries/*", lambda route: route.abort())
    page.locator("a.details").first.click()
    expect(page.get_by_role("alert")).to_have_text("This entry could not be loaded. Try again.")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()


def test_closed_entry_does_not_open_after_loading(visit: Visit) -> None:
    page = visit("?limit=25")
    asked: list[Route] = []
    page.route("**/entries/*", lambda route: asked.append(route))
    with page.expect_request("**/entries/*"):
        page.locator("a.details").first.click()
    page.go_back()
    with page.expect_response("**/entries/*") as answer:
        asked[0].continue_()
    answer.value.finished()
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("tr.shown")).to_have_count(0)
    expect(page.locator(".progress")).to_be_hidden()
    expect(page).to_have_url(visit.site.url + "/?limit=25")


def test_signed_out_user_sees_the_sign_in_page(visit: Visit) -> None:
    visit.expect("401")
    page = visit(clock=True)
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url) if "/api/" in answer.url else None)
    page.context.clear_cookies()
    with page.expect_response("**/api/entries*"):
        page.clock.fast_forward(10_000)
    for _ in range(3):  # the first response ends the timer
        page.evaluate("() => fetch('/static/icon.svg')")
        page.clock.fast_forward(10_000)
    assert len(asked) == 1
    sign_in = "<!doctype html><title>Sign in</title>"
    page.route("**/entries/*", lambda route: route.fulfill(body=sign_in, content_type="text/html"))
    page.locator("a.details").first.click()
    expect(page).to_have_title("Sign in")


def test_one_menu_is_open_at_a_time(visit: Visit) -> None:
    page = visit(js=False)
    page.locator("#export summary").click()
    expect(page.locator("#export .panel")).to_be_visible()
    page.locator("#time summary").click()
    expect(page.locator("#time .panel")).to_be_visible()
    expect(page.locator("#export .panel")).to_be_hidden()


@either
def test_stored_html_is_shown_as_text(visit: Visit, js: bool) -> None:
    page = visit(js=js)
    page.get_by_label("Account").select_option(ODD)
    if not js:
        page.locator("form.account").get_by_role("button", name="Show").click()
    page.wait_for_url("**account=**")
    expect(page).to_have_title("Audit Logs")
    names = page.locator("td.who").all_inner_texts()
    assert any(name.startswith("<script>document.title") for name in names)
    expect(page.locator("main img, main i, main script")).to_have_count(0)
    for number in range(3):
        page.goto(str(page.locator("a.details").nth(5 + number).get_attribute("href")))
        expect(page).to_have_title(re.compile("Audit Logs$"))
        expect(page.locator("main img, main i, main script")).to_have_count(0)
        page.go_back()
