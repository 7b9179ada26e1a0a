"""The progress line of a build, on stderr where that is a terminal."""

import re
import shutil
import sys
import time
from types import TracebackType
from typing import Self

from auditwright_generator.text import printable

SECONDS = 0.2
"""The least time between two updates."""

_STEP = re.compile(r"([^\[\]\n]+?)\.\.\. *(?:\[ *(\d+)%\])?")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[mK]|\r")


class ProgressLine:
    """Shows what Sphinx is doing, and how much of it is done."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def __call__(self, text: str) -> None:
        """Show a step of Sphinx, such as `reading sources... [ 20%]`, a few times a second at most."""
        now = time.monotonic()
        step = _STEP.match(_CONTROL.sub("", text)) if self._on and now - self._shown > SECONDS else None
        if step is not None:
            self._shown = now
            line = printable(step[1].strip()) + (f" {step[2]} %" if step[2] else "")
            print(
                f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}",
                end="",
                file=sys.stderr,
                flush=True,
            )
