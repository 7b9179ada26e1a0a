"""docs/database.md: its SQLite commands run as written, and its figures and roles match the code."""

import re
from pathlib import Path

from tests.support.markdown import blocks, follow, rows, section
from tests.support.paths import ROOT

from auditwright.commands.database import ACTIONS
from auditwright.storage.base import MAX_NAMES
from auditwright.storage.postgresql.retention import LOCK_SECONDS
from auditwright.storage.postgresql.roles import KNOWN, Roles
from auditwright.storage.postgresql.schema import AHEAD, MINIMUM
from auditwright.storage.sqlite import retention as sqlite_retention

GUIDE = ROOT / "docs" / "database.md"


def test_its_commands_run_as_written(tmp_path: Path) -> None:
    (tmp_path / "generated").symlink_to(ROOT / "generated")
    assert follow(GUIDE, tmp_path) == 8


def test_it_names_every_action() -> None:
    text = "".join(block.text for block in blocks(GUIDE))
    assert set(re.findall(r"auditwright database (\w+)", text)) == set(ACTIONS)


def test_its_figures_are_those_of_the_code() -> None:
    text = GUIDE.read_text("utf-8")
    assert f"PostgreSQL, version {MINIMUM} or newer" in text
    assert AHEAD == 3
    assert "made three months ahead" in text
    assert LOCK_SECONDS == 5
    assert "after five seconds it gives up" in text
    assert f"batches of {sqlite_retention.BATCH:,}" in text
    assert f"{MAX_NAMES} names are kept" in text


def test_its_roles_are_those_of_the_code() -> None:
    table = rows(section(GUIDE, "Roles"))
    roles = Roles()
    assert [row[0].strip("`") for row in table] == [roles.owner, roles.writer, roles.reader]
    assert re.findall(r"`(\w+)`", table[1][1]) == list(KNOWN)
