"""README.md: its commands and its example work as written, and it is short and leads on.

docs/index.md, the home page of the site, has the same example.
"""

from pathlib import Path

import dev
import pytest
from tests.support.markdown import README, blocks, follow, prose
from tests.support.paths import CATALOG as FOLDER
from tests.support.paths import DOCS

from audit_events import CATALOG

HOME = DOCS / "index.md"


@pytest.mark.parametrize("page", [README, HOME], ids=["readme", "home"])
def test_the_declared_event_is_one_of_the_catalog(page: Path) -> None:
    (block,) = blocks(page, "yaml")
    category = FOLDER / "account" / "default_role.yaml"
    assert block.text in category.read_text("utf-8")


def test_the_example_records_as_written(tmp_path: Path) -> None:
    assert follow(README, tmp_path) == 2


def test_the_home_page_has_the_example_of_the_readme() -> None:
    assert [block.text for block in blocks(HOME, "python")] == [
        block.text for block in blocks(README, "python")
    ]
    assert [block.text for block in blocks(HOME, "console")] == [
        block.text for block in blocks(README, "console")
    ]


def test_the_readme_has_at_most_200_lines() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 200


def test_the_readme_counts_what_the_catalog_has() -> None:
    size = f"{len(CATALOG.events)} events in {len(CATALOG.categories)} categories on two levels"
    assert size in prose(README)


def test_the_shell_commands_are_tasks_and_the_activation() -> None:
    lines = [line for block in blocks(README, "sh") for line in block.text.splitlines()]
    assert lines == ["python3 dev.py demo", "python3 dev.py test", ". .venv/bin/activate"]
    assert {"demo", "test"} <= set(dev.TASKS)
