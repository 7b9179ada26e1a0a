"""Colors for text on a terminal: findings with their excerpts, and unified diffs.

`uses_color` alone decides. Reports know nothing of colors: the lines of a text report get them when they are
printed. Other formats never pass through here.
"""

import os
import re
from collections.abc import Iterable, Iterator
from typing import TextIO

_RESET, _BOLD, _DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
_RED, _GREEN, _YELLOW, _CYAN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"
_OF_SEVERITY = {
    "error": _RED,
    "break": _RED,
    "warning": _YELLOW,
    "accepted": _CYAN,
    "note": _CYAN,
    "safe": _GREEN,
}
_SOURCE_LINE = re.compile(r"( *\d+ \|)(.*)")
_CARETS = re.compile(r"( +\|)( *\^+)")
_FINDING = re.compile(
    rf"(?:(?P<position>.*?:\d+:\d+:) )?(?P<severity>{'|'.join(_OF_SEVERITY)})(?P<code> [A-Z]{{2}}\d{{3}})?"
    r"(?P<message>(?: [a-z-]+)?: .*)"
)


def uses_color(stream: TextIO) -> bool:
    """Whether text on the stream is shown with colors.

    `NO_COLOR` switches them off (https://no-color.org), and `FORCE_COLOR` on, if they are not empty.
    Otherwise a terminal shows them, unless `TERM` is `dumb`.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def color_findings(lines: Iterable[str], stream: TextIO) -> Iterable[str]:
    """The lines of a text report as the stream shows them: positions, severities and carets have colors."""
    return _findings(lines) if uses_color(stream) else lines


def color_diff(lines: Iterable[str], stream: TextIO) -> Iterable[str]:
    """The lines of a unified diff as the stream shows them."""
    return map(_diff_line, lines) if uses_color(stream) else lines


def _findings(lines: Iterable[str]) -> Iterator[str]:
    color = ""
    for line in lines:
        if match := _SOURCE_LINE.fullmatch(line):
            yield f"{_DIM}{match[1]}{_RESET}{match[2]}"
        elif match := _CARETS.fullmatch(line):
            yield f"{_DIM}{match[1]}{_RESET}{color}{match[2]}{_RESET}"
        elif match := _FINDING.fullmatch(line):
            color = _OF_SEVERITY[match["severity"]]
            position = f"{_BOLD}{match['position']}{_RESET} " if match["position"] else ""
            severity = f"{_BOLD}{color}{match['severity']}{match['code'] or ''}{_RESET}"
            yield f"{position}{severity}{match['message']}"
        else:
            yield line


def _diff_line(line: str) -> str:
    if line.startswith(("--- a/", "--- /dev/null", "+++ b/")):
        style = _BOLD
    else:
        style = {"-": _RED, "+": _GREEN, "@": _CYAN}.get(line[:1], "")
    return f"{style}{line}{_RESET}" if style else line
