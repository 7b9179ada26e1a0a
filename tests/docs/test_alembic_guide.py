"""docs/alembic.md: its env.py migrates an application beside the log, with the real commands."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import USUAL, Database, SQLiteDatabase, open_log
from tests.support.markdown import blocks, follow, run
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "alembic.md"


def operations(folder: Path) -> list[tuple[str, str]]:
    """What the newest migration does on the way up."""
    newest = max((folder / "migrations" / "versions").glob("*.py"), key=os.path.getmtime)
    upgrade = newest.read_text("utf-8").partition("def upgrade")[2].partition("def downgrade")[0]
    found: list[tuple[str, str]] = re.findall(r"op\.(\w+)\('(\w+)'", upgrade.replace('"', "'"))
    return found


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an application."""
    monkeypatch.setenv("PGOPTIONS", USUAL)
    folder = tmp_path / "service"
    folder.mkdir()
    for name in ("generated", "runtime"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_env_py_migrates_only_the_application(
    other_database: Database, service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: Database = SQLiteDatabase(service / "service.db")  # the page's own
    if other_database.engine == "postgresql":
        stored = other_database
        open_log(stored).close()
        monkeypatch.setenv("DATABASE_URL", stored.sqlalchemy_url)
    assert follow(PAGE, service) == 5
    assert operations(service) == [("create_table", "scanner")]
    assert stored.rows("SELECT count(*) FROM audit_entry, scanner") == [(0,)]
    if stored.engine == "postgresql":
        return

    # The application changes, and imports the tables of the log.
    models = (service / "models.py").read_text("utf-8")
    level = "    level: str | None = Field(sa_type=Text)\n"
    (service / "models.py").write_text(f"import audit_events.tables\n{models}{level}")
    done = run("alembic revision --autogenerate -m levels && alembic upgrade head --sql", service)
    assert done.returncode == 0, done.stderr
    assert operations(service) == [("add_column", "scanner")]
    assert "ALTER TABLE scanner ADD COLUMN level TEXT" in done.stdout
    assert "audit" not in done.stdout


def test_hooks_of_the_application_decide_the_rest() -> None:
    [block] = [block for block in blocks(PAGE, "python") if not block.use]
    names: dict[str, Any] = {}
    exec(block.text, names)
    hook = names["options"]["include_name"]
    asked = [
        hook(name, "table", {"schema_name": None}) for name in ("celery_taskmeta", "scanner", "audit_user")
    ]
    assert asked == [False, True, False]
