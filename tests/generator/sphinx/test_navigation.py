"""Toctrees that are written by hand: in comments, with options, and never twice in the navigation."""

from pathlib import Path

import pytest

from auditwright_generator.sphinx.navigation import add_toctree
from auditwright_generator.sphinx.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with two pages from elsewhere, and no reference."""
    pages = {name: tmp_path.parent / name for name in ("changelog.md", "language.md")}
    return Site(tmp_path, tmp_path, "", "developer", (), pages)


def test_comment_becomes_a_hidden_toctree(site: Site) -> None:
    text = "# Guides\n\n<!-- toctree\n:caption: Start\n\nstart\nThe language <language>\n-->\n"
    shown = add_toctree(site, "guides", text)
    assert "<!--" not in shown
    options, entries = shown.partition("```{toctree}\n")[2].removesuffix("```\n\n").split("\n\n")[:2]
    assert {":hidden:", ":caption: Start"} <= set(options.splitlines())
    assert entries.removesuffix("\n```").splitlines() == ["start", "The language <language>"]


def test_root_lists_the_pages_that_no_guide_lists(site: Site) -> None:
    assert "\n/changelog\n/language\n" in add_toctree(site, "index", "# Acme\n")
    (site.folder / "guides.md").write_text("# Guides\n\n<!-- toctree\n:caption: More\n\nlanguage\n-->\n")
    assert "/language" not in add_toctree(site, "index", "# Acme\n")


@pytest.mark.parametrize("entry", ["changelog", "/changelog", "changelog.md", "News </changelog>"])
def test_page_is_listed_once_however_it_is_written(site: Site, entry: str) -> None:
    (site.folder / "guides.md").write_text(f"# Guides\n\n```{{toctree}}\n{entry}\n```\n")
    assert "changelog" not in add_toctree(site, "index", "# Acme\n")
