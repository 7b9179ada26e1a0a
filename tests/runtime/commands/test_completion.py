"""`auditwright completion`: the script completes in a real shell."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.runtime.commands.test_command_line import BLOCKED, COMMANDS, python
from tests.support.command_line import Auditwright

COMPLETE = """
source completion.bash
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_auditwright
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def folder(auditwright: Auditwright, tmp_path: Path) -> Path:
    """A folder with the script of bash, a folder and two files."""
    done = auditwright("completion", "bash")
    assert (done.code, done.err) == (0, "")
    (tmp_path / "completion.bash").write_text(done.out, "utf-8")
    (tmp_path / "my catalog").mkdir()
    (tmp_path / "main.py").touch()
    return tmp_path


def completed(folder: Path, line: str) -> set[str]:
    """What bash offers for the last word of a line."""
    words = shlex.join([*shlex.split(line), *([""] if line.endswith(" ") else [])])
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE.format(words=words)],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split("\n")) - {""}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("auditwright ", set(COMMANDS)),
        ("auditwright da", {"database"}),
        ("auditwright co", {"count", "coverage", "completion"}),
        ("auditwright completion ", {"bash", "zsh", "tcsh"}),
        ("auditwright database ", {"create", "upgrade", "roles", "check", "retain", "hold"}),
        ("auditwright database hold re", {"remove"}),
        ("auditwright spool ", {"status", "drain", "discard"}),
        ("auditwright spool drain --", {"--help", "--refused", "--spool", "--database", "--catalog-package"}),
        ("auditwright spool discard --output m", {"main.py", "my catalog"}),
        ("auditwright new f", {"field"}),
        ("auditwright database retain --d", {"--dry-run", "--database"}),
        ("auditwright check --format ", {"text", "json", "github", "sarif"}),
        ("auditwright check --format text --f", {"--format", "--fail-on", "--fix"}),
        ("auditwright site check --", {"--help", "--catalog", "--edition"}),
        ("auditwright check --catalog ", {"my catalog"}),
        ("auditwright generate --out m", {"my catalog"}),
        ("auditwright coverage m", {"main.py", "my catalog"}),
        ("auditwright coverage main.py m", {"main.py", "my catalog"}),
        ("auditwright diff --against m", {"main.py", "my catalog"}),
        ("auditwright export --output m", {"main.py", "my catalog"}),
        ("auditwright import m", {"main.py", "my catalog"}),
        ("auditwright demo --folder ", {"my catalog"}),
        ("auditwright list --account ", set()),
        ("auditwright list --where ca", {"category:is:", "category:is_not:"}),
        ("auditwright count --where outcome:is:", {"outcome:is:success", "outcome:is:failure"}),
        ("auditwright export --where target:is:mo", {"target:is:model:"}),
        ("auditwright history mo", {"model:"}),
    ],
)
def test_bash_completes(folder: Path, line: str, offered: set[str]) -> None:
    assert completed(folder, line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_the_script_has_the_syntax_of_its_shell(auditwright: Auditwright, tmp_path: Path, shell: str) -> None:
    done = auditwright("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert all(name in done.out for name in COMMANDS)
    program = shutil.which(shell)
    if program:  # only bash is everywhere
        (tmp_path / "script").write_text(done.out, "utf-8")
        checked = subprocess.run([program, "-n", "script"], cwd=tmp_path, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_the_script_does_not_depend_on_variables(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shell in ("bash", "zsh", "tcsh"):
        plain = auditwright("completion", shell).out
        with monkeypatch.context() as patched:
            patched.setenv("AUDITWRIGHT_DATABASE", "postgresql://ada:sesame@db.example.com/audit")
            patched.setenv("AUDITWRIGHT_SPOOL", "sqlite:///spool.db")
            assert auditwright("completion", shell).out == plain


@pytest.mark.parametrize("package", ["yaml", "uvicorn", "pyarrow"])
def test_commands_of_extras_are_completed_without_them(tmp_path: Path, package: str) -> None:
    done = python(BLOCKED.format(package=package, arguments=["completion", "bash"]), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--allow-recording" in done.stdout
    assert "--elsewhere" in done.stdout


def test_a_missing_package_names_its_extra(tmp_path: Path) -> None:
    done = python(BLOCKED.format(package="shtab", arguments=["completion", "bash"]), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'auditwright: this command needs the package shtab: pip install "auditwright[completion]"\n'
    )


def test_a_shell_that_is_not_known_is_a_usage_error(auditwright: Auditwright) -> None:
    assert "argument SHELL: invalid choice: 'elvish'" in auditwright("completion", "elvish").usage_error
    assert "required: SHELL" in auditwright("completion").usage_error
