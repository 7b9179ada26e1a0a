"""The command line as a whole: help, versions, environment, and how a process ends."""

import argparse
import fcntl
import functools
import os
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from tests.support.command_line import OS_USER, SCANNER, Auditwright
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

from audit_events import CATALOG
from auditwright import Actor, AuditLog, cli

COMMANDS = (
    "check",
    "coverage",
    "diff",
    "events",
    "explain",
    "generate",
    "init",
    "new",
    "rules",
    "site",
    "record",
    "list",
    "history",
    "count",
    "show",
    "export",
    "import",
    "serve",
    "database",
    "spool",
    "secret-key",
    "demo",
    "completion",
)
PROCESS = [sys.executable, "-W", "error", "-m", "auditwright"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("AUDITWRIGHT_")}
BLOCKED = """
import sys
import termios
from auditwright import cli

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
raise SystemExit(cli.main({arguments!r}))
"""
LOADED = """
import sys
import termios
import auditwright
loaded = set(sys.modules)
from auditwright import cli
try:
    cli.main({arguments!r})
except SystemExit:
    pass
print(*sorted(name for name in sys.modules if name not in loaded), sep="\\n", file=sys.stderr)
"""
"""Prints the modules that a command loads besides those of `import auditwright`."""


def python(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=CLEAN, capture_output=True, text=True, timeout=60
    )


def fill(folder: Path, entries: int) -> None:
    with AuditLog.open(f"sqlite:///{folder}/audit.db", account_id="default", catalog=CATALOG) as log:
        form = {"event": SCANNER, "metadata": {"tool_id": "t-" + "4" * 150}}
        with log.acting(Actor.system()):
            log.record_many([form] * entries)


def test_help_lists_every_command(auditwright: Auditwright) -> None:
    done = auditwright("--help")
    assert (done.code, done.err) == (0, "")
    assert tuple(cli.find_commands()) == COMMANDS
    for name, command in cli.find_commands().items():
        assert f"    {name}" in done.out
        assert command.help in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(auditwright: Auditwright, name: str) -> None:
    done = auditwright(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: auditwright {name} [-h]")
    parser = argparse.ArgumentParser()
    cli.find_commands()[name].configure(parser)
    for action in parser._actions:
        assert action.help, f"{name} {action.dest} has no help"


def arguments_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from arguments_of(below)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_default_is_in_the_help(name: str) -> None:
    parser = argparse.ArgumentParser()
    cli.find_commands()[name].configure(parser)
    for action in arguments_of(parser):
        if action.default not in (None, False, "", [], argparse.SUPPRESS):
            assert "default: " in (action.help or ""), f"{name} {action.option_strings or action.dest}"


def test_prints_the_version(auditwright: Auditwright) -> None:
    done = auditwright("--version")
    assert (done.code, done.out, done.err) == (0, f"auditwright {metadata.version('auditwright')}\n", "")


def test_without_a_command_the_help_says_where_to_start(auditwright: Auditwright) -> None:
    done = auditwright()
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"{auditwright('--help').out}\n"
        "auditwright: name a command; `auditwright demo` shows a log, "
        "and `auditwright init` starts a catalog\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], ': error: unknown command "lst"; did you mean "list"?'),
        (["gen"], ': error: unknown command "gen"; did you mean "generate"?'),
        (["validate"], ': error: unknown command "validate"; --help lists all'),
        (["\x1b[2J"], ': error: unknown command "\\x1b[2J"; --help lists all'),
        ([""], ': error: unknown command ""; --help lists all'),
        (["--verbose"], ": error: the following arguments are required: COMMAND"),
        (
            ["list", "--lmit", "5"],
            ' list: error: unrecognized arguments: --lmit 5; did you mean "--limit"?',
        ),
        (["list", "--lim", "5"], ' list: error: unrecognized arguments: --lim 5; did you mean "--limit"?'),
        (["show", "1a", "2b"], " show: error: unrecognized arguments: 2b; --help lists all"),
    ],
)
def test_unknown_words_get_a_suggestion(auditwright: Auditwright, arguments: list[str], message: str) -> None:
    assert auditwright(*arguments).usage_error == f"auditwright{message}"


def test_version_and_help_win_over_an_unknown_command(auditwright: Auditwright) -> None:
    assert auditwright("--version", "lst").code == 0
    assert auditwright("--help", "lst").code == 0


@pytest.mark.sqlite_only
def test_environment_sets_database_and_account(
    recorded: Auditwright, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "audit.db").rename(tmp_path / "other.db")
    monkeypatch.setenv("AUDITWRIGHT_DATABASE", "sqlite:///other.db")
    monkeypatch.setenv("AUDITWRIGHT_ACCOUNT", "globex")
    assert "Grace Hopper" in recorded("list").out
    assert "Ada Lovelace" in recorded("list", "--account", "acme").out
    assert recorded("list", "--database", "sqlite:///none.db").code == 2


def test_environment_sets_the_catalog_package(recorded: Auditwright, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITWRIGHT_CATALOG", "no_such_package")
    done = recorded("list")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        'auditwright: the catalog package "no_such_package" cannot be imported: '
        "No module named 'no_such_package'\n"
    )
    assert recorded("list", "--account", "acme", "--catalog-package", "audit_events").code == 0
    assert recorded("list", "--catalog-package", "json").err == (
        'auditwright: "json" is not a generated catalog package: it has no CATALOG\n'
    )


@pytest.mark.parametrize("name", ["../x", ".x", "x/y", "a..b", "x y"])
def test_invalid_package_name_is_an_error(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given = auditwright("list", "--catalog-package", name)
    monkeypatch.setenv("AUDITWRIGHT_CATALOG", name)
    for done in (given, auditwright("list")):
        assert (done.code, done.out) == (2, "")
        assert done.err == f'auditwright: "{name}" is not the name of a package\n'


def test_package_that_fails_to_import_is_an_error(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, code in (("torn_code_events", "def ("), ("failing_events", "1 / 0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
        done = auditwright("list", "--catalog-package", name)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f'auditwright: the catalog package "{name}" cannot be imported: ')
        assert len(done.err.splitlines()) == 1


def test_environment_sets_the_catalog_folder(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert auditwright("check").code == 2
    monkeypatch.setenv("AUDITWRIGHT_CATALOG_DIR", str(ROOT / "catalog"))
    assert auditwright("check").out.startswith("78 events, ")


def test_error_for_invalid_secret_key_does_not_show_it(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITWRIGHT_SECRET_KEY", "sesame")
    done = auditwright("list")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "auditwright: AUDITWRIGHT_SECRET_KEY: a secret key is written <key id>:<base64 of at least 32 bytes>"
        "; set AUDITWRIGHT_SECRET_KEY=<key id>:<base64 of at least 32 random bytes>, or pass secret_key= to "
        "AuditLog.open; `auditwright secret-key` makes one\n"
    )


def test_runs_as_a_module(tmp_path: Path) -> None:
    metadata_ = '{"tool_id": "t-4"}'
    done = subprocess.run(
        [*PROCESS, "record", SCANNER, "--metadata", "-"],
        input=metadata_, cwd=tmp_path, env=CLEAN, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"  {OS_USER.name} added an input scanner to tool t-4.\n")


def test_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    fill(tmp_path, 2000)
    for arguments in (("list", "--limit", "1000"), ("export", "--output", "-")):
        with subprocess.Popen(
            [*PROCESS, *arguments], cwd=tmp_path, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline().startswith(b"Date and Time (UTC)")
            process.stdout.close()
            assert (process.wait(60), process.stderr.read()) == (1, b"")


def test_stream_closed_before_the_start_is_no_error(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    done = subprocess.run(
        [*PROCESS, "list"], cwd=tmp_path, env=CLEAN, capture_output=True, text=True, check=False,
        preexec_fn=functools.partial(os.close, 1),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_ctrl_c_ends_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROCESS, "record", SCANNER, "--metadata", "-"],
        cwd=tmp_path, env=CLEAN, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(b" ")
        process.stdin.flush()
        wait_until(lambda: _is_waiting_for_stdin(process))
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert (process.wait(30), process.stderr.read()) == (130, b"\nauditwright: interrupted\n")


def _is_waiting_for_stdin(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has read what it was given and sleeps: a signal between two reads would not wake it."""
    assert process.stdin
    unread = fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4))
    state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return unread == bytes(4) and state == "S"


def test_ctrl_c_before_the_command_runs_ends_quietly(
    auditwright: Auditwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "find_commands", interrupt)
    done = auditwright("check")
    assert (done.code, done.out, done.err) == (130, "", "\nauditwright: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "package"),
    [(["check"], "yaml"), (["events"], "yaml"), (["generate"], "yaml"), (["generate"], "jinja2")],
)
def test_missing_package_names_its_extra(tmp_path: Path, arguments: list[str], package: str) -> None:
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    done = python(BLOCKED.format(package=package, arguments=arguments), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f'auditwright: this command needs the package {package}: pip install "auditwright[generator]"\n'
    )


@pytest.mark.parametrize("package", ["yaml", "jinja2"])
def test_reading_needs_no_extra(tmp_path: Path, package: str) -> None:
    fill(tmp_path, 1)
    done = python(BLOCKED.format(package=package, arguments=["list"]), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert python(BLOCKED.format(package=package, arguments=["--help"]), tmp_path).returncode == 0


def loaded_modules(folder: Path, *arguments: str) -> set[str]:
    done = python(LOADED.format(arguments=arguments), folder)
    assert done.returncode == 0
    return set(done.stderr.split())


def test_help_loads_no_command(tmp_path: Path) -> None:
    loaded = {name for name in loaded_modules(tmp_path, "--help") if name.startswith("auditwright")}
    assert loaded == {"auditwright.cli", "auditwright_generator", "auditwright_generator.cli"}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("check", "--catalog", str(ROOT / "catalog"))]
)
def test_light_commands_load_no_heavy_package(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    packages = {name.partition(".")[0] for name in loaded_modules(tmp_path, *arguments)}
    assert not packages & {"sqlmodel", "sqlalchemy", "jinja2"}
