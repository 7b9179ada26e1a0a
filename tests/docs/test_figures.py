"""Figures of speed and size: in a section that links to the benchmarks, each is one of the benchmarks."""

import re
from pathlib import Path

import pytest
from tests.benchmarks.__main__ import NAMES, OTHERS
from tests.support.markdown import GUIDES, README, prose, rows, section
from tests.support.paths import DOCS, ROOT

BENCHMARKS = ROOT / "tests" / "benchmarks" / "README.md"
UNIT = r"(?:us|ms|s|bytes|KiB|MiB|GiB|MB|GB|(?:entries|rows|pages|requests|events) a second|times)\b"
FIGURE = re.compile(rf"(?<![\d.,])(\d[\d,]*(?:\.\d+)?)(?: (?:and|or|to) (\d[\d,]*(?:\.\d+)?))? {UNIT}")
"""A number, or two, and a unit: `0.36 ms`, `415 and 450 entries a second`."""


def figures(text: str) -> set[str]:
    """The numbers that have a unit of speed or size."""
    return {number for found in FIGURE.findall(text) for number in found if number}


def sections(page: Path) -> list[str]:
    """The sections of a page that link to the benchmarks."""
    parts = re.split(r"^#+ ", prose(page), flags=re.MULTILINE)
    return [part for part in parts if "benchmarks/README.md" in part]


@pytest.mark.parametrize("page", [README, *GUIDES], ids=lambda page: page.name)
def test_figures_of_the_benchmarks_are_found_there(page: Path) -> None:
    text = BENCHMARKS.read_text("utf-8")
    missing = [
        figure
        for part in sections(page)
        for figure in sorted(figures(part))
        if not re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.,]*\d)", text)
    ]
    assert missing == []


def test_sizing_names_figures_of_both_engines() -> None:
    (sizing,) = sections(DOCS / "operate.md")
    assert figures(sizing) >= {"582", "726", "18,954", "17,889", "2.64", "1.91", "7.6", "9.5"}


def days() -> set[tuple[str, str]]:
    """The commands of the benchmarks, each with the day of its figures."""
    return {(command, day) for _, command, day in rows(section(BENCHMARKS, "Commands and days"))}


def test_each_benchmark_has_the_day_of_its_figures() -> None:
    known = {*NAMES, *OTHERS} - {"postgresql"}  # its figures are not in the page
    assert {command.strip("`").split()[0] for command, _ in days()} == known
    assert all(re.fullmatch(r"2\d{3}-\d\d-\d\d", day) for _, day in days())


@pytest.mark.parametrize(
    ("page", "title"), [("operate.md", "Sizing"), ("scale.md", "When one PostgreSQL is enough")]
)
def test_figures_have_a_command_and_the_day_it_ran(page: str, title: str) -> None:
    text = section(DOCS / page, title)
    found = {(command, day) for *_, command, day in rows(text)}
    found |= {(f"`{command}`", day) for command, day in re.findall(r"\(`([^`]+)`, (2[-\d]+)\)", text)}
    assert found
    assert found - days() == set()


def test_every_way_to_write_a_figure_is_seen() -> None:
    text = "It takes 0.36 ms, 2.8 to 4.1 us or 498 bytes; 1,047 and 1,628 entries a second in 3 s, 30 rows."
    assert figures(text) == {"0.36", "2.8", "4.1", "498", "1,047", "1,628", "3"}
