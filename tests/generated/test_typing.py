"""Types are behaviour: mypy --strict and pyright accept the right uses and refuse every wrong one."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.paths import ROOT
from tests.support.type_check import run_mypy

RIGHT = "tests/generated/typing/right_uses.py"
WRONG = "tests/generated/typing/wrong_uses.py"


def marked_lines() -> dict[int, str]:
    """The lines that the type checkers must flag, with the reason."""
    lines = (ROOT / WRONG).read_text("utf-8").splitlines()
    marked = {number: re.search(r"# error: (.+)$", line) for number, line in enumerate(lines, 1)}
    return {number: match[1] for number, match in marked.items() if match}


def by_mypy(*paths: str) -> dict[str, dict[int, str]]:
    """The errors of each file by line."""
    found: dict[str, dict[int, str]] = {}
    for line in run_mypy(*paths).splitlines():
        match = re.match(r"(.+?):(\d+): (error|note): (.*)", line)
        assert match, line
        if match[3] == "error":
            found.setdefault(match[1], {})[int(match[2])] = match[4]
    return found


def by_pyright(folder: Path, *paths: str) -> dict[str, dict[int, str]]:
    """The errors of each file by line. Copies are checked, because the project excludes the wrong uses."""
    for path in paths:
        shutil.copy(ROOT / path, folder)
    roots = [str(ROOT / room) for room in ("runtime", "generator", "generated")]
    config = json.dumps({"extraPaths": roots, "typeCheckingMode": "standard"})
    (folder / "pyrightconfig.json").write_text(config, "utf-8")
    command = ["pyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(paths)
    original = {Path(path).name: path for path in paths}
    found: dict[str, dict[int, str]] = {}
    for each in report["generalDiagnostics"]:
        if each["severity"] == "error":
            lines = found.setdefault(original[Path(each["file"]).name], {})
            lines[each["range"]["start"]["line"] + 1] = each["message"]
    return found


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checker_refuses_exactly_the_wrong_uses(checker: str, tmp_path: Path) -> None:
    found = by_mypy(RIGHT, WRONG) if checker == "mypy" else by_pyright(tmp_path, RIGHT, WRONG)
    assert found.get(RIGHT, {}) == {}
    assert set(found) == {WRONG}
    marked = marked_lines()
    assert len(marked) > 35
    missed = {number: what for number, what in marked.items() if number not in found[WRONG]}
    assert missed == {}
    unmarked = {number: message for number, message in found[WRONG].items() if number not in marked}
    assert unmarked == {}
