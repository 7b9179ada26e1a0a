"""docs/start.md, followed in an empty folder, up to the entry on the page.

Its installs are those of docs/adopt.md, whose test runs them; here the packages are on Python's path.
"""

import subprocess
from pathlib import Path

import httpx
import pytest
from tests.runtime.commands.test_serve import serving
from tests.support.markdown import blocks, commands, follow, prose
from tests.support.markdown import run as run_on_path
from tests.support.paths import DOCS

PAGE = DOCS / "start.md"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as if acme_audit were the one catalog that is installed."""
    if command.startswith("pip install"):
        assert (folder / command.rpartition(" ")[2] / "pyproject.toml").is_file()
        return subprocess.CompletedProcess(command, 0, "", "")
    return run_on_path(f"AUDITWRIGHT_CATALOG=acme_audit {command}", folder)


def test_a_new_catalog_records_and_shows_its_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, serve = (block.text.split() for block in blocks(PAGE, "sh"))
    assert follow(PAGE, tmp_path, run=run) == 8
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "generated"))
    monkeypatch.setenv("AUDITWRIGHT_CATALOG", "acme_audit")
    with serving(tmp_path, *serve[1:], "--port", "0") as served:
        page = httpx.get(served.url).text
    assert "Ada Lovelace renamed project Website to Shop." in page
    assert "Project renamed" in page


def test_the_installs_are_those_of_the_longer_guide() -> None:
    install = blocks(PAGE, "sh")[0].text.splitlines()
    longer = [command for command, _ in commands(blocks(DOCS / "adopt.md", "console")[0])]
    assert install == longer


def test_the_address_is_the_default_of_serve() -> None:
    from auditwright.commands.serve import LOOPBACK, PORT

    assert f"`http://{LOOPBACK}:{PORT}/`" in prose(PAGE)
