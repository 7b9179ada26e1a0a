"""docs/ as the site of this repository: it is built once, from a copy of what it is made of."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

import pytest
from tests.support.markdown import COPIED, GUIDES, REFERENCE, REFERENCE_FOLDER, blocks
from tests.support.paths import DOCS, ROOT
from tests.support.sphinx_site import build_once, build_site

from auditwright_generator.site.html_check import check_site

FOLDERS = ("catalog", "docs", "generated", "runtime/catalog", "tests/benchmarks")
PARTS = (*FOLDERS, "CHANGELOG.md", "README.md")


@dataclass(frozen=True)
class Site:
    """A built site."""

    folder: Path
    pages: dict[str, str]
    """Path of each page in the folder -> its HTML."""


def build(checkout: Path) -> None:
    """Build the site of a copy of this checkout, without a warning."""
    for name in PARTS:
        (checkout / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, checkout / name)
    build_site(checkout / "docs", checkout / "build" / "site")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of this repository."""
    folder = build_once(tmp_path_factory, "own_site", build) / "build" / "site"
    html = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    return Site(folder, {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in html})


def test_links_resources_and_sizes_are_right(site: Site) -> None:
    assert check_site(site.folder) == []


def test_every_page_of_the_repository_is_on_the_site(site: Site) -> None:
    guides = {page.name for page in GUIDES} | set(COPIED)
    reference = {f"reference/{page.relative_to(REFERENCE_FOLDER).as_posix()}" for page in REFERENCE}
    assert {path.replace(".md", ".html") for path in guides | reference} - set(site.pages) == set()


def test_every_page_is_reached_through_the_navigation(site: Site) -> None:
    """From the home page, by links in the navigation alone."""
    reached, ahead = {"index.html"}, ["index.html"]
    while ahead:
        page = ahead.pop()
        new = set(_targets(page, _navigation(site.pages[page]))) & set(site.pages) - reached
        reached |= new
        ahead += new
    assert set(site.pages) - reached == {"search.html"}


def _navigation(html: str) -> str:
    return "".join(re.findall(r"<nav\b.*?</nav>", html, re.DOTALL))


def _targets(page: str, html: str) -> Iterator[str]:
    for link in re.findall(r'<a [^>]*href="([^"#]+)', html):
        if not urlsplit(link).netloc:
            yield normpath(join(dirname(page), unquote(link)))


def test_a_diagram_is_a_picture_and_not_its_source(site: Site) -> None:
    assert [path for path, html in site.pages.items() if "flowchart TB" in html] == []
    assert site.pages["architecture.html"].count('<div class="diagram"><svg') == 1


def test_a_block_for_a_file_shows_its_name(site: Site) -> None:
    caption = '<div class="code-block-caption"><span class="caption-text">([^<]+)</span>'
    names = re.findall(caption, site.pages["changes.html"])
    files = [block.use.partition("=")[2] for block in blocks(DOCS / "changes.md") if "=" in block.use]
    assert names == files
    assert len(files) >= 3


def test_pictures_have_alternative_texts(site: Site) -> None:
    count = 0
    for path, html in site.pages.items():
        images = re.findall("<img [^>]*>", html.partition("<article")[2].partition("</article>")[0])
        assert [image for image in images if not re.search('alt="[^"]{20,}"', image)] == [], path
        count += len(images)
    assert count >= 6


def test_configuration_stays_small() -> None:
    lines = (DOCS / "conf.py").read_text("utf-8").splitlines()
    assert len(lines) <= 60


def test_git_ignores_what_the_site_copies() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    copied = [f"/docs/{name}" for name in (*COPIED, "reference/", "system/")]
    assert set(copied) - set(ignored) == set()
