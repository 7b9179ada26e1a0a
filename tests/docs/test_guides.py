"""docs/guides.md and docs/index.md: every page is in one group, and the side menu has the same groups."""

import re
from pathlib import Path

from tests.support.markdown import COPIED, GUIDES, README, blocks, prose, section
from tests.support.paths import DOCS

PAGE, HOME = DOCS / "guides.md", DOCS / "index.md"


def groups() -> dict[str, list[str]]:
    """The pages of each group by name, as the site calls them."""
    copied = {original: name for name, original in COPIED.items()}
    found = {}
    for title in re.findall(r"^## (.+)$", prose(PAGE), re.MULTILINE):
        listed = re.findall(r"^- \[[^]]+\]\(([^)]+)\): .+\.$", section(PAGE, title), re.MULTILINE)
        paths = [(DOCS / link).resolve() for link in listed]
        found[title] = [(copied.get(path) or path.name).removesuffix(".md") for path in paths]
    return found


def menu(page: Path) -> list[tuple[str, list[str]]]:
    """The captions and pages of a page's part of the side menu, which stands in comments."""
    found = []
    for text in re.findall(r"^<!-- toctree\n(.*?)-->$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        lines = text.split("\n")
        captions = [line.removeprefix(":caption: ") for line in lines if line.startswith(":caption: ")]
        found.append(("".join(captions), [line for line in lines if line and not line.startswith(":")]))
    return found


def test_every_page_is_in_exactly_one_group() -> None:
    listed = [name for names in groups().values() for name in names]
    others = [page.stem for page in GUIDES if page not in (PAGE, HOME)]
    assert sorted(listed) == sorted([*others, *(name.removesuffix(".md") for name in COPIED)])


def test_the_side_menu_has_the_groups_of_the_page() -> None:
    named = [(caption, [re.sub(r".*<(.+)>", r"\1", page) for page in pages]) for caption, pages in menu(PAGE)]
    assert named == list(groups().items())


def test_the_readme_leads_to_the_guides() -> None:
    assert "](docs/guides.md)" in section(README, "Where to go on")


def test_the_home_page_leads_to_reference_and_guides() -> None:
    assert menu(HOME) == [("", ["Reference </reference/index>", "guides", "System events </system/index>"])]


def test_the_cards_of_the_home_page_lead_to_pages() -> None:
    """A card links to a page by its name; the pages of the reference exist once the site is built."""
    links = [
        link for block in blocks(HOME) for link in re.findall(r"^:link: (\S+)$", block.text, re.MULTILINE)
    ]
    pages = {page.stem for page in GUIDES} | {"reference/index", "system/index"}
    assert len(links) >= 4
    assert set(links) <= pages
