"""Makes text safe to print: what a terminal or a reader could take for something else becomes an escape.

Used wherever text that others chose reaches an error, a log record, a terminal or the page. The generator has
the same module. Sanitizing before storing is in `limits.py`.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TextIO

UNPRINTABLE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # controls, line separators, surrogates
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"  # formats
    "\u2060-\u206f\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # joiners and fillers, which have no picture
    "\u180b-\u180d\u180f\ufe00-\ufe0d"  # variation selectors
    "]"
)
"""Controls, formats, line separators, surrogates, and all else that Unicode says to show as nothing.

U+FE0E and U+FE0F are not among them: they choose between an emoji and a plain sign.
"""


def printable(text: str) -> str:
    r"""The text on one line, with an escape such as `\x1b` or `\u200b` for each unprintable character."""
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def printable_json(text: str) -> str:
    """JSON of the same meaning, in which strings have escapes for unprintable characters."""
    return UNPRINTABLE.sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    character = match[0]
    return character if character == "\n" else json.dumps(character)[1:-1]  # no string has a line end


def print_lines(*lines: str, file: TextIO | None = None) -> None:
    """Print each text on a line of its own, made safe to print; to stdout if no `file` is given."""
    out = sys.stdout if file is None else file
    for line in lines:
        print(printable(line), file=out)
