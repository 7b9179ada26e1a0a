"""The site of the sample catalog, as plain Sphinx builds it."""

import re
from pathlib import Path

from tests.support.site_fixtures import text_of


def html(site: Path, page: str) -> str:
    return (site / page).read_text("utf-8")


def article(site: Path, page: str) -> str:
    """The content of a page, without menus."""
    found = re.search(r"<article.*?</article>", html(site, page), re.DOTALL)
    assert found
    return found[0]


def test_anchor_of_an_event_is_its_section(sample_site: Path) -> None:
    page = article(sample_site, "reference/account/models.html")
    assert '<section id="model_added">' in page
    assert "<a id=" not in page


def test_links_between_pages_lead_to_events(sample_site: Path) -> None:
    page = article(sample_site, "guides/look.html")
    assert 'href="../reference/account/models.html#model_added"' in page
    assert 'href="../system/index.html"' in page
    assert '<td><a href="../reference/account/roles.html#role_changed">Role changed</a></td>' in page


def test_link_from_a_single_page_fits_its_place(sample_site: Path) -> None:
    assert 'href="guides/look.html"' in article(sample_site, "changelog.html")


def test_notice_and_breadcrumb_of_the_forge_are_gone(sample_site: Path) -> None:
    page = text_of(article(sample_site, "reference/account/models.html"))
    assert "DO NOT EDIT" not in page
    assert "›" not in page


def test_side_menu_lists_the_catalog(sample_site: Path) -> None:
    menu = html(sample_site, "reference/index.html").partition("<article")[0]
    for page in ("account/models.html", "tool/guardrails.html", "json_schema.html"):
        assert f'href="{page}"' in menu


def test_root_lists_references_and_pages(sample_site: Path) -> None:
    menu = html(sample_site, "index.html")
    for page in ("reference/index.html", "system/index.html", "changelog.html", "guides/look.html"):
        assert f'href="{page}"' in menu


def test_every_page_is_below_300_kilobytes(sample_site: Path) -> None:
    pages = list(sample_site.rglob("*.html"))
    assert len(pages) > 25
    assert [page for page in pages if page.stat().st_size > 300_000] == []


def test_no_page_asks_another_host(sample_site: Path) -> None:
    for page in sample_site.rglob("*.html"):
        assert (
            re.findall(
                r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//[^"]+',
                html(sample_site, page.as_posix()),
            )
            == []
        )
