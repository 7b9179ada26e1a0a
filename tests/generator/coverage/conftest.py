"""A folder with the small catalog, and a way to run `coverage` there."""

from pathlib import Path
from typing import Any

import pytest
from tests.generator.coverage.sample_code import CATALOG, Found, write
from tests.generator.run_command import run

from auditwright_generator.cli import coverage as command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the catalog in it."""
    write(tmp_path / "catalog", CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDITWRIGHT_CATALOG_DIR", raising=False)
    return tmp_path


@pytest.fixture
def cover(here: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def covered(sources: str | dict[str, str], *options: str) -> Found:
        write(here / "src", {"a.py": sources} if isinstance(sources, str) else sources)
        code = run(command, "src", "--format", "json", *options)
        return Found(code, capsys.readouterr().out)

    return covered
