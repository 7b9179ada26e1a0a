"""docs/changes.md: its commands print what it shows, and its tables match the code."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.generator.run_command import run
from tests.support.markdown import follow, names_in, rows, section
from tests.support.paths import DOCS, ROOT

from auditwright_generator import cli
from auditwright_generator.diff.rules import AUDIENCES, CHANGE_RULES, ChangeRule

PAGE = DOCS / "changes.md"
CATALOG = ROOT / "tests" / "generator" / "diff" / "catalog"


def test_the_commands_print_what_the_guide_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }.items():
        monkeypatch.setenv(name, value)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=tmp_path, check=True)
    assert follow(PAGE, tmp_path, only_errors_fail=False) == 5


def test_the_guide_lists_every_change_and_every_audience() -> None:
    assert rows(section(PAGE, "Whom a change breaks")) == [[name, text] for name, text in AUDIENCES.items()]
    assert rows(section(PAGE, "All changes")) == [
        [rule.code, f"`{rule.name}`", who(rule), rule.bump, rule.why] for rule in CHANGE_RULES
    ]


def who(rule: ChangeRule) -> str:
    verb = "breaks" if rule.effect == "break" else "seen by"
    return f"{verb} {', '.join(rule.audiences)}" if rule.audiences else "—"


def test_the_guide_names_every_key_of_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CATALOG, "catalog")
    shutil.copytree(CATALOG, "old")
    fields = Path("catalog/fields.yaml")
    fields.write_text(fields.read_text("utf-8").replace("max: 9000", "max: 5000"), "utf-8")
    run(cli.diff, "--against", "old", "--format", "json")
    form = json.loads(capsys.readouterr().out)
    listed = [name for row in rows(section(PAGE, "Use it in CI")) for name in names_in(row[0])]
    named_beside = names_in(rows(section(PAGE, "Use it in CI"))[6][1])
    assert [name for name in listed if name in form] == list(form)
    assert [name for name in listed if name not in form] == list(form["changes"][0])
    assert named_beside == list(form["findings"][0])
