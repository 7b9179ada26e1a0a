"""Temporary files are made in memory where there is room, because the tests commit ten thousands of times.

Each commit to SQLite waits for the disk, which proves nothing here: no test takes the power away.
TMPDIR in the environment names another place. Those of a run in which a test failed are kept until the next.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - memory, with a folder of its own in it
ROOM = 4 << 30
"""The free bytes without which the files stay on the disk; a run of all tests takes about half of them."""


def _is_usable() -> bool:
    return os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= ROOM


if "TMPDIR" not in os.environ and _is_usable():
    os.environ["TMPDIR"] = str(MEMORY)  # for the processes that tests start, too
    tempfile.tempdir = None  # what was found before


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Free the memory when the workers have ended; the folders of pytest are in that of the first process."""
    config = session.config
    is_worker, is_elsewhere = hasattr(config, "workerinput"), config.getoption("basetemp")
    if exitstatus == 0 and not is_worker and not is_elsewhere:
        made: pytest.TempPathFactory = getattr(config, "_tmp_path_factory")  # noqa: B009 - it has no other name
        shutil.rmtree(made.getbasetemp(), ignore_errors=True)
