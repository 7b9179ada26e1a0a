"""docs/pictures: each diagram is as new as its Mermaid block, and every picture is small and shown."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.pictures.sources import PICTURES, digest, name_of, sources
from tests.support.markdown import OWN_PAGES

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = sorted(PICTURES.glob("*.svg"))
SCREENSHOTS = sorted(PICTURES.glob("*.webp"))


def test_each_block_has_its_current_picture() -> None:
    held = {path.stem: re.findall('data-source="([^"]*)"', path.read_text("utf-8")) for path in DRAWN}
    wanted = {name_of(source): [digest(source)] for source in sources()}
    assert held == wanted, "run `python -m tests.pictures diagrams`"


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_a_diagram_is_text_with_a_title_and_a_description(path: Path) -> None:
    root = ElementTree.parse(path).getroot()  # noqa: S314 - made by the project's own tools
    assert root.get("role") == "img"
    labels = [root.get(name, "") for name in ("aria-labelledby", "aria-describedby")]
    texts = {each.get("id"): each.text or "" for each in root if each.tag in (f"{SVG}title", f"{SVG}desc")}
    assert list(texts) == labels
    assert all(len(text) > 10 for text in texts.values())
    assert len(list(root.iter(f"{SVG}text"))) > 5


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_a_diagram_asks_for_nothing_and_runs_nothing(path: Path) -> None:
    tags = {each.tag for each in ElementTree.parse(path).iter()}  # noqa: S314 - made by the project's own tools
    assert tags & {f"{SVG}{name}" for name in ("script", "foreignObject", "image", "use", "a")} == set()


def test_pictures_are_small() -> None:
    assert len(DRAWN) > 0
    assert len(SCREENSHOTS) >= 5
    assert [path.name for path in DRAWN if path.stat().st_size > 60_000] == []
    assert [path.name for path in SCREENSHOTS if path.stat().st_size > 80_000] == []


def test_each_screenshot_is_shown_with_a_text() -> None:
    shown = [
        (name, text)
        for page in OWN_PAGES
        for text, name in re.findall(r"!\[([^\]]*)\]\(pictures/([^)]+)\)", page.read_text("utf-8"))
    ]
    assert {name for name, _ in shown} == {path.name for path in SCREENSHOTS}
    assert [name for name, text in shown if len(text) < 20] == []
