"""docs/adopt.md, followed in a fresh environment that has nothing but the wheel it tells to build.

What the wheel requires is linked from the environment of the tests: installing it anew takes a minute.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from tests.support.markdown import Runner, blocks, follow
from tests.support.paths import DOCS, ROOT

PAGE = DOCS / "adopt.md"
CHECKOUT, PORT = "path/to/auditwright", "8000"


def copy_checkout(folder: Path) -> None:
    """The files that a clone would have."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def requirements(name: str, extras: set[str], found: dict[str, Distribution]) -> None:
    """Add what a package requires with its extras, directly and through others."""
    for text in distribution(name).requires or ():
        each = Requirement(text)
        needed = any(each.marker is None or each.marker.evaluate({"extra": extra}) for extra in extras | {""})
        if needed and each.name not in found:
            found[each.name] = distribution(each.name)
            requirements(each.name, each.extras, found)


def link_requirements(environment: Path) -> None:
    """Let an environment have what `auditwright[generator,server]` requires, so that pip finds it there."""
    found: dict[str, Distribution] = {}
    requirements("auditwright", {"generator", "server"}, found)
    (packages,) = environment.glob("lib/python*/site-packages")
    for each in found.values():
        for name in {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}:
            if not (packages / name).exists():
                (packages / name).symlink_to(Path(str(each.locate_file(name))))
        for program in each.entry_points.select(group="console_scripts"):
            path = environment / "bin" / program.name
            path.write_text(
                f"#!{environment}/bin/python\nimport sys\nfrom {program.module} import {program.attr}\n"
                f"sys.exit({program.attr}())\n"
            )
            path.chmod(0o755)


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])


@contextmanager
def newcomer(folder: Path, requirement: str) -> Iterator[Runner]:
    """Runs commands as in a terminal of its own: with the environment of `.venv`, and in the background.

    The wheel's file takes the place of a release, and a free port that of the page's.
    """
    programs = folder.parent / "programs"
    programs.mkdir()
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "python3").chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUDITWRIGHT_", "PYTHON", "VIRTUAL_ENV"))
    }
    environment = {
        **kept,
        # What `. .venv/bin/activate` puts in front lasts for the commands after it.
        "PATH": os.pathsep.join([str(folder / ".venv" / "bin"), str(programs), os.environ["PATH"]]),
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COMPILE": "1",
    }
    port, started = free_port(), list[subprocess.Popen[bytes]]()

    def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        command = command.replace('"auditwright[generator,server]"', f'"{requirement}"')
        command = command.replace(f":{PORT}/", f":{port}/").replace(f"--port {PORT} ", f"--port {port} ")
        if requirement in command:
            link_requirements(folder / ".venv")
        if command.endswith(" &"):
            log = folder.parent / "background"
            with log.open("wb") as out:
                server = f"exec {command[:-2]}"
                started.append(
                    subprocess.Popen(server, shell=True, cwd=folder, env=environment, stdout=out, stderr=out)  # noqa: S602 - a command of a guide
                )
            return subprocess.CompletedProcess(command, 0, "", "")
        done = subprocess.run(  # noqa: S602 - a command of a guide
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=180
        )
        if done.stdout and not done.stdout.endswith("\n"):
            done.stdout += "\n"  # as the page shows it
        return done

    try:
        yield run
    finally:
        for process in started:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def test_a_new_service_records_shows_and_exports(tmp_path: Path) -> None:
    (building,) = (block.text.splitlines() for block in blocks(PAGE, "sh"))
    build, install = building
    copy_checkout(tmp_path / CHECKOUT)
    done = subprocess.run(
        [sys.executable, "-m", *build.split()], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").iterdir()
    requirement = install.split('"')[1].replace("/absolute/path/to", str(tmp_path))
    assert requirement.endswith(f"file://{wheel}")
    folder = tmp_path / "acme-billing"
    folder.mkdir()
    with newcomer(folder, requirement) as run:
        assert follow(PAGE, folder, run=run) == 17
    assert {path.name for path in folder.iterdir()} >= {"catalog", "generated", "src", "audit.csv"}
