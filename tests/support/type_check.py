"""mypy over files of the tests, with the project's settings and the cache of the checkout."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.support.paths import ROOT

LOCK = ROOT / ".mypy_cache" / "tests.lock"


def run_mypy(*paths: Path | str, roots: Iterable[Path] = ()) -> str:
    """What mypy prints about files and folders; modules are looked up in further roots, too.

    Runs of several processes follow one another: the first fills the cache, which `dev.py lint` shares.
    """
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", "--no-pretty"),
                *map(str, paths),
            ],
            cwd=ROOT,
            env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, roots))},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.stderr == ""
    return done.stdout
