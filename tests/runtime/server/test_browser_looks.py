"""Layout and accessibility of the Audit Logs page: widths, scripts, keyboard, screen readers."""

import re
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

import pytest
from tests.support.browser import (
    HOSTILE,
    LONG,
    ODD,
    Visit,
    make_browser,
    make_playwright,
    make_site,
    make_visit,
    make_visits,
    violations,
)

from auditwright.text import printable

from playwright.sync_api import Locator, Page, expect  # isort: skip

FIXTURES = (make_browser, make_playwright, make_site, make_visit, make_visits)
WIDTHS = (320, 768, 1024, 1280, 2200)
HOSTILE_LIST = f"?account={quote(ODD)}"
FILTERED = "?match=any&where=user:is:u-61&where=category:is:account.models&period=7d&limit=8"


def set_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})


def choices(page: Page) -> Locator:
    """The choices of the open combobox."""
    return page.get_by_role("listbox").get_by_role("option")


def open_filter(page: Page) -> None:
    """Open the filter and the list of a combobox."""
    page.locator("#filter > summary").click()
    page.locator("#filter").get_by_role("combobox", name="Category").last.click()
    expect(page.get_by_role("listbox")).to_be_visible()


def open_time(page: Page) -> None:
    page.locator("#time > summary").click()
    page.get_by_role("combobox", name="Time zone").fill("europe ber")
    expect(page.get_by_role("listbox")).to_be_visible()


def open_export(page: Page) -> None:
    page.locator("#export > summary").click()


def open_panel(page: Page) -> None:
    page.locator("a.details").nth(1).click()
    expect(page.locator("#panel article.entry")).to_be_visible()


def open_entry(page: Page) -> None:
    page.goto(str(page.locator("a.details").nth(1).get_attribute("href")))


def leave_unchanged(page: Page) -> None:
    """Leave the page unchanged."""


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "list": (FILTERED, leave_unchanged),
    "filter": (FILTERED, open_filter),
    "time": ("?limit=8", open_time),
    "export": (FILTERED, open_export),
    "panel": ("?limit=8", open_panel),
    "entry": ("?limit=8", open_entry),
    "hostile list": (HOSTILE_LIST, leave_unchanged),
    "hostile panel": (HOSTILE_LIST, open_panel),
    "empty": ("?search=no+such+text", leave_unchanged),
    "error": ("?where=color:is:red", leave_unchanged),
}
states = pytest.mark.parametrize("state", STATES)


def show(visit: Visit, state: str, **options: Any) -> Page:
    """Open a page and bring it into a state."""
    path, act = STATES[state]
    if state == "error":
        visit.expect("400")
    page = visit(path, **options)
    act(page)
    return page


# --- accessibility and widths -------------------------------------------------------------------------


@states
def test_axe_reports_no_violation(visit: Visit, state: str) -> None:
    page = show(visit, state)
    found: dict[tuple[int, str], str] = {}
    for width in (1280, 320):
        set_width(page, width)
        page.emulate_media(color_scheme="light")
        found[width, "light"] = violations(page)
        page.emulate_media(color_scheme="dark")
        found[width, "dark"] = violations(page, "color-contrast")  # other rules do not depend on colours
    assert [each for each in found.items() if each[1]] == []


LEFTS = """each => each.filter((one) => one.checkVisibility())
  .map((one) => one.getBoundingClientRect().left)"""


@states
def test_no_page_scrolls_sideways(visit: Visit, state: str) -> None:
    page = show(visit, state)
    wider = {}
    for width in WIDTHS:
        set_width(page, width)
        # Content beyond the left edge cannot be scrolled to.
        wide = page.evaluate("document.documentElement.scrollWidth")
        lefts = page.locator(".panel, .listbox, #panel, td, dd, h2").evaluate_all(LEFTS)
        left = min([0, *lefts])
        if wide > width or left < 0:
            wider[width] = wide, left
    assert wider == {}


def test_colours_follow_the_system(visit: Visit) -> None:
    page = visit()
    grounds = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        ground, ink = page.locator("body").evaluate(
            "body => ['backgroundColor', 'color'].map((each) => getComputedStyle(body)[each])"
        )
        light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
        assert (light[0] > light[1]) == (scheme == "light")
        grounds.append(ground)
    assert grounds[0] != grounds[1]


def test_most_rows_have_one_line(visit: Visit) -> None:
    page = visit()
    heights = page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    one_line = [height for height in heights if height < 36]
    assert len(one_line) > len(heights) / 2
    assert max(heights) < 56


# --- texts --------------------------------------------------------------------------------------------

SPANS = """(element, parts) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const node = walker.nextNode();
  return parts.map((part) => {
    const range = document.createRange(), at = node.data.indexOf(part);
    range.setStart(node, at);
    range.setEnd(node, at + part.length);
    const { left, right, top } = range.getBoundingClientRect();
    return { left, right, top };
  });
}"""


@pytest.mark.parametrize("name", ["דנה כהן", "أحمد علي"])
def test_right_to_left_name_affects_only_itself(visit: Visit, name: str) -> None:
    page = visit("?where=user:is:u-61&where=user:is:u-62&match=any")
    row = page.locator("tbody tr", has_text=name).first
    verb = str(row.locator("td.what").text_content()).removeprefix(name).split()[0]
    person, does = row.locator("td.what").evaluate(SPANS, [name, verb])
    assert person["right"] <= does["left"]
    assert person["left"] == row.locator("td.what bdi").evaluate("each => each.getBoundingClientRect().left")
    # Each letter of the name is left of the previous one.
    first, last = row.locator("td.who").evaluate(SPANS, [name[0], name[-1]])
    assert first["left"] > last["left"]
    row.locator("a.details").click()
    described = page.locator("#panel .described")
    person, does = described.evaluate(SPANS, [name, verb])
    assert person["right"] <= does["left"]


def test_direction_marks_are_shown_as_escapes(visit: Visit) -> None:
    page = visit(HOSTILE_LIST)
    for name in HOSTILE:
        if printable(name) != name:
            expect(page.locator("td.who bdi", has_text=printable(name))).to_be_visible()
    expect(page.locator("#account option:checked")).to_have_text(printable(ODD))
    page.locator("#filter > summary").click()
    page.get_by_label("Field").select_option("user")
    page.get_by_role("combobox", name="User").fill("evil")
    expect(choices(page)).to_contain_text("evil\\u202etxt.exe")
    choices(page).click()
    expect(page.get_by_role("combobox", name="User")).to_have_value("evil\\u202etxt.exe")
    page.get_by_role("combobox", name="User").press("Enter")
    expect(page.locator("a.chip")).to_contain_text("evil\\u202etxt.exe")
    expect(page.locator("a.details")).to_have_count(1)
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", page.locator("body").inner_text())


def test_long_descriptions_are_truncated_in_the_table(visit: Visit) -> None:
    page = visit(HOSTILE_LIST)
    row = page.locator("tbody tr", has_text="added model Llama").first
    height, whole = row.locator("td.what bdi").evaluate("each => [each.clientHeight, each.scrollHeight]")
    assert height < 40 < whole
    row.locator("a.details").click()
    expect(page.locator("#panel .described")).to_contain_text(LONG.strip())
    cut = page.locator("#panel .described").evaluate("each => each.scrollHeight > each.clientHeight")
    assert not cut


# --- the keyboard ---------------------------------------------------------------------------------------

FOCUSED = """() => {
  const focused = document.activeElement, style = getComputedStyle(focused);
  const box = focused.getBoundingClientRect(), small = box.width <= 8 || box.height <= 8;
  const label = focused.getAttribute("aria-label") ?? focused.labels?.[0]?.textContent;
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    name: (label ?? focused.textContent).replace(/\\s+/g, " ").trim(),
    seen: !small && box.y >= 0 && box.bottom <= innerHeight && box.x >= 0 && box.right <= innerWidth,
    above: focused.contains(top) || top?.contains(focused) && top !== document.body,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}"""


class Keyboard:
    """Presses Tab and checks that the focus is visible."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab(self, times: int = 1) -> list[str]:
        """Press Tab; returns the names of the focused elements."""
        return [self._step() for _ in range(times)]

    def _step(self) -> str:
        self.page.keyboard.press("Tab")
        focused = self.page.evaluate(FOCUSED)
        name = str(focused.pop("name"))
        assert focused == {"seen": True, "above": True, "outlined": True}, name
        return name

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.mark.parametrize("width", [1280, 320])
def test_filter_and_export_by_keyboard(visit: Visit, width: int) -> None:
    page = visit(viewport={"width": width, "height": 800})
    keyboard = Keyboard(page)
    bar = ["Skip to the entries", "Audit Logs", "Account", "Search in descriptions"]
    assert keyboard.tab(4) == bar
    assert [name.split()[0] for name in keyboard.tab(2)] == ["All", "Filter"]
    keyboard.press("Enter")
    assert keyboard.tab(2) == ["all conditions AND", "Field"]
    page.keyboard.type("Ev")
    assert keyboard.tab(2) == ["Operator", "Event"]
    page.keyboard.type("prompt shared")
    expect(choices(page)).to_have_count(1)
    keyboard.press("ArrowDown", "Enter")
    expect(page.get_by_role("listbox")).to_be_hidden()
    assert keyboard.tab(4) == ["Remove condition 1", "Add condition", "Clear", "Apply"]
    keyboard.press("Enter")
    page.wait_for_url("**where=event:is:account.prompts.prompt_shared")
    names = keyboard.tab(7)
    assert names[:4] == bar
    assert names[5:] == ["Filter1 conditions", "Export"]
    keyboard.press("Enter")
    assert keyboard.tab(3) == ["File", "Export all entries", "Export filtered entries only"]
    keyboard.press("Escape")
    expect(page.locator("#export .panel")).to_be_hidden()
    expect(page.locator("#export > summary")).to_be_focused()
    remove = "Remove: Event is equal to Prompt shared (Prompts)"
    assert keyboard.tab(3) == [remove, "Clear all", "Prompt shared"]


def test_menu_closes_when_the_focus_leaves(visit: Visit) -> None:
    page = visit()
    page.locator("#export > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#export .panel")).to_be_visible()
    keyboard = Keyboard(page)
    assert keyboard.tab(3) == ["File", "Export all entries", "Login"]
    expect(page.locator("#export .panel")).to_be_hidden()


def test_panel_by_keyboard(visit: Visit) -> None:
    page = visit("?limit=25")
    page.locator("a.details").nth(3).focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    heading = panel.locator("h2")
    expect(heading).to_be_focused()
    keyboard = Keyboard(page)
    keyboard.press("Shift+Tab", "Shift+Tab")
    older = panel.get_by_role("button", name="Older")
    expect(older).to_be_focused()
    for number in (4, 5, 6):  # the focus stays on the button
        keyboard.press("Enter")
        expect(heading).to_have_text(str(page.locator("a.details").nth(number).text_content()))
        expect(older).to_be_focused()
    assert keyboard.tab(4) == ["Close", "Copy as JSON", "JSON", "Permanent link"]
    keyboard.press("Escape")
    expect(page.locator("a.details").nth(6)).to_be_focused()


def test_focus_is_not_hidden_by_the_table_header(visit: Visit) -> None:
    page = visit("?limit=50")
    page.locator("a.details").nth(40).focus()
    for _ in range(25):
        page.keyboard.press("Shift+Tab")
    focused = page.evaluate(FOCUSED)
    assert focused["above"], focused


def test_combobox_follows_the_aria_pattern(visit: Visit) -> None:
    """WAI-ARIA Authoring Practices Guide, Editable Combobox With List Autocomplete."""
    page = visit()
    page.locator("#filter > summary").click()
    box = page.get_by_role("combobox", name="Category")
    options, said = choices(page), page.locator("#said")
    box.focus()
    expect(box).to_have_attribute("aria-expanded", "false")
    box.press("Alt+ArrowDown")
    expect(box).to_have_attribute("aria-expanded", "true")
    assert box.get_attribute("aria-activedescendant") is None
    listbox = page.get_by_role("listbox")
    expect(listbox).to_have_id(str(box.get_attribute("aria-controls")))
    expect(said).to_have_text(re.compile("^[0-9]+ choices$"))
    box.press("Alt+ArrowUp")
    expect(listbox).to_be_hidden()
    box.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    box.fill("guardr")
    expect(said).to_have_text("2 choices")
    group = listbox.get_by_role("group", name="Level: tool")
    expect(group.get_by_role("option")).to_have_text("Guardrails, tool")
    box.fill("no such thing")
    expect(said).to_have_text("No choices")
    expect(options).to_be_disabled()
    box.press("Tab")
    expect(box).to_have_value("no such thing")  # it stays, and Apply refuses it
    box.fill("roles")
    box.press("Tab")
    expect(box).to_have_value("Roles")  # a complete title is chosen
    assert page.locator("select[name='category.0']").input_value() == "account.roles"
