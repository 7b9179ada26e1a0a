"""All pages: their blocks are of a known kind, their links lead somewhere, their tables are whole."""

import re
from pathlib import Path

import pytest
from tests.support.markdown import OWN_PAGES, PAGES, REFERENCE, blocks, cells, prose
from tests.support.paths import ROOT

LANGUAGES = {"console", "diff", "mermaid", "python", "sh", "sql", "text", "yaml"}
DIRECTIVES = {"index.md": {"{grid}"}}
"""Directives of the site by the pages that need them; a forge shows them as code."""


def path_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", OWN_PAGES, ids=path_of)
def test_every_block_is_of_a_known_kind(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES | DIRECTIVES.get(page.name, set())
    assert "```" not in prose(page), "a fence that is not closed, or of no language"


@pytest.mark.parametrize("page", OWN_PAGES, ids=path_of)
def test_every_line_is_one_sentence(page: Path) -> None:
    lines = [line for line in prose(page).splitlines() if line and line[0] not in "|#"]
    assert [line for line in lines if re.search(r"[.?!] [A-Z]", re.sub(r"`[^`]*`", "", line))] == []
    assert [line for line in lines if not re.search(r"[.:?!)]$", line)] == []


def test_node_names_of_the_pictures_are_no_mermaid_keywords() -> None:
    pictures = [block.text for page in OWN_PAGES for block in blocks(page, "mermaid")]
    assert len(pictures) == 2
    names = {name for picture in pictures for name in re.findall(r"(\w+)[\[(]+\"", picture)}
    assert len(names) > 15
    assert names & {"call", "class", "click", "default", "end", "graph", "href", "style", "subgraph"} == set()


def anchors(page: Path) -> set[str]:
    """What a link into a page can name: explicit anchors, and headings as GitHub slugs them."""
    found: set[str] = set(re.findall(r'<a id="([^"]+)">', page.read_text("utf-8")))
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = 1
        unique = slug
        while unique in found:
            unique, number = f"{slug}-{number}", number + 1
        found.add(unique)
    return found


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`]*`", "", prose(page))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert "://" not in target, f"{target}: our pages link to nothing outside"
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def test_anchors_of_the_reference_are_unique() -> None:
    for page in REFERENCE:
        found = re.findall(r'<a id="([^"]+)">', page.read_text("utf-8"))
        assert len(found) == len(set(found))


@pytest.mark.parametrize("page", PAGES, ids=path_of)
def test_all_rows_of_a_table_have_equally_many_cells(page: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", prose(page), re.MULTILINE):
        assert len({len(cells(line)) for line in table.splitlines()}) == 1, table
