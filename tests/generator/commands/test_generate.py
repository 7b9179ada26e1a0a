"""`auditwright generate`: written files, the output of `--check`, exit codes."""

import shutil
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.checks.rules import RULES
from auditwright_generator.output.manifest import MANIFEST

CASES = Path(__file__).parents[1] / "cases"


CATALOG = """
format: 1
package: board_events
title: Board events
version: 1.0.0
levels: {workspace: {title: Workspace events}}
"""
BOARDS = """
category: boards
title: Boards
description: Boards of the workspace.
events:
  board_created: {title: Board created, description: It is new., message: "{actor} made it.", example: {}}
  board_deleted: {title: Board deleted, description: It is gone., message: "{actor} took it.", example: {}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a small catalog in catalog/ and a larger one in devices/."""
    (tmp_path / "catalog" / "workspace").mkdir(parents=True)
    (tmp_path / "catalog" / "catalog.yaml").write_text(CATALOG, "utf-8")
    (tmp_path / "catalog" / "fields.yaml").write_text("{}\n", "utf-8")
    (tmp_path / "catalog" / "workspace" / "boards.yaml").write_text(BOARDS, "utf-8")
    shutil.copytree(CASES / "clean" / "catalog", tmp_path / "devices")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(folder: Path) -> list[str]:
    """The generated files, without the notes for the next run."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".auditwright" not in path.parts)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_generate_writes_to_the_folder_generated(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.generate) == 0
    made = files_in(project / "generated")
    printed, problems = capsys.readouterr()
    assert printed == (
        f"2 events, {len(made)} files in generated: {len(made)} written, 0 removed, the others were current\n"
    )
    assert problems == ""
    assert MANIFEST in made
    assert "docs/index.md" in made


def test_generating_again_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(cli.generate)
    before = {path: path.stat().st_mtime_ns for path in (project / "generated").rglob("*")}
    capsys.readouterr()
    assert run(cli.generate) == 0
    assert capsys.readouterr().out.endswith(": 0 written, 0 removed, the others were current\n")
    assert {path: path.stat().st_mtime_ns for path in (project / "generated").rglob("*")} == before


def test_catalog_and_out_can_be_anywhere(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.generate, "--catalog", "devices", "--out", "else where/out") == 0
    assert (project / "else where/out/device_events/catalog.json").is_file()
    assert not (project / "generated").exists()
    capsys.readouterr()
    assert run(cli.generate, "--catalog", "devices", "--out", "else where/out", "--check") == 0
    number = len(files_in(project / "else where/out"))
    assert capsys.readouterr().out == f"{number} files in else where/out are current\n"


def test_generate_removes_the_files_of_a_removed_event(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.generate, "--catalog", "devices")
    old = files_in(project / "generated")
    shutil.rmtree(project / "devices")
    shutil.copytree(project / "catalog", project / "devices")
    _edit(project / "devices/catalog.yaml", "title: Board events", "title: Device events")
    capsys.readouterr()
    assert run(cli.generate, "--catalog", "devices") == 0
    left = files_in(project / "generated")
    assert [name for name in left if name.startswith("device_events/")] == []
    assert not (project / "generated" / "device_events").exists()
    removed = len(set(old) - set(left))
    assert removed > 20
    assert f" {removed} removed, " in capsys.readouterr().out


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize("options", [[], ["--all"], ["--check"]])
def test_the_folder_of_another_catalog_is_refused(
    options: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.generate)
    before = {path: path.read_bytes() for path in (project / "generated").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(cli.generate, "--catalog", "devices", *options) == 2
    assert capsys.readouterr() == (
        "",
        "auditwright: generated has the generated package board_events of another catalog, and this one "
        "generates device_events; nothing was written; pass another folder with --out, or delete generated "
        "if the package was renamed\n",
    )
    after = {path: path.read_bytes() for path in (project / "generated").rglob("*") if path.is_file()}
    assert after == before


def test_a_catalog_of_another_project_is_another_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(cli.generate)
    (project / "fleet").mkdir()
    (project / "devices").rename(project / "fleet/catalog")
    capsys.readouterr()
    assert run(cli.generate, "--catalog", "fleet/catalog") == 2
    assert "the generated package board_events of another catalog" in capsys.readouterr().err


def test_a_renamed_package_replaces_the_former_one(project: Path) -> None:
    run(cli.generate)
    _edit(project / "catalog/catalog.yaml", "package: board_events", "package: acme_audit")
    assert run(cli.generate, "--check") == 1
    assert run(cli.generate) == 0
    assert (project / "generated/acme_audit/catalog.json").is_file()
    assert not (project / "generated/board_events").exists()


def test_a_renamed_folder_and_title_keep_their_package(project: Path) -> None:
    run(cli.generate)
    _edit(project / "catalog/catalog.yaml", "title: Board events", "title: Boards")
    (project / "catalog").rename(project / "boards")
    assert run(cli.generate, "--catalog", "boards") == 0


@pytest.mark.parametrize("damaged", [b"<<<<<<< ours", b"[]", b"\xff", None])
def test_an_unreadable_package_is_not_removed(damaged: bytes | None, project: Path) -> None:
    run(cli.generate)
    facts = project / "generated/board_events/catalog.json"
    facts.unlink() if damaged is None else facts.write_bytes(damaged)
    assert run(cli.generate, "--catalog", "devices") == 2
    shutil.rmtree(project / "generated/board_events")
    assert run(cli.generate, "--catalog", "devices") == 0


def test_check_lists_differences_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli.generate, "--check") == 1
    printed, problems = capsys.readouterr()
    lines = printed.splitlines()
    assert all(line.startswith("generated/") and line.endswith(": missing") for line in lines[:-1])
    assert len(lines) > 15
    assert lines[-1] == "not current; run `auditwright generate`"
    assert problems == ""
    assert not (project / "generated").exists()


def test_check_shows_states_and_the_command_to_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--catalog", "devices", "--out", "my out")
    assert run(cli.generate, *options) == 0
    out = project / "my out"
    (out / "docs/index.md").write_text("by hand\n", "utf-8")
    (out / "device_events/py.typed").unlink()
    category = project / "devices" / "workspace" / "settings.yaml"
    category.write_text(category.read_text("utf-8").replace("title: Settings", "title: Options"), "utf-8")
    (project / "devices" / "workspace" / "members.yaml").unlink()
    fields = project / "devices" / "fields.yaml"
    kept = fields.read_text("utf-8").splitlines(keepends=True)
    fields.write_text("".join(line for line in kept if not line.startswith("user_name:")), "utf-8")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(cli.generate, *options, "--check") == 1
    printed, problems = capsys.readouterr()
    stale = "stale: the catalog has changed"
    orphaned = "orphaned: no longer generated"
    assert printed.splitlines() == [
        "my out/device_events/py.typed: missing",
        f"my out/device_events/catalog.json: {stale}",
        f"my out/device_events/json_schema/index.json: {stale}",
        f"my out/device_events/models/workspace/settings.py: {stale}",
        f"my out/device_events/tables/workspace/settings.py: {stale}",
        f"my out/device_events/workspace/__init__.py: {stale}",
        f"my out/device_events/workspace/settings.py: {stale}",
        f"my out/docs/events.md: {stale}",
        f"my out/docs/fields.md: {stale}",
        f"my out/docs/json_schema.md: {stale}",
        f"my out/docs/sensitive.md: {stale}",
        f"my out/docs/workspace/index.md: {stale}",
        f"my out/docs/workspace/settings.md: {stale}",
        f"my out/language/catalog.json: {stale}",
        f"my out/language/category.json: {stale}",
        f"my out/manifest.sha256: {stale}",
        "my out/docs/index.md: edited by hand",
        f"my out/device_events/json_schema/workspace/members/member_joined.json: {orphaned}",
        f"my out/device_events/models/workspace/members.py: {orphaned}",
        f"my out/device_events/tables/workspace/members.py: {orphaned}",
        f"my out/device_events/workspace/members.py: {orphaned}",
        f"my out/docs/workspace/members.md: {orphaned}",
        "not current; run `auditwright generate --catalog devices --out 'my out'`",
    ]
    assert problems == ""
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert run(cli.generate, *options) == 0
    assert run(cli.generate, *options, "--check") == 0


def test_errors_stop_generate(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = project / "catalog" / "workspace" / "boards.yaml"
    board.write_text(board.read_text("utf-8").replace("events:", "evnts:"), "utf-8")
    for arguments in ((), ("--check",)):
        assert run(cli.generate, *arguments) == 1
        printed, problems = capsys.readouterr()
        assert printed == ""
        first, *_, last = problems.splitlines()
        assert first.startswith("catalog/workspace/boards.yaml:")
        assert 'unknown key "evnts"; did you mean "events"?' in problems
        assert last.endswith("error")
    assert not (project / "generated").exists()


def test_warnings_do_not_stop_generate(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = str(CASES / "unused_field" / "catalog")
    assert run(cli.generate, "--catalog", catalog) == 0
    printed, problems = capsys.readouterr()
    assert " written, " in printed
    where = f"`auditwright check --catalog {catalog}`"
    assert problems == (
        f"1 event, {len(RULES)} rules (AC651 off): 1 warning; 1 suppressed (AC651: 1); {where} lists the "
        "warnings\n"
    )
    assert run(cli.generate, "--catalog", catalog, "--check") == 0


def test_unreadable_catalog_is_a_usage_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli.generate, "--catalog", "nothing") == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert problems == (
        "auditwright: cannot read nothing: there is no such folder; "
        "name the folder of catalog.yaml with --catalog or AUDITWRIGHT_CATALOG_DIR\n"
    )


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_out_that_is_a_file_is_a_usage_error(
    check: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "taken").write_text("mine\n", "utf-8")
    assert run(cli.generate, "--out", "taken", *check) == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert problems == "auditwright: taken: Not a directory\n"
    assert (project / "taken").read_text("utf-8") == "mine\n"


def test_out_that_cannot_be_written_is_a_usage_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nobody can create folders in /proc, not even root.
    assert run(cli.generate, "--out", "/proc/auditwright") == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert problems == "auditwright: /proc/auditwright: No such file or directory\n"


def test_folder_at_the_path_of_a_file_is_a_usage_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "generated" / "docs" / "index.md").mkdir(parents=True)
    assert run(cli.generate) == 2
    assert capsys.readouterr().err == "auditwright: generated/docs/index.md: Is a directory\n"


@pytest.mark.parametrize("check", [(), ("--check",)])
@pytest.mark.parametrize("name", ["README.md", "docs/index.md"])
def test_foreign_file_is_a_usage_error(
    name: str, check: tuple[str, ...], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = project / "site" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("# Mine\n", "utf-8")
    assert run(cli.generate, "--out", "site", *check) == 2
    printed, problems = capsys.readouterr()
    assert printed == ""
    assert problems == (
        f"site/{name}: exists, but is not a generated file\n"
        "auditwright: nothing was written; name another folder with --out\n"
    )
    assert files_in(project / "site") == [name]
    assert mine.read_text("utf-8") == "# Mine\n"


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("", "is empty; name a folder"),
        ("catalog/made", "is inside the catalog folder; name another folder"),
    ],
)
def test_out_inside_the_catalog_is_a_usage_error(
    out: str, why: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(project.rglob("*"))
    assert run(cli.generate, "--out", out) == 2
    assert capsys.readouterr().err == f"auditwright: --out {out!r} {why}\n"
    assert sorted(project.rglob("*")) == before
