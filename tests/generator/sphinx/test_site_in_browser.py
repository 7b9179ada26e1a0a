"""The built site in a browser: search, keys, tabs, tables, print, accessibility; without JavaScript, too."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.browser import SIZE, make_browser, make_playwright, violations
from tests.support.sample_site import HOSTILE_TITLE
from tests.support.site_visits import (
    ServedSite,
    SiteVisit,
    make_served_site,
    make_site_visit,
    make_site_visits,
)

from playwright.sync_api import Browser, Locator, Page, expect  # isort: skip

FIXTURES = (make_browser, make_playwright, make_served_site, make_site_visit, make_site_visits)

MODELS = "reference/account/models.html"
PAGES = {
    "home": "index.html",
    "guide": "guide.html",
    "reference": "sink/index.html",
    "level": "sink/device/index.html",
    "category": "sink/device/lifecycle.html",
    "events": "sink/events.html",
    "fields": "sink/fields.html",
    "sensitive": "sink/sensitive.html",
    "entry": "sink/entry.html",
    "changes": "sink/changes.html",
    "hostile": "hostile/search/fields.html",
    "results": "search.html?q=api+key+created",
}


def results(page: Page) -> Locator:
    """The results of a search that is done."""
    expect(page.get_by_text("Search finished")).to_be_visible()
    return page.locator("ul.search li")


def search(visit: SiteVisit, words: str) -> Locator:
    """Search for words, at the address that the search field leads to."""
    return results(visit(f"search.html?{urlencode({'q': words})}"))


# --- search ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("model added", f"{MODELS}#model_added"),
        ("account.prompts.api_key_created", "reference/account/prompts.html#api_key_created"),
        ("Training method", "reference/fields.html#training_method"),
        ("ip_address", "reference/fields.html#ip_address"),
        ("Fine-tuned", "reference/enums.html#model_type"),
        ("device.names.device_renamed", "sink/device/lifecycle.html#device_renamed"),
        ("Device renamed", "sink/device/lifecycle.html#device_renamed"),
        (HOSTILE_TITLE, "hostile/search/fields.html#static"),
    ],
    ids=["title", "key", "label", "name", "value", "former key", "deprecated", "hostile title"],
)
def test_search_finds_the_place_first(visit: SiteVisit, words: str, place: str) -> None:
    link = search(visit, words).first.locator("a").first
    expect(link).to_have_attribute("href", place)
    link.click()
    target = link.page.locator(f"[id='{place.partition('#')[2]}']")
    expect(target).to_be_in_viewport()


def test_search_tells_equal_titles_apart(visit: SiteVisit) -> None:
    found = search(visit, "API Key created")
    texts = [" ".join(found.nth(number).inner_text().split()) for number in range(3)]
    assert texts == [
        f"API Key created (event, {place})"
        for place in (
            "Account-level events › Models, account.models.api_key_created",
            "Account-level events › Prompts, account.prompts.api_key_created",
            "Tool-level events › Tool Management, tool.tool_management.api_key_created",
        )
    ]
    links = found.locator("> a").evaluate_all("links => links.map(each => each.href)")
    assert len(links) == len(set(links))  # each place once


def test_search_shows_hostile_titles_as_text(visit: SiteVisit) -> None:
    found = search(visit, "static")
    expect(found.locator("a", has_text="document.title='taken'").first).to_have_text(
        HOSTILE_TITLE.replace("·", "∙")
    )


def test_menu_shows_hostile_titles_as_text(visit: SiteVisit) -> None:
    menu = visit().locator("#pst-header")
    expect(menu.get_by_role("link", name="<b>Hostile</b> & Donau")).to_be_visible()
    expect(menu.locator("b")).to_have_count(0)


def test_search_works_on_files(visit: SiteVisit) -> None:
    page = visit(from_file=True)
    page.keyboard.press("Control+k")
    page.keyboard.type("Model added")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    found = results(page)
    found.first.locator("a").first.click()
    expect(found.page).to_have_url(re.compile(rf"^file://.*{re.escape(MODELS)}#model_added$"))
    expect(found.page.get_by_role("heading", name="Model added")).to_be_in_viewport()


# --- an event -----------------------------------------------------------------------------------------


def test_button_copies_the_key(visit: SiteVisit) -> None:
    page = visit(MODELS, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy account.models.model_added").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Copied account.models.model_added")
    assert page.evaluate("navigator.clipboard.readText()") == "account.models.model_added"


def test_badges_stand_beside_the_key(visit: SiteVisit) -> None:
    line = visit(PAGES["category"]).locator("#device_renamed .audit-key-line")
    assert line.locator(".audit-badge").all_inner_texts() == ["since 0.1.0", "deprecated since 0.2.0"]


def test_tabs_change_by_keyboard(visit: SiteVisit) -> None:
    event = visit(MODELS).locator("section#model_added")
    event.get_by_role("radio", name="JSON", exact=True).focus()
    outline = event.get_by_text("JSON", exact=True).first.evaluate(
        "each => getComputedStyle(each).outlineStyle"
    )
    assert outline != "none"
    event.page.keyboard.press("ArrowRight")
    expect(event.get_by_role("link", name="account/models/model_added.json")).to_be_visible()
    event.page.keyboard.press("ArrowRight")
    expect(event.get_by_text("audit.account.models.model_added(")).to_be_visible()
    expect(event.get_by_text('"ip_address": "203.0.113.7"')).to_be_hidden()


def test_switch_shows_deprecated_events(visit: SiteVisit) -> None:
    page = visit(PAGES["events"])
    row = page.get_by_role("link", name="Device renamed")
    expect(row).to_be_hidden()
    page.get_by_label("Show 1 deprecated event").check()
    expect(row).to_be_visible()


# --- tables and widths --------------------------------------------------------------------------------


def test_wide_table_scrolls_by_keyboard(visit: SiteVisit) -> None:
    page = visit("guide.html")
    page.set_viewport_size({"width": 390, "height": 844})
    table = page.get_by_role("region", name="Table 1: A guide")
    expect(table).to_have_attribute("tabindex", "0")
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


def test_table_that_fits_is_no_stop_of_tab(visit: SiteVisit) -> None:
    page = visit(PAGES["events"])
    expect(page.get_by_role("region", name="Table 1: Events A to Z")).not_to_have_attribute("tabindex", "0")


def test_meaning_has_room_in_table_of_fields(visit: SiteVisit) -> None:
    tables = visit(PAGES["category"]).locator(".audit-fields")
    assert tables.count() > 0
    meanings = "tables => tables.map((each) => each.querySelectorAll('th')[4].clientWidth)"
    assert min(tables.evaluate_all(meanings)) >= 200
    wider = "tables => tables.filter((each) => each.scrollWidth > each.clientWidth).length"
    assert visit(MODELS).locator(".audit-fields").evaluate_all(wider) == 0


def test_bar_covers_no_target_of_a_link(visit: SiteVisit) -> None:
    page = visit(f"{MODELS}#model_deleted")
    bar, heading = page.locator(".bd-header"), page.get_by_role("heading", name="Model deleted")
    gap = _top(heading) - bar.evaluate("each => each.getBoundingClientRect().bottom")
    assert 8 < gap < 48


# --- every kind of page --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_visits(browser: Browser, served_site: ServedSite) -> SiteVisit:
    """Visits that the tests with `visit` do not leave."""
    return SiteVisit(browser, served_site)


@pytest.fixture(scope="module", params=PAGES)
def shown(request: pytest.FixtureRequest, own_visits: SiteVisit) -> Page:
    """A page of each kind; the tests with it share one visit."""
    page = own_visits(PAGES[request.param])
    if request.param == "results":
        results(page)
    return page


def test_axe_finds_nothing_in_light_and_dark(shown: Page) -> None:
    shown.emulate_media(color_scheme="light")
    light = violations(shown)
    shown.emulate_media(color_scheme="dark")
    assert (light, violations(shown, "color-contrast")) == ("", "")  # other rules do not depend on colours


def test_page_is_as_wide_as_a_phone(shown: Page) -> None:
    shown.set_viewport_size({"width": 390, "height": 844})
    widths = shown.evaluate("[document.documentElement, document.body].map((each) => each.scrollWidth)")
    shown.set_viewport_size(SIZE)
    assert widths == [390, 390]


# --- without JavaScript --------------------------------------------------------------------------------


def test_pages_read_without_javascript(visit: SiteVisit) -> None:
    page = visit("index.html", java_script_enabled=False)
    page.get_by_role("link", name="Audit log event reference").first.click()
    page.get_by_role("navigation").get_by_role("link", name="Account-level events").first.click()
    page.get_by_role("link", name="Model added").click()
    expect(page).to_have_url(re.compile(r"models\.html#model_added$"))
    event = page.locator("section#model_added")
    expect(event.get_by_role("region", name="Model added").first).to_be_visible()
    event.get_by_text("Python", exact=True).click()
    expect(event.get_by_text("audit.account.models.model_added(")).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


def test_switch_needs_no_javascript(visit: SiteVisit) -> None:
    page = visit(PAGES["events"], java_script_enabled=False)
    expect(page.get_by_role("link", name="Device renamed")).to_be_hidden()
    page.get_by_label("Show 1 deprecated event").check()
    expect(page.get_by_role("link", name="Device renamed")).to_be_visible()


def test_dark_mode_needs_no_javascript(visit: SiteVisit) -> None:
    page = visit(MODELS, java_script_enabled=False, color_scheme="dark")
    background, text = (
        page.locator("body").evaluate(f"each => getComputedStyle(each).{name}.match(/\\d+/g).map(Number)")
        for name in ("backgroundColor", "color")
    )
    assert max(background) < 80 < 160 < min(text)
    bar = page.locator(".bd-header").evaluate("each => getComputedStyle(each).backgroundColor")
    assert not bar.startswith("rgba("), "text scrolls through the bar at the top"


# --- print -----------------------------------------------------------------------------------------------


PRINTED = (
    *("JSON", '"203.0.113.7"', "JSON Schema", "account/models/model_added.json"),
    *("Python", "model_added", "Query", "sqlmodel"),
)
"""Parts of the tabs of an event, in the order on paper."""


def _top(part: Locator) -> float:
    expect(part).to_be_visible()
    box = part.bounding_box()
    assert box
    return box["y"]


def test_print_has_all_tabs_and_no_menu(visit: SiteVisit) -> None:
    page = visit(MODELS)
    page.emulate_media(media="print")
    tabs = page.locator("section#model_added .sd-tab-set")
    tops = [_top(tabs.get_by_text(line, exact=True).first) for line in PRINTED]
    assert tops == sorted(set(tops))  # each below the one before
    for each in ("#pst-header", ".bd-sidebar-primary", ".bd-sidebar-secondary", ".copybtn", ".audit-copy"):
        expect(page.locator(each).first).to_be_hidden()


def test_print_cuts_no_table(visit: SiteVisit) -> None:
    page = visit("guide.html")
    page.set_viewport_size({"width": 680, "height": 1000})  # what A4 has between its margins, in CSS pixels
    page.emulate_media(media="print")
    wider = "tables => tables.filter((each) => each.scrollWidth > each.clientWidth + 1).length"
    assert page.locator(".audit-table").evaluate_all(wider) == 0


def test_print_breaks_no_title_of_a_field(visit: SiteVisit) -> None:
    page = visit(MODELS)
    page.set_viewport_size({"width": 680, "height": 1000})
    page.emulate_media(media="print")
    titles = page.locator("#model_added .audit-fields td:first-child")
    heights = titles.evaluate_all("""cells => cells.map((each) => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return range.getClientRects().length;
    })""")
    assert dict(zip(titles.all_inner_texts(), heights, strict=True))["Deployment Name"] == 2


def test_printed_pages_are_a4_and_few(visit: SiteVisit, tmp_path: Path) -> None:
    page = visit("guide.html", color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("body").evaluate("each => getComputedStyle(each).color") == "rgb(0, 0, 0)"
    made = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", made)) == 1
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][.0-9]* 84[12]", made)


# --- questions of a reader ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["API key", "API keys"])
def test_one_search_lists_events_of_api_keys(visit: SiteVisit, words: str) -> None:
    found = search(visit, words)
    texts = found.locator("> a").all_inner_texts()
    assert len([text for text in texts if re.search("API key (created|deleted)", text, re.IGNORECASE)]) >= 7


def test_two_clicks_list_who_carries_an_address(visit: SiteVisit) -> None:
    page = visit("reference/index.html")
    page.get_by_role("navigation").get_by_role("link", name="Fields A to Z").first.click()
    row = page.get_by_role("row").filter(has=page.locator("#ip_address"))
    expect(row).to_contain_text("Account-level events (all 53 events)")
    row.get_by_role("link", name="Account-level events").click()
    expect(page.get_by_role("heading", name="Account-level events")).to_be_visible()


def test_two_clicks_show_what_changed(visit: SiteVisit) -> None:
    page = visit("index.html")
    page.get_by_role("navigation").get_by_role("link", name="Kitchen sink").first.click()
    page.get_by_role("navigation").get_by_role("link", name="Changes").first.click()
    expect(page.get_by_role("article")).to_contain_text("1 change since 0.2.0")
    expect(page.get_by_role("article")).to_contain_text("Device carried")
