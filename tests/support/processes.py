"""Scripts that tests run in processes of their own, alone or at the same time."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_python(script: str, *arguments: str, **options: Any) -> str:
    """The output of a script that runs in a process of its own; it must succeed."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_at_once(script: str, arguments: Sequence[Sequence[str]]) -> list[str]:
    """The outputs of processes that run a script with the arguments of each; all must succeed.

    A script says that it is ready by a line, waits for one, and goes on at the same time as the others.
    """
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, *each],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in arguments
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        # All are read at once: a child whose pipe is full would stand still until the children before it end.
        with ThreadPoolExecutor(len(children)) as readers:
            said = list(readers.map(lambda child: child.communicate(timeout=60), children))
    finally:
        for child in children:
            child.kill()  # nothing, if it has ended
    assert [(child.returncode, error) for child, (_, error) in zip(children, said, strict=True)] == [
        (0, "")
    ] * len(children)
    return [out for out, _ in said]
