"""The hooks for pre-commit: their entries run in a team's repository, for the files that they are about."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.support.paths import ROOT

from auditwright_generator.checks.explanations import BASE

HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a small catalog and its generated files, all of it staged."""
    for path, text in BASE.items():
        (tmp_path / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "catalog" / path).write_text(text, "utf-8")
    assert run("auditwright generate", tmp_path).returncode == 0
    for command in ("init -q", "add -A"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


def run(entry: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an entry as pre-commit does: in the root of the repository, without a shell and without files."""
    program, *arguments = shlex.split(entry)
    assert program == "auditwright"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=folder, env=variables, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_hooks_bring_the_extra_of_the_generator() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "generator" in project["optional-dependencies"]
    assert list(HOOKS) == ["auditwright-check", "auditwright-generate-check"]
    for hook in HOOKS.values():
        assert set(hook) - {"id", "name", "description", "entry", "files"} == {
            *("language", "additional_dependencies", "pass_filenames"),
        }
        assert (hook["language"], hook["pass_filenames"]) == ("python", False)
        assert hook["additional_dependencies"] == [".[generator]"]


@pytest.mark.parametrize(
    ("path", "hooks"),
    [
        ("catalog/catalog.yaml", ["auditwright-check", "auditwright-generate-check"]),
        ("catalog/workspace/boards.yml", ["auditwright-check", "auditwright-generate-check"]),
        ("generated/docs/index.md", ["auditwright-generate-check"]),
        ("catalog/README.md", ["auditwright-generate-check"]),
        ("src/catalog/models.py", []),
        ("src/service.py", []),
    ],
)
def test_the_hooks_run_for_files_of_the_catalog(path: str, hooks: list[str]) -> None:
    assert [name for name, hook in HOOKS.items() if re.search(hook["files"], path)] == hooks


def test_the_hooks_pass_what_is_current(repository: Path) -> None:
    for hook in HOOKS.values():
        done = run(hook["entry"], repository)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_hook_takes_a_baseline_as_an_argument(repository: Path) -> None:
    path = repository / "catalog" / "fields.yaml"
    path.write_text(path.read_text("utf-8").replace("title: Guest", "title: Guest."), "utf-8")
    entry, file = HOOKS["auditwright-check"]["entry"], "catalog/baseline.json"
    assert run(entry, repository).returncode == 1
    assert run(f"{entry} --write-baseline {file}", repository).returncode == 0
    assert run(f"{entry} --baseline {file}", repository).returncode == 0


def test_the_hooks_stop_a_commit_with_a_mistake(repository: Path) -> None:
    path = repository / "catalog" / "workspace" / "boards.yaml"
    path.write_text(path.read_text("utf-8").replace("title: Board deleted", "title: Board removed"), "utf-8")
    assert run(HOOKS["auditwright-check"]["entry"], repository).returncode == 0
    done = run(HOOKS["auditwright-generate-check"]["entry"], repository)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "not current; run `auditwright generate`")
    path.write_text(path.read_text("utf-8").replace("title: Boards", "titel: Boards"), "utf-8")
    done = run(HOOKS["auditwright-check"]["entry"], repository)
    assert done.returncode == 1
    assert "catalog/workspace/boards.yaml:2:1: error AC003 unknown-key: " in done.stdout
