"""A test run that is ended by a signal leaves no PostgreSQL server behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil  # type: ignore[import-untyped]
import pytest
from tests.support.databases import import_pgserver
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

WAITING_TEST = """
import threading
from pathlib import Path

def test_waits(postgresql):
    Path(__file__).with_name("url").write_text(postgresql.bare_url)
    threading.Event().wait()
"""
XDIST = ["-p", "xdist", "-n", "1"]


def servers_in(folder: str) -> list[psutil.Process]:
    """The processes that were started with a data folder."""
    # A zombie has ended; in a container without an init process nobody collects it.
    return [
        each
        for each in psutil.process_iter(["cmdline", "status"])
        if folder in (each.info["cmdline"] or ()) and each.info["status"] != psutil.STATUS_ZOMBIE
    ]


def end_process(process: int) -> None:
    """End a process alone."""
    os.kill(process, signal.SIGTERM)


def end_group(process: int) -> None:
    """End a process and those it started, as a terminal or a supervisor does."""
    os.killpg(process, signal.SIGTERM)


@pytest.mark.parametrize(
    ("options", "end"),
    [([], end_process), (XDIST, end_process), (XDIST, end_group)],
    ids=["one process", "controller of xdist", "process group of xdist"],
)
def test_sigterm_leaves_no_server_behind(
    options: list[str], end: Callable[[int], None], tmp_path: Path
) -> None:
    import_pgserver()
    module, url = tmp_path / "test_waiting.py", tmp_path / "url"
    module.write_text(WAITING_TEST, "utf-8")
    options = [
        "-c",
        str(ROOT / "pyproject.toml"),
        "--noconftest",
        "--basetemp",
        str(tmp_path / "base"),
        *options,
    ]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.support.database_fixtures", *options, str(module)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: run.poll() is not None or (url.exists() and url.read_text()))
        (folder,) = parse_qs(urlsplit(url.read_text()).query)["host"]
        assert servers_in(folder)
        end(run.pid)
        run.wait(60)
        wait_until(lambda: not Path(folder).exists() and servers_in(folder) == [])
    finally:
        run.kill()
        run.wait()
