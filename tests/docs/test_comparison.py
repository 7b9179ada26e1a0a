"""docs/comparison.md: each tool of its table has a section, and its figures are those of the benchmarks."""

import re
from importlib.metadata import version

from tests.support.markdown import BENCHMARKS, prose, rows, section
from tests.support.paths import DOCS

PAGE = DOCS / "comparison.md"


def test_each_tool_has_a_section() -> None:
    tools = [row[0] for row in rows(section(PAGE, "What each is for"))]
    titles = " ".join(re.findall(r"^## (.+)$", prose(PAGE), re.MULTILINE))
    for tool in tools:
        name = tool.removeprefix("AWS ").split(" ")[0]
        assert name in titles, tool


def test_each_section_says_what_is_better_on_both_sides() -> None:
    for title in ("django-auditlog", "WorkOS Audit Logs", "GitLab's audit event types", "Weaver", "LinkML"):
        text = section(PAGE, title)
        assert text.index("Better there:") < text.index("Better in Auditwright:")


def test_the_version_is_the_current_one() -> None:
    (own, *_) = rows(section(PAGE, "What each is for"))
    assert own[0] == f"Auditwright {version('auditwright')}"


def test_the_figures_are_those_of_the_benchmarks() -> None:
    measured = {
        row[0]: row[1] for row in rows(section(BENCHMARKS, "LinkML 1.12.1, 1,000 classes of 8 attributes"))
    }
    named = re.search(r"took ([\d.]+) s of CPU, .* took ([\d.]+) s for 1,000 classes", prose(PAGE))
    assert named
    assert named.groups() == (measured["auditwright generate"], measured["the four LinkML generators"])
