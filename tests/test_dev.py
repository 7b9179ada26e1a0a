"""`dev.py` runs on a bare Python, and the pins are complete and name no host."""

import ast
import os
import py_compile
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import dev
import pytest
from tests.support.paths import ROOT

PINS = (ROOT / "constraints.txt").read_text("utf-8").splitlines()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "dev.py"), *arguments],
        cwd=ROOT.parent, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_imports_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text("utf-8"), feature_version=(3, 11))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_compiles(tmp_path: Path) -> None:
    py_compile.compile(str(ROOT / "dev.py"), cfile=str(tmp_path / "dev.pyc"), doraise=True)


@pytest.mark.parametrize("arguments", [(), ("tset",), ("demo", "tset"), ("--", "test")])
def test_an_unknown_task_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", dev.usage())


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_lists_the_tasks(word: str) -> None:
    done = run(word)
    assert (done.returncode, done.stdout, done.stderr) == (0, dev.usage(), "")
    _, listed, ci = dev.usage().split("\n\n")
    assert [line.split()[0] for line in listed.splitlines()] == list(dev.TASKS)
    assert list(dev.TASKS)[:2] == ["demo", "test"]
    assert ci == "`python3 dev.py lint test` runs what CI runs.\n"


def test_a_failing_task_ends_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "set_up", lambda: None)
    monkeypatch.setattr(dev, "BIN", Path(sys.executable).parent)
    monkeypatch.setitem(dev.TASKS, "fail", ("", [[Path(sys.executable).name, "-c"]]))
    assert dev.main(["fail", "--", "raise SystemExit(7)"]) == 7


def test_tasks_run_in_the_order_given(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "set_up", lambda: None)
    monkeypatch.setattr(dev, "BIN", Path(sys.executable).parent)
    for name in ("first", "second"):
        task = [Path(sys.executable).name, "-c", f"import sys; print({name!r}, *sys.argv[1:])"]
        monkeypatch.setitem(dev.TASKS, name, ("", [task]))
    assert dev.main(["second", "first", "--", "more"]) == 0
    assert capfd.readouterr().out == "second\nfirst more\n"


def test_tasks_cache_the_bytecode(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(dev, "set_up", lambda: None)
    monkeypatch.setattr(dev, "BIN", Path(sys.executable).parent)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    show = "import sys; print(sys.dont_write_bytecode)"
    monkeypatch.setitem(dev.TASKS, "show", ("", [[Path(sys.executable).name, "-c", show]]))
    assert dev.main(["show"]) == 0
    assert capfd.readouterr().out == "False\n"


@pytest.mark.parametrize(("task", "how"), [("demo", []), ("lint", ["--check"])])
def test_demo_and_lint_cover_both_catalogs(task: str, how: list[str]) -> None:
    generate = ["auditwright", "generate"]
    own = ["--catalog", "runtime/catalog", "--out", "generated/runtime"]
    commands = [command for command in dev.TASKS[task][1] if command[:2] == generate]
    assert commands == [[*generate, *how], [*generate, *own, *how]]


def test_environment_outlives_a_new_version_of_the_catalog(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    assert dev.installed_as() == b""
    path = tmp_path / "generated" / "pyproject.toml"
    path.parent.mkdir()
    text = (ROOT / "generated" / "pyproject.toml").read_text("utf-8")
    path.write_text(text, "utf-8")
    before = dev.installed_as()
    raised = re.sub(r'(?m)^(version|description) = ".*"$', r'\1 = "9.9.9"', text)
    assert raised != text
    path.write_text(raised, "utf-8")
    assert dev.installed_as() == before
    path.write_text(text.replace("audit_events", "other_events"), "utf-8")
    assert dev.installed_as() != before


def requirements() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = (
        project["build-system"]["requires"],
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    )
    return {re.split(r"[^A-Za-z0-9-]", each)[0]: each for group in groups for each in group}


def test_every_dependency_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in PINS}
    assert set(requirements()) <= pinned


def test_the_pins_name_no_host_and_no_path() -> None:
    for line in PINS:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .+)?", line), line
    # A package may have a pin for each of several versions of Python.
    assert len({(line.partition("==")[0], line.partition(" ; ")[2]) for line in PINS}) == len(PINS)


def test_lock_files_are_ignored() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {"uv.lock", "pylock*.toml", ".venv/"} <= set(ignored)


def test_ci_runs_the_tasks_of_dev_py() -> None:
    script = ROOT / ".ci" / "run"
    assert os.name == "nt" or script.stat().st_mode & stat.S_IXUSR
    text = script.read_text("utf-8")
    assert "set -euo pipefail" in text
    assert sorted(re.findall(r"python3 dev\.py (\w+)", text)) == ["lint", "test", "test"]
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    steps = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8").splitlines()
    assert "      - run: auditwright check --format github" in steps
    assert "      - run: auditwright diff --against origin/main --format github" in steps
    assert "      - run: auditwright generate --check" in steps
