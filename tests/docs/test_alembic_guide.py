"""docs/alembic.md: its env.py migrates an application beside the log, with the real commands."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import USUAL, Database, open_log
from tests.support.markdown import blocks, follow, run
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "alembic.md"


def operations(folder: Path) -> list[tuple[str, str]]:
    """What the newest migration does on the way up."""
    newest = max((folder / "migrations" / "versions").glob("*.py"), key=os.path.getmtime)
    upgrade = newest.read_text("utf-8").partition("def upgrade")[2].partition("def downgrade")[0]
    found: list[tuple[str, str]] = re.findall(r"op\.(\w+)\('(\w+)'", upgrade.replace('"', "'"))
    return found


def test_env_py_migrates_only_the_application(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_log(database).close()
    monkeypatch.setenv("DATABASE_URL", database.sqlalchemy_url)
    monkeypatch.setenv("PGOPTIONS", USUAL)
    folder = tmp_path / "service"
    folder.mkdir()
    for name in ("generated", "runtime"):
        (folder / name).symlink_to(ROOT / name)
    assert follow(PAGE, folder) == 5
    assert operations(folder) == [("create_table", "scanner")]

    # The application changes, and imports the tables of the log.
    models = (folder / "models.py").read_text("utf-8")
    level = "    level: str | None = Field(sa_type=Text)\n"
    (folder / "models.py").write_text(f"import audit_events.tables\n{models}{level}")
    done = run("alembic revision --autogenerate -m levels && alembic upgrade head --sql", folder)
    assert done.returncode == 0, done.stderr
    assert operations(folder) == [("add_column", "scanner")]
    assert "ALTER TABLE scanner ADD COLUMN level TEXT" in done.stdout
    assert "audit" not in done.stdout
    assert database.rows("SELECT count(*) FROM audit_entry") == [(0,)]


def test_hooks_of_the_application_decide_the_rest() -> None:
    [block] = [block for block in blocks(PAGE, "python") if not block.use]
    names: dict[str, Any] = {}
    exec(block.text, names)
    hook = names["options"]["include_name"]
    asked = [
        hook(name, "table", {"schema_name": None}) for name in ("celery_taskmeta", "scanner", "audit_user")
    ]
    assert asked == [False, True, False]
