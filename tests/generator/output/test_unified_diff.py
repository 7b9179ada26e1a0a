"""`auditwright generate --check --diff`: the differences as a readable unified diff."""

import shutil
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.output import unified_diff

TEAMS = """
category: teams
title: Teams
description: Teams of the account.
events:
  team_joined: {title: Team joined, description: Someone is in now., message: "{actor} joined.", example: {}}
"""
NOT_CURRENT = "not current; run `auditwright generate`"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The current folder, with a catalog and its generated files."""
    monkeypatch.chdir(tmp_path)
    run(cli.init, "--package", "team_events")
    (tmp_path / "catalog" / "account" / "teams.yaml").write_text(TEAMS, "utf-8")
    run(cli.generate)
    capsys.readouterr()
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, problems = capsys.readouterr()
    assert problems == ""
    return out.splitlines()


def check(code: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The output of `generate --check --diff`; asserts the exit code."""
    assert run(cli.generate, "--check", "--diff") == code
    return printed(capsys)


def test_a_manual_edit_is_shown_as_a_diff(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = project / "generated" / "docs" / "index.md"
    first, second, third, fourth, *rest = index.read_text("utf-8").splitlines()
    index.write_text("\n".join([first, second, "# By hand", fourth, *rest, "More."]), "utf-8")
    before = index.read_bytes()
    assert check(1, capsys) == [
        "generated/docs/index.md: edited by hand",
        "--- a/docs/index.md",
        "+++ b/docs/index.md",
        "@@ -1,6 +1,6 @@",
        f" {first}",
        f" {second}",
        "-# By hand",
        f"+{third}",
        f" {fourth}",
        *(f" {line}" for line in rest[:2]),
        f"@@ -{len(rest) + 2},4 +{len(rest) + 2},3 @@",
        *(f" {line}" for line in rest[-3:]),
        "-More.",
        "\\ No newline at end of file",
        NOT_CURRENT,
    ]
    assert index.read_bytes() == before


def test_a_catalog_change_is_shown_in_every_affected_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teams = project / "catalog" / "account" / "teams.yaml"
    teams.write_text(teams.read_text("utf-8").replace("title: Teams\n", "title: Groups\n"), "utf-8")
    lines = check(1, capsys)
    stale = [line.partition(": stale")[0].removeprefix("generated/") for line in lines if ": stale" in line]
    assert "manifest.sha256" in stale
    shown = [line.removeprefix("--- a/") for line in lines if line.startswith("--- a/")]
    assert shown == [path for path in stale if path != "manifest.sha256"]
    assert "-# Teams" in lines
    assert "+# Groups" in lines
    assert lines[-1] == NOT_CURRENT


def test_a_missing_file_is_shown_as_new_and_truncated(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "generated" / "team_events" / "py.typed").unlink()
    emitters = project / "generated" / "team_events" / "catalog.json"
    text = emitters.read_text("utf-8").splitlines()
    emitters.unlink()
    lines = check(1, capsys)
    assert lines[:2] == [
        "generated/team_events/catalog.json: missing",
        "generated/team_events/py.typed: missing",
    ]
    assert lines[2:6] == [
        "--- /dev/null",
        "+++ b/team_events/catalog.json",
        f"@@ -0,0 +1,{len(text)} @@",
        f"+{text[0]}",
    ]
    assert lines[-4:] == [
        f"… {len(text) + 3 - 60} more lines of team_events/catalog.json",
        "--- /dev/null",
        "+++ b/team_events/py.typed",
        NOT_CURRENT,
    ]
    assert len(lines) == 2 + 60 + 4


def test_only_the_first_files_are_shown(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unified_diff, "FILES", 3)
    shutil.rmtree(project / "generated" / "docs")
    lines = check(1, capsys)
    missing = [line for line in lines if line.endswith(": missing")]
    assert len(missing) == 11
    assert sum(line == "--- /dev/null" for line in lines) == 3
    assert lines[-2:] == ["… 8 more files", NOT_CURRENT]


def test_current_files_have_no_diff(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = [path for path in (project / "generated").rglob("*") if path.is_file()]
    number = sum(".auditwright" not in path.parts for path in made)
    assert check(0, capsys) == [f"{number} files in generated are current"]


def test_orphans_are_listed_without_a_diff(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "catalog" / "account" / "teams.yaml").unlink()
    lines = check(1, capsys)
    assert "generated/docs/account/teams.md: orphaned: no longer generated" in lines
    assert [line for line in lines if "a/docs/account/teams.md" in line] == []


def test_diff_without_check_is_a_usage_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.generate, "--diff") == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: --diff needs --check; pass both: --check --diff\n",
    )
