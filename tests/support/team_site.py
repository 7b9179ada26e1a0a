"""The site of a team: another catalog, in a folder of its own, by the commands of docs/site.md."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.command_line import CommandResult
from tests.support.markdown import blocks, commands, fits
from tests.support.paths import DOCS

GUIDE = DOCS / "site.md"
_CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
TITLE = 'Acme & Söhne: "audit" <b>events'


@dataclass(frozen=True)
class Team:
    """The folder of a team that has a catalog."""

    folder: Path

    def run(self, *arguments: str, before: Callable[[], None] | None = None) -> CommandResult:
        """Run `auditwright` in a process of its own, as Sphinx leaves traces in one."""
        done = subprocess.run(
            [sys.executable, "-m", "auditwright", *arguments],
            cwd=self.folder, env=_CLEAN, capture_output=True, text=True, timeout=120,
            start_new_session=True, preexec_fn=before,
        )  # fmt: skip
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text("utf-8")

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, "utf-8")

    def append(self, path: str, text: str) -> None:
        self.write(path, self.read(path) + text)

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert old in text
        self.write(path, text.replace(old, new))

    def times(self, folder: str) -> dict[str, int]:
        """The files of a folder with the times of their last change."""
        paths = (path for path in (self.folder / folder).rglob("*") if path.is_file())
        return {path.relative_to(self.folder / folder).as_posix(): path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="session")
def team_site(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team that has built its site by the three commands of the guide, with the output that it shows."""
    team = Team(tmp_path_factory.mktemp("team"))
    assert team.run("init", "--package", "acme_audit", "--title", TITLE).code == 0
    (block,) = blocks(GUIDE, "console")
    for command, shown in commands(block):
        done = team.run(*command.split()[1:])
        assert (done.code, done.err) == (0, ""), done.out
        assert fits(done.out, shown), done.out
    return team


@pytest.fixture
def team(team_site: Team) -> Iterator[Team]:
    """The same team; its pages and its catalog get back their content after the test."""
    paths = ("docs/conf.py", "docs/index.md", "docs/_static/brand.css", "catalog/account/projects.yaml")
    kept = {path: team_site.read(path) for path in paths}
    yield team_site
    for path, text in kept.items():
        if team_site.read(path) != text:
            team_site.write(path, text)
