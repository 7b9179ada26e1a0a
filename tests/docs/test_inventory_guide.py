"""docs/inventory.md: its catalog is clean, its programs print what it shows, and its table is generated."""

from pathlib import Path

from tests.support.markdown import follow, rows, run, section
from tests.support.paths import DOCS
from tests.support.rendered import rows_below

PAGE = DOCS / "inventory.md"


def test_the_inventory_is_what_the_guide_shows(tmp_path: Path) -> None:
    assert follow(PAGE, tmp_path) == 4
    page = (tmp_path / "generated" / "docs" / "inventory.md").read_text("utf-8")
    assert list(rows_below(page, "Controls")) == rows(section(PAGE, "Read the inventory"))
    done = run("auditwright events --format json", tmp_path)
    assert '"runbook": "https://runbooks.example.com/boards"' in done.stdout
