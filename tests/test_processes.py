"""Scripts that run at the same time do so whatever each of them prints."""

import textwrap
from pathlib import Path

from tests.support.processes import run_at_once

PRINTS_MORE_THAN_A_PIPE_HOLDS = textwrap.dedent(
    """
    import sys
    print("ready", flush=True)
    sys.stdin.readline()
    print("x" * 200_000, flush=True)
    print("printed", flush=True)
    if sys.argv[1] == "first":
        while not other.exists():
            pass
    else:
        other.touch()
    """
)


def test_a_full_pipe_stops_no_script(tmp_path: Path) -> None:
    other = tmp_path / "printed"
    script = f"import pathlib\nother = pathlib.Path({str(other)!r})\n{PRINTS_MORE_THAN_A_PIPE_HOLDS}"
    said = run_at_once(script, [["first"], ["second"]])
    assert [len(output) for output in said] == [200_000 + len("\nprinted\n")] * 2
