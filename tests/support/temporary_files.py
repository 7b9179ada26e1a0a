"""Temporary files are made in memory where there is room, because the tests commit ten thousands of times.

Each commit to SQLite waits for the disk, which proves nothing here: no test takes the power away.
TMPDIR in the environment names another place.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""The free bytes without which the files stay on the disk; a run of all tests takes about half of them."""


def _is_usable() -> bool:
    return os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= ROOM


if "TMPDIR" not in os.environ and _is_usable():
    os.environ["TMPDIR"] = str(MEMORY)  # for the processes that tests start, too
    tempfile.tempdir = None  # what was found before
