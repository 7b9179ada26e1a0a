"""README.md: the first own event works as written, and the page is short and leads to all others."""

import re
from pathlib import Path

import dev
import pytest
from tests.support.markdown import OWN_PAGES, README, blocks, follow, prose, section
from tests.support.paths import ROOT

from audit_events import CATALOG


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the catalog and the generated files, like the root of a checkout."""
    for name in ("catalog", "generated"):
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = tmp_path / name / path.relative_to(ROOT / name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    return tmp_path


def test_the_first_own_event_works_as_written(checkout: Path) -> None:
    assert follow(README, checkout) == 5


def test_the_readme_has_at_most_200_lines() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 200


def test_the_readme_counts_what_the_catalog_has() -> None:
    size = f"{len(CATALOG.events)} events in {len(CATALOG.categories)} categories on two levels"
    assert size in prose(README)


def test_the_readme_leads_to_every_other_page() -> None:
    links = re.findall(r"\]\(([^)]+)\)", section(README, "Where to go on"))
    assert {ROOT / link for link in links} == set(OWN_PAGES) - {README}


def test_the_shell_commands_are_tasks_and_the_activation() -> None:
    lines = [line for block in blocks(README, "sh") for line in block.text.splitlines()]
    assert lines == ["python3 dev.py demo", "python3 dev.py test", ". .venv/bin/activate"]
    assert {"demo", "test"} <= set(dev.TASKS)
