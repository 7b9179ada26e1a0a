"""The Audit Logs page without JavaScript: content, links and forms."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.support.sample_events import DEPLOYED, LONG_AGO, MODEL, insert_row, record, record_system_event
from tests.support.web import ADA, GRACE, Client, fill

from auditwright import Actor, AuditLog, Entry, Filter
from auditwright.limits import MAX_STRING
from auditwright.reading.pages import make_cursor, selection_digest
from auditwright.server import create_app

LOGIN, SCANNER = "account.login_logout.login", "tool.guardrails.input_scanner_added"
ADDED, ASYNC = "account.models.model_added", "tool.tool_management.api_async_enabled"


# --- parse a page -------------------------------------------------------------------------------


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements below with a tag and these attributes, in order; `id_` is `id`."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                has = {name: child.attributes.get(name, "").split() for name in wanted}
                if child.tag == tag and all(value in has[name] for name, value in wanted.items()):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def one(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """The text with single spaces."""
        parts = [child if isinstance(child, str) else f" {child.text} " for child in self.children]
        return " ".join("".join(parts).split())

    def link(self, text: str) -> str:
        """The target of the only link with this text."""
        (found,) = [each for each in self.all("a") if each.text == text]
        return found.attributes["href"]


class _Reader(HTMLParser):
    VOID = ("meta", "link", "input", "path", "circle", "br", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag  # the page is well-formed

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(answer: httpx.Response, status: int = 200) -> Element:
    """The page of a response."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    reader = _Reader()
    reader.feed(answer.text)
    assert len(reader.open) == 1
    return reader.open[0]


Visit = Callable[..., Element]


@pytest.fixture
def visit(client: Client) -> Visit:
    """Opens a page: `visit("/", 200, user="owner")`."""

    def open_page(url: str, status: int = 200, user: str = "auditor") -> Element:
        return read(client.get(url, user=user), status)

    return open_page


def table(page: Element) -> list[list[str]]:
    """The cells of the table, without the header."""
    return [[cell.text for cell in row.all("td")] for row in page.one("tbody").all("tr")]


def ids(page: Element) -> list[str]:
    """The ids of the entries in the table."""
    links = page.all("a", class_="details")
    return [link.attributes["href"].removeprefix("/entries/").partition("?")[0] for link in links]


def chips(page: Element) -> dict[str, str]:
    """The chips with their targets."""
    found = page.all("a", class_="chip")
    return {chip.text.removeprefix("Remove: "): chip.attributes["href"] for chip in found}


def defined(page: Element) -> list[tuple[str, str]]:
    """The terms of a page with their definitions."""
    return list(
        zip([term.text for term in page.all("dt")], [each.text for each in page.all("dd")], strict=True)
    )


# --- filling in forms -----------------------------------------------------------------------------


def form_of(page: Element, name: str) -> Element:
    """The only form that has a control of this name."""
    controls = ("input", "select", "button")
    (found,) = [form for form in page.all("form") if any(form.all(tag, name=name) for tag in controls)]
    return found


def values_of(form: Element) -> dict[str, str]:
    """The fields that a browser sends for an unchanged form."""
    values = {}
    for control in form.all("input"):
        kind = control.attributes.get("type", "text")
        if kind != "radio" or "checked" in control.attributes:
            values[control.attributes["name"]] = control.attributes.get("value", "")
    for select in form.all("select"):
        options = select.all("option")
        chosen = [option for option in options if "selected" in option.attributes] or options[:1]
        assert len(chosen) == 1
        values[select.attributes["name"]] = chosen[0].attributes.get("value", chosen[0].text)
    return values


Submit = Callable[..., str]


@pytest.fixture
def submit(client: Client) -> Submit:
    """Sends a form with changes; returns the target of the redirect."""

    def send(form: Element, changes: dict[str, str], user: str = "auditor") -> str:
        answer = client.get(f"{form.attributes['action']}?{urlencode(values_of(form) | changes)}", user=user)
        assert answer.status_code == 303
        return answer.headers["location"]

    return send


# --- the table ------------------------------------------------------------------------------------


def test_table_has_the_columns_in_order(visit: Visit, log: AuditLog) -> None:
    moment = datetime(2026, 1, 31, 23, 59, 58, 123456, UTC)
    options = {"actor": ADA, "ip_address": "203.0.113.7", "occurred_at": moment}
    log.record_event(LOGIN, {"email_id": "ada@example.com"}, options)
    page = visit("/")
    assert [cell.text for cell in page.one("thead").all("th")] == [
        "Event Name", "Category", "User Name", "Date and Time UTC", "Description", "IP Address",
    ]  # fmt: skip
    assert table(page) == [
        [
            "Login",
            "Login/Logout",
            "Ada Lovelace",
            "2026-01-31 23:59:58",
            "Ada Lovelace signed in as ada@example.com.",
            "203.0.113.7",
        ]
    ]
    assert {cell.attributes["scope"] for cell in page.all("th")} == {"col"}


def test_table_is_newest_first(visit: Visit, log: AuditLog) -> None:
    assert ids(visit("/")) == []
    recorded = fill(log, 5)
    assert ids(visit("/")) == recorded[::-1]


def test_times_are_in_the_zone_of_the_view(visit: Visit, log: AuditLog) -> None:
    options = {"actor": ADA, "occurred_at": LONG_AGO}
    entry = log.record_event(LOGIN, {"email_id": "ada@example.com"}, options)
    for path in ("/", f"/entries/{entry.id}"):
        (time, *_) = visit(f"{path}?zone=Asia/Kathmandu").all("time")
        assert time.text == "2024-05-06 12:53:09"
        assert time.attributes["datetime"] == "2024-05-06T07:08:09.123456+00:00"
        assert time.attributes["title"] == "2024-05-06 07:08:09.123 UTC"
    heads = visit("/?zone=Asia/Kathmandu").all("th")
    assert [head.one("small").text for head in heads if head.all("small")] == ["UTC+05:45"]


def test_apps_and_system_have_a_badge(visit: Visit, log: AuditLog) -> None:
    for actor in (ADA, Actor.user("u-3"), Actor.app("app-ci", "Pipeline"), Actor.system()):
        log.record_event(LOGIN, {"email_id": "ada@example.com"}, {"actor": actor})
    rows = table(visit("/"))
    assert [row[2] for row in rows] == ["System", "Pipeline app", "u-3", "Ada Lovelace"]
    assert {row[5] for row in rows} == {"–"}  # no entry has an address


def test_long_text_is_truncated_in_the_table_only(visit: Visit, log: AuditLog) -> None:
    actor = Actor.user("u-1", "é" * 300)
    entry = log.record_event(LOGIN, {"email_id": "a@example.com"}, {"actor": actor, "details": "x" * 2000})
    ((_, _, name, _, description, _),) = table(visit("/"))
    assert (len(name.encode()) <= 80, name[-1]) == (True, "…")
    assert (len(description.encode()) <= 300, description[-1]) == (True, "…")
    shown = visit(f"/entries/{entry.id}")
    assert shown.one("p", class_="described").text == entry.description
    assert ("User Name", "é" * 300) in defined(shown)


def test_number_of_entries_is_shown_where_known(visit: Visit, log: AuditLog) -> None:
    fill(log, 1)
    assert visit("/").one("p", class_="amount").text == "1 entry"
    fill(log, 2)
    assert visit("/").one("p", class_="amount").text == "3 entries"
    first = visit("/?limit=2")
    assert first.one("p", class_="amount").text == "2 of 3 entries"
    second = visit(first.link("Older"))
    assert second.one("p", class_="amount").text == "1 entry on this page"
    assert second.one("nav", class_="pages").text.endswith("Newest Newer")


def test_pages_link_to_the_next_and_the_first(visit: Visit, log: AuditLog) -> None:
    recorded, found = fill(log, 7), list[str]()
    page = visit("/?limit=3&zone=Asia/Tokyo")
    for _ in range(2):
        found += ids(page)
        page = visit(page.link("Older"))
    assert found + ids(page) == recorded[::-1]
    assert page.link("Newest") == "/?zone=Asia%2FTokyo&limit=3"
    assert page.all("a", rel="next") == []


# --- the filter as text --------------------------------------------------------------------------


@pytest.fixture
def people(log: AuditLog) -> None:
    """Entries of Ada, whose name has changed, of Grace and of an app."""
    for actor in (Actor.user("u-17", "Ada Byron"), ADA, GRACE, Actor.app("app-ci", "Pipeline")):
        log.record_event(SCANNER, {"tool_id": "t-4"}, {"actor": actor})
        log.record_event(ADDED, {**MODEL, "deployment_name": "prod-eu"}, {"actor": actor})


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("query", "texts"),
    [
        (
            "where=user:is:u-17",
            ["User is equal to Ada Lovelace (u-17)"],
        ),
        (
            "match=any&where=category:is:account.models&where=user:is_not:u-404",
            ["Category is equal to Models", "User is not equal to u-404"],
        ),
        (
            f"where=event:is_not:{SCANNER}&where=category:is:tool.guardrails&period=7d",
            [
                "Event is not equal to Input scanner added (Guardrails, tool)",
                "Category is equal to Guardrails, tool",
                "Last 7 days",
            ],
        ),
        (
            "search=prod-eu&period=24h",
            ["Description contains “prod-eu”", "Last 24 hours"],
        ),
        (
            "period=custom&from=2026-01-01&to=2026-01-31T09:30&zone=Europe/Berlin",
            ["From 2026-01-01 to 2026-01-31 09:30 (Europe/Berlin)"],
        ),
        ("period=custom&from=2026-01-01", ["From 2026-01-01 (UTC)"]),
        ("period=custom&to=2026-01-01", ["To 2026-01-01 (UTC)"]),
        ("period=custom", ["At any time (UTC)"]),
    ],
)
def test_active_filter_is_shown_as_chips(visit: Visit, query: str, texts: list[str]) -> None:
    active = visit(f"/?{query}").one("section", class_="active")
    assert list(chips(active)) == texts
    joints = [each.text for each in active.all("span", class_="joint")]
    assert joints == (["or" if "match=any" in query else "and"] if query.count("where=") == 2 else [])


@pytest.mark.usefixtures("people")
def test_each_chip_removes_its_own_part(visit: Visit) -> None:
    query = (
        "match=any&where=user:is:u-17&where=user:is:u-18&where=category:is:account.models&period=7d"
        "&zone=Asia%2FTokyo&search=tool&limit=7"
    )
    page = visit(f"/?{query}")
    parts = query.split("&")
    removed = [
        "where=user:is:u-17",
        "where=user:is:u-18",
        "where=category:is:account.models",
        "search=tool",
        "period=7d",
    ]
    for target, part in zip(chips(page).values(), removed, strict=True):
        assert sorted(target.removeprefix("/?").split("&")) == sorted(each for each in parts if each != part)
    assert page.link("Clear all") == "/?zone=Asia%2FTokyo&limit=7"
    two = visit("/?match=any&where=user:is:u-17&where=user:is:u-18")
    assert list(chips(two).values()) == [
        "/?where=user:is:u-18",
        "/?where=user:is:u-17",
    ]  # AND equals OR for one condition


@pytest.mark.usefixtures("people")
def test_and_and_or_filter_the_table(visit: Visit) -> None:
    conditions = f"where=user:is:u-18&where=event:is:{SCANNER}"
    assert [row[2] for row in table(visit(f"/?{conditions}"))] == ["Grace Hopper"]
    assert len(table(visit(f"/?match=any&{conditions}"))) == 5
    assert len(table(visit("/?where=user:is_not:u-17"))) == 4


# --- the filter's form ----------------------------------------------------------------------------


def row(number: int, name: str, value: str, operator: str = "is") -> dict[str, str]:
    """The form fields of a row of the filter."""
    return {f"field.{number}": name, f"operator.{number}": operator, f"{name}.{number}": value}


def open_rows(page: Element) -> list[tuple[str, str, str]]:
    """The rows of the filter's form: field, operator and value of each."""
    values = values_of(form_of(page, "match"))
    numbers = [name.partition(".")[2] for name in values if name.startswith("field.")]
    fields = [values[f"field.{number}"] for number in numbers]
    return [
        (name, values[f"operator.{number}"], values[f"{name}.{number}"])
        for number, name in zip(numbers, fields, strict=True)
    ]


@pytest.mark.usefixtures("people")
def test_applying_the_filter_redirects_to_its_url(visit: Visit, submit: Submit) -> None:
    form = form_of(visit("/?limit=7&zone=Asia/Tokyo"), "match")
    where = submit(form, {"match": "any", **row(0, "category", "account.models", "is_not")})
    assert where == "/?where=category:is_not:account.models&zone=Asia%2FTokyo&limit=7"
    page = visit(where)
    assert {cells[1] for cells in table(page)} == {"Guardrails, tool"}
    assert open_rows(page)[0] == ("category", "is_not", "account.models")


@pytest.mark.usefixtures("people")
def test_unchanged_form_redirects_to_the_same_view(visit: Visit, submit: Submit) -> None:
    query = (
        f"/?match=any&where=user:is:u-17&where=event:is:{SCANNER}&where=category:is_not:account.models"
        "&period=custom&from=2024-01-01T00:00&to=2030-01-01T23:59&zone=Asia%2FTokyo&search=tool&limit=25"
    )
    page = visit(query)
    for name in ("match", "search", "from", "zone", "limit"):
        assert submit(form_of(page, name), {}) == query


@pytest.mark.usefixtures("people")
def test_conditions_change_without_javascript(visit: Visit, submit: Submit) -> None:
    page = visit("/?where=user:is:u-17")
    assert "open" not in page.one("details", id_="filter").attributes
    assert open_rows(page) == [("user", "is", "u-17")]
    page = visit("/?where=user:is:u-17&edit=2")
    assert open_rows(page) == [("user", "is", "u-17"), ("category", "is", "")]
    target = submit(form_of(page, "match"), {**row(1, "event", SCANNER), "do": "add"})
    assert target == f"/?where=user:is:u-17&where=event:is:{SCANNER}&edit=3"
    page = visit(target)
    assert "open" in page.one("details", id_="filter").attributes
    assert open_rows(page) == [("user", "is", "u-17"), ("event", "is", SCANNER), ("category", "is", "")]
    page = visit(target.removesuffix("&edit=3"))
    target = submit(form_of(page, "match"), {"do": "remove-0"})
    assert target == f"/?where=event:is:{SCANNER}"
    assert open_rows(visit(target))[:1] == [("event", "is", SCANNER)]
    assert submit(form_of(visit(target), "match"), {"do": "remove-0"}) == "/"


def test_filter_has_at_most_twenty_rows(visit: Visit, submit: Submit, client: Client) -> None:
    query = "/?match=any&" + "&".join(f"where=user:is:u{number}" for number in range(20))
    page = visit(f"{query}&edit=20")
    assert len(open_rows(page)) == 20
    assert submit(form_of(page, "match"), {"do": "add"}) == f"{query}&edit=20"
    assert len(open_rows(visit("/?edit=20"))) == 20
    for number in ("21", "99", "100", "0", "-1", ""):
        error = read(client.get(f"/?edit={number}"), 400)
        assert error.one("bdi").text == f"Edit: expected 1 to 20, got '{number}'"


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("typed", "user"),
    [
        ("u-18", "u-18"),
        ("Grace Hopper", "u-18"),
        (" grace HOPPER ", "u-18"),
        ("Pipeline", "app-ci"),
        ("Ada Lovelace", "u-17"),
        ("Grace", "Grace"),  # a part of a name is not a name
        ("Nobody", "Nobody"),
        ("a:b&c=d", "a:b&c=d"),
    ],
)
def test_user_can_be_typed_by_id_or_name(visit: Visit, submit: Submit, typed: str, user: str) -> None:
    target = submit(form_of(visit("/"), "match"), row(0, "user", typed))
    assert dict(parse_qsl(target.removeprefix("/?"))) == {"where": f"user:is:{user}"}


def test_ambiguous_name_selects_no_user(visit: Visit, submit: Submit, log: AuditLog) -> None:
    for actor in (
        Actor.user("u-1", "Ada"),
        Actor.user("u-2", "ada"),
        Actor.user("Grace"),
        Actor.user("u-3", "Grace"),
    ):
        fill(log, 1, actor=actor)
    form = form_of(visit("/"), "match")
    assert submit(form, row(0, "user", "Ada")) == "/?where=user:is:Ada"
    assert submit(form, row(0, "user", "Grace")) == "/?where=user:is:Grace"


def test_spaces_around_an_id_are_kept(visit: Visit, submit: Submit, log: AuditLog) -> None:
    fill(log, 1, actor=Actor.user(" u-5 ", "Spaced"))
    target = submit(form_of(visit("/"), "match"), row(0, "user", "Spaced"))
    assert target == "/?where=user:is:+u-5+"
    page = visit(target)
    assert len(ids(page)) == 1
    assert submit(form_of(page, "match"), {}) == target


def test_duplicate_condition_is_removed(visit: Visit, submit: Submit) -> None:
    page = visit("/?where=user:is:a&edit=3")
    target = submit(form_of(page, "match"), row(1, "user", "a") | row(2, "user", "a", "is_not"))
    assert target == "/?where=user:is:a&where=user:is_not:a"


UNFINISHED = {
    "category": "Choose a category, or remove this condition.",
    "event": "Choose an event, or remove this condition.",
    "user": "Enter a name or an ID, or remove this condition.",
}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        *((name, "", text) for name, text in UNFINISHED.items()),
        ("user", "   ", UNFINISHED["user"]),
        ("user", "x" * 257, "The value of user is_not is a string of 1 to 256 characters."),
        ("category", "guard", '"guard" is not a category'),
        ("event", "account.models.model_add", '"account.models.model_add" is not an event'),
    ],
)
def test_unfinished_condition_is_marked_and_not_applied(
    visit: Visit, client: Client, name: str, typed: str, message: str
) -> None:
    before = visit("/?where=user:is:u-18")
    changes = {"match": "any", **row(1, name, typed, "is_not"), **row(2, "user", "")}
    values = {**values_of(form_of(before, "match")), **changes}
    page = read(client.get(f"/filter?{urlencode(values)}"), 422)
    assert (table(page), chips(page)) == (table(before), chips(before))
    assert "open" in page.one("details", id_="filter").attributes
    kept = typed if typed.strip() else ""
    assert open_rows(page) == [("user", "is", "u-18"), (name, "is_not", kept), ("user", "is", "")]
    form = form_of(page, "match")
    assert form.one("p", role="alert").text == (
        "The filter is not applied: conditions 2 and 3 are not complete."
    )
    controls = [each for tag in ("select", "input") for each in form.all(tag, aria_invalid="true")]
    assert {each.attributes["name"] for each in controls} == {f"{name}.1", "user.2"}
    (first,) = [each for each in controls if "autofocus" in each.attributes]
    assert first.attributes["name"] == f"{name}.1"
    assert form.one("p", id_=first.attributes["aria-describedby"]).text.startswith(message)
    assert page.one("title").text == "Filter not applied · Audit Logs"


@pytest.mark.usefixtures("people")
def test_unfinished_condition_stays_while_rows_are_added(visit: Visit, client: Client) -> None:
    sent = {**values_of(form_of(visit("/?where=user:is:u-18"), "match")), **row(1, "event", "", "is_not")}
    for do, rows in (
        ("add", [("user", "is", "u-18"), ("event", "is_not", ""), ("category", "is", "")]),
        ("remove-0", [("event", "is_not", "")]),
    ):
        page = read(client.get(f"/filter?{urlencode({**sent, 'do': do})}"))
        assert open_rows(page) == rows
        assert page.all("p", class_="fault") == []
        assert list(chips(page)) == ["User is equal to Grace Hopper (u-18)"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("typed", "message", "title"),
    [
        (
            {"from": "2026-01-02T09:00", "to": "2026-01-01T09:00"},
            "The range ends before it begins: from 2026-01-02T09:00 to 2026-01-01T09:00.",
            "Time range not applied · Audit Logs",
        ),
        (
            {"from": "yesterday", "to": ""},
            "From: expected a day such as 2026-01-31",
            "Time range not applied · Audit Logs",
        ),
        (
            {"search": "ab"},
            "A search is a text of 3 to 200 characters, not 2.",
            "Search not applied · Audit Logs",
        ),
    ],
)
def test_refused_range_or_search_stays_and_is_marked(
    visit: Visit, client: Client, typed: dict[str, str], message: str, title: str
) -> None:
    before = visit("/?where=user:is:u-18")
    sent = {**values_of(form_of(before, next(iter(typed)))), **typed}
    page = read(client.get(f"/filter?{urlencode(sent)}"), 422)
    assert (table(page), chips(page)) == (table(before), chips(before))
    assert open_rows(page) == [("user", "is", "u-18")]
    form = form_of(page, next(iter(typed)))
    assert values_of(form) == sent
    marked = form.all("input", aria_invalid="true")
    assert {each.attributes["name"] for each in marked} == set(typed)
    assert ["autofocus" in each.attributes for each in marked] == [True, False][: len(typed)]
    for each in marked:
        assert form.one("p", id_=each.attributes["aria-describedby"]).text.startswith(message)
    assert ("open" in page.one("details", id_="time").attributes) == ("from" in typed)
    assert page.one("title").text == title


def test_filter_without_rows_is_cleared(visit: Visit, submit: Submit) -> None:
    form = form_of(visit("/?where=user:is:u-18"), "match")
    view = values_of(form)["view"]
    assert submit(Element("form", {"action": "/filter"}), {"view": view, "match": "any"}) == "/"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("match=all&do=remove-7", "Do: expected add, or remove- and the number of a row, got 'remove-7'"),
        ("match=all&do=apply", "Do: expected add, or remove- and the number of a row, got 'apply'"),
        ("do=add", "Match: expected all or any, got nothing"),
        *((f"{name}=+", f"{name.capitalize()} is empty") for name in ("account", "period", "zone", "limit")),
        (
            "match=all&category.0=account.models&operator.0=is",
            "A condition's field is one of category, event, user",
        ),
        ("match=all&field.0=colour&operator.0=is", "A condition's field is one of category, event, user"),
        ("match=all&field.0=user&user.0=a", "A condition's operator is one of is, is_not"),
        ("match=all&field.00=user", "The form has no field 'field.00'"),
        ("field.0=user&operator.0=is&user.0=a", "Match: expected all or any, got nothing"),
        ("from=2026-01-01", "From and to need period=custom"),
        ("period=7d&to=2026-01-01", "From and to need period=custom"),
        ("match=all&match=any", "A field of the form is given twice"),
        ("colour=red", "The form has no field 'colour'"),
        ("view=wrong", "Query: expected one of account, match, where"),
        ("limit=many", "Limit: expected 1 to 1000, got 'many'"),
        ("zone=Mars", "Zone: expected a time zone such as Europe/Berlin"),
        ("period=soon", "Period: expected one of 24h, 7d, 30d, custom, all"),
        (
            "match=all&" + "&".join(f"user.{number}=x" for number in range(200)),
            "A filter has at most 20 conditions",
        ),
    ],
    ids=lambda text: text[:40],
)
def test_invalid_form_is_refused(visit: Visit, query: str, message: str) -> None:
    page = visit(f"/filter?{query}", 400)
    assert page.one("h2").text == "Filter not understood"
    assert page.one("bdi").text.startswith(message)


def test_period_zone_search_and_page_size_change_the_view(
    visit: Visit, submit: Submit, log: AuditLog
) -> None:
    fill(log, 3)
    page = visit("/?limit=2")
    menu = page.one("details", id_="time")
    periods = {link.text: link.attributes["href"] for link in menu.all("a")}
    assert periods == {
        "Last 24 hours": "/?period=24h&limit=2",
        "Last 7 days": "/?period=7d&limit=2",
        "Last 30 days": "/?period=30d&limit=2",
        "All time": "/?limit=2",
    }
    assert [link.text for link in menu.all("a", aria_current="true")] == ["All time"]
    custom = {"from": "2026-01-01T00:00", "to": ""}
    assert submit(form_of(page, "from"), custom) == "/?period=custom&from=2026-01-01T00:00&limit=2"
    assert submit(form_of(page, "zone"), {"zone": "Asia/Tokyo"}) == "/?zone=Asia%2FTokyo&limit=2"
    assert submit(form_of(page, "search"), {"search": "  ada "}) == "/?search=ada&limit=2"
    assert submit(form_of(page, "limit"), {"limit": "50"}) == "/"
    second = visit(page.link("Older"))
    assert submit(form_of(second, "search"), {"search": "ada"}) == "/?search=ada&limit=2"  # the first page


def test_range_of_days_is_shown_as_minutes(visit: Visit) -> None:
    values = values_of(form_of(visit("/?period=custom&from=2026-01-01&to=2026-01-31"), "from"))
    assert (values["from"], values["to"]) == ("2026-01-01T00:00", "2026-01-31T23:59")


@pytest.mark.sqlite_only
def test_removed_event_stays_selected_in_the_form(
    visit: Visit, submit: Submit, log: AuditLog, tmp_path: Path
) -> None:
    insert_row(tmp_path / "audit.db", log.catalog, event="account.gone.thing_done", category="account.gone")
    page = visit("/?where=event:is:account.gone.thing_done")
    assert table(page)[0][:2] == ["account.gone.thing_done", "account.gone"]
    assert open_rows(page)[0] == ("event", "is", "account.gone.thing_done")
    assert submit(form_of(page, "match"), {}) == "/?where=event:is:account.gone.thing_done"


def test_choices_have_unique_titles(visit: Visit, log: AuditLog) -> None:
    form = form_of(visit("/"), "match")
    chosen = [option.attributes["value"] for option in form.one("select", name="event.0").all("option")]
    assert chosen[1:] == list(log.catalog.every_event)
    groups = form.one("select", name="event.0").all("optgroup")
    titles = [(group.attributes["label"], option.text) for group in groups for option in group.all("option")]
    assert len(set(titles)) == len(titles)
    categories = [
        option.attributes["value"] for option in form.one("select", name="category.0").all("option")
    ]
    assert categories[1:] == [category.key for category in log.catalog.every_category]


# --- accounts and exports -------------------------------------------------------------------------


def test_changing_the_account_clears_the_filter(visit: Visit, submit: Submit, log: AuditLog) -> None:
    fill(log, 1)
    (other,) = fill(log, 1, "globex")
    page = visit("/?where=user:is:u-17&zone=Asia/Tokyo", user="owner")
    target = submit(form_of(page, "account"), {"account": "globex"}, user="owner")
    assert target == "/?account=globex&zone=Asia%2FTokyo"
    page = visit(target, user="owner")
    assert ids(page) == [other]
    assert values_of(form_of(page, "account"))["account"] == "globex"
    (link,) = page.all("a", class_="details")
    shown = visit(link.attributes["href"], user="owner")
    assert ("Account ID", "globex") in defined(shown)
    assert shown.link("Permanent link") == f"/entries/{other}?account=globex"


def test_single_account_has_no_account_menu(visit: Visit) -> None:
    page = visit("/")
    assert page.one("p", class_="account").text == "Account acme"
    assert page.all("select", name="account") == []


def test_export_menu_needs_permission(visit: Visit, client: Client, log: AuditLog) -> None:
    fill(log, 2)
    fill(log, 1, actor=GRACE)
    assert visit("/", user="reader").all("form", method="post") == []
    assert [button.text for button in visit("/").one("form", method="post").all("button")] == [
        "Export all entries"
    ]
    form = visit("/?where=user:is:u-18&limit=1").one("form", method="post")
    lines = {}
    for button in form.all("button"):
        sent = values_of(form) | {"what": button.attributes["value"]}
        lines[button.text] = client.post(form.attributes["action"], data=sent).text.count("\n") - 1
    assert lines == {"Export all entries": 3, "Export filtered entries only": 1}


# --- empty pages and errors --------------------------------------------------------------------


def test_empty_account_has_a_message(visit: Visit, log: AuditLog) -> None:
    fill(log, 1, "globex")
    page = visit("/")
    assert page.one("section", class_="empty").one("h2").text == "Nothing recorded yet"
    assert page.all("table") == []


def test_empty_result_links_to_all_entries(visit: Visit, log: AuditLog) -> None:
    fill(log, 1)
    empty = visit("/?where=user:is:nobody&zone=Asia/Tokyo").one("section", class_="empty")
    assert empty.one("h2").text == "No matching entries"
    assert empty.link("Show all entries") == "/?zone=Asia%2FTokyo"


def test_page_after_the_last_links_back(visit: Visit, log: AuditLog) -> None:
    (last,) = fill(log, 1)
    cursor = make_cursor(uuid.UUID(last).bytes, selection_digest("acme", Filter()))
    empty = visit(f"/?after={cursor}").one("section", class_="empty")
    assert empty.one("h2").text == "No older entries"
    assert empty.link("Newest") == "/"
    assert empty.link("Newer").startswith("/?before=")


@pytest.mark.parametrize(
    ("url", "user", "status", "title", "detail"),
    [
        ("/?wher=x", "auditor", 400, "Filter not understood", "Query: expected one of account, match, where"),
        (
            "/?where=category:is:account.model",
            "auditor",
            400,
            "Filter not understood",
            '"account.model" is not a category',
        ),
        ("/?search=ab", "auditor", 400, "Filter not understood", "A search is a text of 3 to 200 characters"),
        ("/?after=x", "auditor", 400, "Filter not understood", "The cursor is invalid"),
        ("/entries/x?y=z", "auditor", 400, "Filter not understood", "Query: expected one of account"),
        ("/", "nowhere", 403, "No account", "You have access to no account's audit log."),
        (
            "/?account=globex",
            "auditor",
            404,
            "No such account",
            "You have access to no account with this id.",
        ),
        ("/entries/x", "auditor", 404, "No such entry", "This account has no entry with this id."),
        (
            f"/entries/{uuid.UUID(int=7)}",
            "auditor",
            404,
            "No such entry",
            "This account has no entry with this id.",
        ),
        ("/nothing", "auditor", 404, "Page not found", "There is nothing at this address."),
        ("/static/x.css", "auditor", 404, "Page not found", "There is nothing at this address."),
    ],
)
def test_error_page_has_a_message_and_a_link(
    visit: Visit, url: str, user: str, status: int, title: str, detail: str
) -> None:
    page = visit(url, status, user=user)
    assert page.one("h2").text == title
    assert page.one("bdi").text.startswith(detail)
    links = {link.text: link.attributes["href"] for link in page.one("main").all("a")}
    assert links == ({} if title == "No account" else {"Show all entries": "/"})
    assert page.one("title").text == f"{title} · Audit Logs"


@pytest.mark.parametrize(
    ("method", "url", "status", "title", "detail"),
    [
        ("POST", "/", 405, "Not possible here", "This address does not answer requests of this kind."),
        ("GET", "/export", 405, "Not possible here", "This address does not answer requests of this kind."),
        ("POST", "/export?format=csv", 400, "Filter not understood", "Query: there are no parameters here"),
        ("POST", "/export", 413, "Too large", "A request body has at most 8,388,608 bytes."),
    ],
)
def test_refused_request_has_a_page_in_plain_words(
    client: Client, method: str, url: str, status: int, title: str, detail: str
) -> None:
    content = b"x" * (8 * 1024 * 1024 + 1) if status == 413 else b""
    page = read(client.request(method, url, content=content), status)
    assert page.one("h2").text == title
    assert page.one("bdi").text.startswith(detail)
    assert page.link("Show all entries") == "/"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 422, 429, 500, 503])
def test_no_error_page_has_the_words_of_the_framework(
    log: AuditLog, portal: BlockingPortal, status: int
) -> None:
    def refuse(_: Request) -> None:
        raise HTTPException(status)

    page = read(Client(create_app(log, refuse), portal).get("/"), status)
    texts = [page.one("h2").text, page.one("bdi").text]
    assert HTTPStatus(status).phrase not in texts
    assert texts[1].endswith(".")
    retry = [link.text for link in page.all("a") if link.text == "Try again"]
    assert retry == (["Try again"] if status in (429, 500, 503) else [])


def test_page_without_principal_has_no_link(visit: Visit) -> None:
    page = visit("/", 401, user="nobody")
    assert page.one("h2").text == "Not signed in"
    assert [link.text for link in page.one("main").all("a")] == []


@pytest.mark.sqlite_only
def test_storage_failure_page_shows_no_path(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "audit.db").unlink()
    page = visit("/?limit=5", 503)
    assert page.one("h2").text == "Not available"
    assert "audit.db" not in page.text
    assert page.link("Try again") == "/?limit=5"


# --- one entry ------------------------------------------------------------------------------------


def metadata(page: Element) -> list[tuple[str, str]]:
    """The labels and values under the heading Metadata."""
    lists = page.one("article").all("dl")
    return defined(lists[1]) if len(lists) == 3 else []


def test_every_field_is_shown_with_its_label_in_order(visit: Visit, log: AuditLog) -> None:
    for event in log.catalog.every_event.values():
        recorded = record_system_event if event.is_system else record
        entry = recorded(log, event.key, event.example)
        page = visit(f"/entries/{entry.id}")
        assert [label for label, _ in metadata(page)] == [each.title for each in event.metadata], event.key
        assert page.one("article").one("h2").text == event.title
        shared = ("Guardrails",)  # the title of two categories
        level = f", {event.level}" if event.category_title in shared else ""
        assert page.one("p", class_="category").text == event.category_title + level
        for each in event.metadata:
            given = dict(metadata(page))[each.title]
            assert given.startswith("not given") == (each.name not in event.example)


@pytest.fixture
def show(visit: Visit, log: AuditLog) -> Callable[..., dict[str, str]]:
    """Records an event; returns the metadata that its page shows."""

    def record(key: str, values: dict[str, Any]) -> dict[str, str]:
        return dict(metadata(visit(f"/entries/{log.record_event(key, values, {'actor': ADA}).id}")))

    return record


def test_values_have_titles_units_and_yes_or_no(
    show: Callable[..., dict[str, str]],
) -> None:
    shown = show(DEPLOYED, MODEL | {"temperature": 0.5, "max_length": 256, "stop_sequence": ["a", "b b"]})
    assert shown["Model Type"] == "Open-source"
    assert (shown["Temperature"], shown["Max length"]) == ("0.5", "256 tokens")
    assert shown["Stop sequence"] == "a b b"  # two items of a list
    assert shown["Top p"] == "not given"
    values = {"tool_id": "t", "version_id": "v", "url": "https://a.example/", "access_token": "s3cret-s3cret"}
    shown = show(ASYNC, values | {"timeout": True, "timeout_value": 2.5})
    assert (shown["Timeout"].startswith("Yes"), shown["Timeout value"].startswith("2.5 seconds")) == (
        True,
        True,
    )


def test_conditional_field_shows_its_condition(show: Callable[..., dict[str, str]]) -> None:
    shown = show(ADDED, MODEL | {"deployment_name": "prod-eu"})
    assert shown["Deployment Name"] == "prod-eu only where Model Type is Open-source or Fine-tuned"
    assert shown["Connection Name"] == "not given only where Model Type is Commercial"


def test_secret_shows_its_fingerprint_only(visit: Visit, log: AuditLog) -> None:
    values = {"tool_id": "t", "version_id": "v", "url": "https://a.example/", "access_token": "s3cret-s3cret"}
    entry = log.record_event(ASYNC, values | {"timeout": False}, {"actor": ADA})
    page = visit(f"/entries/{entry.id}")
    shown = dict(metadata(page))["Access token"]
    assert shown == f"{entry.metadata['access_token']} secret: only its fingerprint is stored"
    assert shown.startswith("hkdf-sha256:k1:")
    assert "s3cret" not in page.text


def test_altered_values_are_marked(visit: Visit, log: AuditLog) -> None:
    values = MODEL | {"model_name": "a\0b", "stop_sequence": ["fine", "x" * (MAX_STRING + 1)]}
    entry = log.record_event(DEPLOYED, values, {"actor": Actor.user("u-1", "N\0")})
    shown = visit(f"/entries/{entry.id}")
    marked = [label for label, value in metadata(shown) if value.endswith("altered")]
    assert marked == ["Model Name", "Stop sequence"]
    altered = dict(defined(shown))["Altered"]
    assert {"metadata.model_name", "metadata.stop_sequence[1]", "actor.name"} <= set(altered.split())
    assert altered.endswith("sanitized, truncated or replaced before it was stored")


@pytest.mark.sqlite_only
def test_json_is_shown_as_a_tree_of_limited_size(visit: Visit, log: AuditLog, tmp_path: Path) -> None:
    deep = '{"<b>d</b>":' * 60 + '"<script>"' + "}" * 60
    numbers = ",".join(map(str, range(700)))
    stored = insert_row(
        tmp_path / "audit.db",
        log.catalog,
        level="gone",
        category="gone.things",
        event="gone.things.thing_done",
        metadata=f'{{"deep": {deep}, "wide": {{"numbers": [{numbers}], "none": null}}}}',
    )
    page = visit(f"/entries/{uuid.UUID(bytes=stored['id'])}")
    shown = dict(metadata(page))
    assert shown["deep"].endswith('<b>d</b> "<script>" not in the catalog')
    assert shown["wide"].startswith("2 values numbers 700 items 0 0 1 1 2 2")
    assert "and 202 more, in the JSON of the entry" in shown["wide"]
    assert shown["wide"].endswith("none null not in the catalog")


@pytest.mark.sqlite_only
def test_entry_of_a_removed_event_shows_its_keys(visit: Visit, log: AuditLog, tmp_path: Path) -> None:
    stored = insert_row(
        tmp_path / "audit.db",
        log.catalog,
        level="gone",
        category="gone.things",
        event="gone.things.thing_done",
        metadata='{"b_field": [1, "two"], "a_field": true, "nested": {"a": 1}}',
    )
    page = visit(f"/entries/{uuid.UUID(bytes=stored['id'])}")
    assert page.one("article").one("h2").text == "gone.things.thing_done"
    assert page.one("p", class_="category").text == "gone.things"
    assert metadata(page) == [
        ("b_field", "1 two not in the catalog"),
        ("a_field", "Yes not in the catalog"),
        ("nested", "1 value a 1 not in the catalog"),
    ]
    assert [link.text for link in page.one("span", class_="only").all("a")] == [
        "this event",
        "this category",
        "this user",
    ]
    assert len(ids(visit(page.link("this event")))) == 1
    assert len(ids(visit(page.link("this category")))) == 1


@pytest.mark.sqlite_only
def test_removed_field_comes_last(visit: Visit, log: AuditLog, tmp_path: Path) -> None:
    stored = insert_row(
        tmp_path / "audit.db", log.catalog, event=LOGIN, metadata='{"old": "x", "email_id": "a@b.example"}'
    )
    assert metadata(visit(f"/entries/{uuid.UUID(bytes=stored['id'])}")) == [
        ("Email ID", "a@b.example"),
        ("Login method", "not given"),
        ("old", "x not in the catalog"),
    ]


@pytest.fixture
def entry(log: AuditLog) -> Iterator[Entry]:
    with log.acting(ADA, ip_address="203.0.113.7"):
        yield log.record_event(LOGIN, {"email_id": "ada@example.com"}, {})


def test_entry_shows_its_envelope(visit: Visit, entry: Entry) -> None:
    page = visit(f"/entries/{entry.id}")
    shown = dict(defined(page))
    assert (shown["User Name"], shown["User ID"], shown["IP Address"]) == (
        "Ada Lovelace",
        "u-17",
        "203.0.113.7",
    )
    assert shown["Event"] == LOGIN
    assert (shown["Entry ID"], shown["Account ID"]) == (str(entry.id), "acme")
    assert shown["Catalog version"] == entry.catalog_version
    assert "Altered" not in shown
    assert page.one("title").text == "Login · Audit Logs"


def test_entry_links_back_to_its_list(visit: Visit, entry: Entry) -> None:
    query = "where=user:is:u-17&period=7d&zone=Asia%2FTokyo&limit=1"
    (link,) = visit(f"/?{query}").all("a", class_="details")
    assert link.attributes["href"] == f"/entries/{entry.id}?{query}"
    page = visit(link.attributes["href"])
    assert page.link("All matching entries") == f"/?{query}"
    assert page.link("Permanent link") == f"/entries/{entry.id}"
    assert visit(page.link("Permanent link")).link("All entries") == "/"


def test_entry_links_to_json_and_to_similar_entries(
    visit: Visit, client: Client, entry: Entry, log: AuditLog
) -> None:
    page = visit(f"/entries/{entry.id}")
    assert client.get(page.link("JSON")).json() == entry.to_json()
    assert page.one("button", class_="copy").attributes["data-json"] == page.link("JSON")
    log.record_event(SCANNER, {"tool_id": "t-4"}, {"actor": GRACE})
    log.record_event("account.login_logout.logout", {"email_id": "g@example.com"}, {"actor": GRACE})
    found = {name: len(ids(visit(page.link(f"this {name}")))) for name in ("event", "category", "user")}
    assert found == {"event": 1, "category": 2, "user": 1}


def test_entry_is_found_by_any_spelling_of_its_id(visit: Visit, entry: Entry) -> None:
    for spelling in (str(entry.id).upper(), entry.id.hex):
        assert dict(defined(visit(f"/entries/{spelling}")))["Entry ID"] == str(entry.id)


def test_page_names_its_newest_entry_for_updates(visit: Visit, log: AuditLog) -> None:
    recorded = fill(log, 3)
    news = visit("/?limit=2&period=7d").one("p", class_="news")
    assert (news.attributes["data-newest"], news.attributes["data-query"]) == (
        recorded[-1],
        "period=7d&limit=2",
    )
    later = visit(visit("/?limit=2").link("Older")).one("p", class_="news")
    assert later.attributes["data-newest"] == ""


def test_new_entries_do_not_shift_older_pages(visit: Visit, log: AuditLog) -> None:
    recorded = fill(log, 4)
    first = visit("/?limit=2")
    fill(log, 3)
    assert ids(first) + ids(visit(first.link("Older"))) == recorded[::-1]


def test_period_ends_when_its_first_page_was_shown(visit: Visit, log: AuditLog) -> None:
    for hours in (23, 25):
        moment = datetime.now(UTC) - timedelta(hours=hours)
        log.record_event(LOGIN, {"email_id": "a@example.com"}, {"actor": ADA, "occurred_at": moment})
    assert len(ids(visit("/?period=24h"))) == 1
    at = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")
    assert len(ids(visit(f"/?{urlencode({'period': '24h', 'at': at})}"))) == 2
