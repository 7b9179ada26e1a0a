"""Exports and other sites in a real browser, over plain HTTP: links, forms, tabs, and no cookies."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.responses import HTMLResponse
from tests.support.browser import (
    GLOBEX,
    Site,
    Visit,
    make_browser,
    make_playwright,
    make_site,
    make_visit,
    make_visits,
    serving,
    violations,
)

from auditwright.reading.filters import Filter

from playwright.sync_api import Page, expect  # isort: skip

FIXTURES = (make_browser, make_playwright, make_site, make_visit, make_visits)
either = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])
REFUSED = "403|favicon|status of 404"
"""What a browser tells of the refusals, and of the site that has no icon."""
QUERY = "?account=globex&where=user:is:u-42"


@pytest.fixture(scope="module")
def plain(site: Site) -> str:
    """The address of the audit log at a name of its own: over plain HTTP, without Fetch Metadata."""
    return site.url.replace("127.0.0.1", "audit.example")


@pytest.fixture(scope="module")
def evil(plain: str) -> Iterator[str]:
    """The address of another site, whose page has links and forms to the audit log."""
    form = (
        '<form method="post" action="{}/export"{}><input name="what" value="all"><button>{}</button></form>'
    )
    page = "".join(
        [
            f'<a href="{plain}/api/export">Export</a>',
            f'<a href="{plain}/api/export" rel="noreferrer">Hidden export</a>',
            f'<a href="{plain}/{QUERY.replace("&", "&amp;")}">Page</a>',
            form.format(plain, "", "Form"),
            form.format(plain, ' enctype="text/plain"', "Text form"),
        ]
    )
    app = FastAPI()

    @app.get("/")
    def show() -> HTMLResponse:
        return HTMLResponse(page)

    with serving(app) as url:
        yield url.replace("127.0.0.1", "evil.example")


def opened(visit: Visit, plain: str, js: bool = True) -> Page:
    """The page of Globex, filtered, of somebody who is signed in."""
    visit.expect("Cross-Origin-Opener-Policy header has been ignored")  # it needs HTTPS
    page = visit(js=js)
    page.context.add_cookies([{"name": "who", "value": "admin", "url": plain}])
    page.goto(f"{plain}/{QUERY}")
    return page


def exports(site: Site) -> int:
    return sum(
        site.log.account(account).count(where=Filter.parse(["event:is:audit.log.exported"]))
        for account in ("acme", GLOBEX)
    )


def export(page: Page, button: str) -> bytes:
    """What the browser downloads."""
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as waited:
        page.get_by_role("button", name=button).click()
    return Path(waited.value.path()).read_bytes()


def test_another_site_exports_nothing(visit: Visit, site: Site, plain: str, evil: str) -> None:
    page = opened(visit, plain)
    before = exports(site)
    visit.expect(REFUSED)
    for name in ("Export", "Hidden export", "Form", "Text form"):
        page.goto(evil)
        with page.expect_navigation() as answer:
            page.get_by_text(name, exact=True).click()
        assert (name, answer.value.status) == (name, 403)
    assert exports(site) == before


@either
def test_tab_before_a_link_of_another_site_confirms(
    visit: Visit, site: Site, plain: str, evil: str, js: bool
) -> None:
    """With the link the browser sends no cookie, so the page sets another one."""
    visit.expect(REFUSED)
    tab = opened(visit, plain, js)
    linked = tab.context.new_page()
    linked.goto(evil)
    linked.get_by_text("Page", exact=True).click()
    assert b"Grace Hopper" in export(linked, "Export filtered entries only")

    before = exports(site)
    tab.locator("summary", has_text="Export").click()
    tab.get_by_role("button", name="Export filtered entries only").click()
    expect(tab.get_by_role("heading", name="Not exported yet")).to_be_visible()
    expect(tab.get_by_role("alert")).to_contain_text("perhaps the audit log was opened in another tab since")
    assert exports(site) == before
    if js:
        assert violations(tab) == ""
    with tab.expect_download() as waited:
        tab.get_by_role("button", name="Export filtered entries").click()
    assert b"Grace Hopper" in Path(waited.value.path()).read_bytes()
    assert exports(site) == before + 1


def test_back_and_other_tabs_export(visit: Visit, plain: str) -> None:
    page = opened(visit, plain)
    other = page.context.new_page()
    other.goto(f"{plain}/?account=globex")
    page.goto(f"{plain}/?account=globex&limit=25")
    page.go_back()
    page.wait_for_url(re.compile("where=user"))
    for each, button in ((page, "Export filtered entries only"), (other, "Export all entries")):
        assert b"Grace Hopper" in export(each, button)


@either
def test_without_cookies_the_page_says_what_to_do(visit: Visit, site: Site, plain: str, js: bool) -> None:
    """The browser keeps no cookie that the page sets; the one of the sign-in is another's."""
    page = opened(visit, plain, js)
    before = exports(site)
    visit.expect(REFUSED)
    for _ in range(2):
        page.context.clear_cookies(name="auditwright-export")
        if page.get_by_role("button", name="Export filtered entries").count() == 0:
            page.locator("summary", has_text="Export").click()
        page.locator("button[value=filtered]").click()
        expect(page.get_by_role("alert")).to_contain_text("allow cookies for this site, and export again")
    assert exports(site) == before
    page.get_by_role("link", name="Show these entries").click()
    expect(page.locator(".amount")).to_contain_text("entries")
