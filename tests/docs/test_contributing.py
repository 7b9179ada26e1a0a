"""docs/contributing.md: its worked examples are applied to a copy of the checkout, and run there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import dev
from tests.support.markdown import blocks, follow
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "contributing.md"


def copy_checkout(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.db*")
    for name in ("catalog", "docs", "generated", "generator", "runtime", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "dev.py", "constraints.txt"):
        shutil.copy(ROOT / name, folder)


def test_the_worked_examples_can_be_applied_and_run(tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    assert follow(PAGE, tmp_path) == 14
    changed = set(re.findall(r"(?:file=|^--- a/)(\S+\.py)$", PAGE.read_text("utf-8"), re.MULTILINE))
    assert len(changed) >= 12
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, *sorted(changed)]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_shell_commands_are_tasks_and_the_activation() -> None:
    lines = [line for block in blocks(PAGE, "sh") for line in block.text.splitlines()]
    assert lines == ["python3 dev.py lint", ". .venv/bin/activate", "python3 dev.py lint test"]
    assert {"lint", "test"} <= set(dev.TASKS)
