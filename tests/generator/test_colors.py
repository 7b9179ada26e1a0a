"""Colors: on a terminal, in the text of findings and diffs, and nowhere else."""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.generator.run_command import run

from auditwright_generator import cli
from auditwright_generator.checks.explanations import BASE, EXAMPLES
from auditwright_generator.colors import color_diff, color_findings, uses_color

VARIABLES = ("NO_COLOR", "FORCE_COLOR", "TERM")
NAMES = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}


def named(text: str) -> str:
    """The text with a name in place of each color: `<red>^^^</>`."""
    plain = re.sub("\x1b\\[(\\d+)m", lambda match: f"<{NAMES.get(match[1], '/')}>", text)
    assert "\x1b" not in plain
    return plain


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def terminal() -> Iterator[io.TextIOWrapper]:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream
    os.close(master)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a catalog that has a warning."""
    monkeypatch.chdir(tmp_path)
    files = BASE | {"fields.yaml": EXAMPLES["AC302"].catalog(EXAMPLES["AC302"].bad)["fields.yaml"]}
    for path, text in files.items():
        (tmp_path / "catalog" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "catalog" / path).write_text(text, "utf-8")
    return tmp_path


def add_mistake(folder: Path) -> None:
    path = folder / "catalog" / "workspace" / "boards.yaml"
    path.write_text(path.read_text("utf-8").replace("      guest:", "      gest:"), "utf-8")


def narrow_a_field(folder: Path) -> None:
    """A break; the catalog without it is in `old`."""
    shutil.copytree(folder / "catalog", folder / "old")
    path = folder / "catalog" / "fields.yaml"
    path.write_text(path.read_text("utf-8").replace("max: 90", "max: 30"), "utf-8")


def seen_on_terminal(*arguments: str) -> str:
    """What a command shows on a terminal, with Unix line ends."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "auditwright", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave):
        os.close(slave)
        shown = b""
        while part := _read(master):
            shown += part
    os.close(master)
    return shown.decode().replace("\r\n", "\n")


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65_536)
    except OSError:  # Linux reports the end of a terminal as an error
        return b""


def test_findings_have_colors_on_a_terminal(folder: Path) -> None:
    add_mistake(folder)
    *shown, summary = named(seen_on_terminal("check")).splitlines()
    assert shown == [
        "<bold>catalog/fields.yaml:43:16:</> <bold><yellow>warning AC302</> description-style: "
        'description of field guest starts with "who"; start with a capital letter',
        "<dim>    43 |</>   description: who was told about it",
        "<dim>       |</><yellow>                ^^^</>",
        "<bold>catalog/workspace/boards.yaml:21:7:</> <bold><red>error AC106</> unknown-field: "
        'event link_sent uses "gest"; did you mean "guest"?',
        "<dim>    21 |</>       gest: {required: false}",
        "<dim>       |</><red>       ^^^^</>",
    ]
    assert summary.endswith(": 1 error, 1 warning")


def test_findings_of_other_commands_have_colors(folder: Path) -> None:
    path = folder / "catalog" / "workspace" / "boards.yaml"
    boards = path.read_text("utf-8")
    add_mistake(folder)
    shown = named(seen_on_terminal("generate"))
    assert shown.startswith("<bold>catalog/workspace/boards.yaml:21:7:</> <bold><red>error AC106</> ")
    path.write_text(boards, "utf-8")
    (folder / "service.py").write_text("audit.workspace.boards.board_created()\n", "utf-8")
    shown = named(seen_on_terminal("coverage", "service.py"))
    assert "boards.yaml:13:3:</> <bold><yellow>warning AC971</> event-never-emitted: " in shown
    narrow_a_field(folder)
    shown = named(seen_on_terminal("diff", "--against", "old"))
    assert "fields.yaml:27:3:</> <bold><red>break BR" in shown


def test_a_diff_of_generated_files_has_colors(folder: Path) -> None:
    assert run(cli.generate) == 0
    page = folder / "generated" / "docs" / "index.md"
    page.write_text(page.read_text("utf-8").replace("# Events of the boards", "# Boards"), "utf-8")
    shown = named(seen_on_terminal("generate", "--check", "--diff"))
    assert "\n<bold>--- a/docs/index.md</>\n<bold>+++ b/docs/index.md</>\n<cyan>@@ " in shown
    assert "\n<red>-# Boards</>\n<green>+# Events of the boards</>\n" in shown


def test_pipes_have_no_colors(folder: Path) -> None:
    add_mistake(folder)
    done = subprocess.run([sys.executable, "-m", "auditwright", "check"], capture_output=True, text=True)
    assert (done.returncode, "\x1b" in done.stdout) == (1, False)
    assert "\n       |       ^^^^\n" in done.stdout


@pytest.mark.parametrize(
    ("command", "forms"),
    [
        (cli.check, ["json", "github", "sarif"]),
        (cli.coverage, ["json", "github"]),
        (cli.diff, ["json", "github", "markdown"]),
    ],
)
def test_formats_for_programs_have_no_colors(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: cli.Command,
    forms: list[str],
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    (folder / "service.py").write_text("audit.workspace.boards.board_created()\n", "utf-8")
    narrow_a_field(folder)
    arguments = {cli.coverage: ["service.py"], cli.diff: ["--against", "old"]}.get(command, [])
    for form in ("text", *forms):
        capsys.readouterr()
        run(command, *arguments, "--format", form)
        assert ("\x1b" in capsys.readouterr().out) == (form == "text")


def test_lines_that_look_like_findings_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = [
        "no findings",
        "3 events, 1 error: see above",
        "an error: text",
        "     7 |   ^^^ is this",
    ]
    shown = [named(line) for line in color_findings(lines, sys.stdout)]
    assert shown == [*lines[:3], "<dim>     7 |</>   ^^^ is this"]
    lines = ["--- a/x.md", "+++ b/x.md", "@@ -1 +1 @@", "---- old", "++++ new", " same", "\\ No newline"]
    assert [named(line) for line in color_diff(lines, sys.stdout)] == [
        "<bold>--- a/x.md</>",
        "<bold>+++ b/x.md</>",
        "<cyan>@@ -1 +1 @@</>",
        "<red>---- old</>",
        "<green>++++ new</>",
        " same",
        "\\ No newline",
    ]


@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_variables_switch_colors(
    terminal: io.TextIOWrapper,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    colored: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert uses_color(terminal) == colored
