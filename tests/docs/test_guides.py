"""docs/guides.md and docs/index.md: every page is in one group, and the side menu has the same groups."""

import re

from tests.support.markdown import COPIED, GUIDES, README, Block, blocks, prose, section
from tests.support.paths import DOCS

PAGE, HOME = DOCS / "guides.md", DOCS / "index.md"


def groups() -> dict[str, list[str]]:
    """The pages of each group by name, as the site calls them."""
    copied = {original: name for name, original in COPIED.items()}
    found = {}
    for title in re.findall(r"^## (.+)$", prose(PAGE), re.MULTILINE):
        listed = re.findall(r"^- \[[^]]+\]\(([^)]+)\): .+\.$", section(PAGE, title), re.MULTILINE)
        paths = [(DOCS / link).resolve() for link in listed]
        found[title] = [copied.get(path, path.name).removesuffix(".md") for path in paths]
    return found


def menu(toctree: Block) -> tuple[str, list[str]]:
    """The caption and the pages of a part of the side menu."""
    options, _, pages = toctree.text.partition("\n\n")
    assert ":hidden:" in options.splitlines()
    caption = re.search(r"^:caption: (.+)$", options, re.MULTILINE)
    return caption[1] if caption else "", pages.split()


def test_every_page_is_in_exactly_one_group() -> None:
    listed = [name for names in groups().values() for name in names]
    others = [page.stem for page in GUIDES if page not in (PAGE, HOME)]
    assert sorted(listed) == sorted([*others, *(name.removesuffix(".md") for name in COPIED)])


def test_the_side_menu_has_the_groups_of_the_page() -> None:
    assert [menu(block) for block in blocks(PAGE, "{toctree}")] == list(groups().items())


def test_the_readme_leads_to_the_guides() -> None:
    assert "](docs/guides.md)" in section(README, "Where to go on")


def test_the_home_page_leads_to_reference_and_guides() -> None:
    (toctree,) = blocks(HOME, "{toctree}")
    assert menu(toctree) == ("", ["reference/index", "guides", "system/index"])


def test_the_cards_of_the_home_page_lead_to_pages() -> None:
    """A card links to a page by its name; the pages of the reference exist once the site is built."""
    links = [
        link for block in blocks(HOME) for link in re.findall(r"^:link: (\S+)$", block.text, re.MULTILINE)
    ]
    pages = {page.stem for page in GUIDES} | {"reference/index", "system/index"}
    assert len(links) >= 4
    assert set(links) <= pages
