"""Makes stored text safe to print: control sequences are escaped.

Used by the commands and the server. Sanitizing before storing is in `limits.py`.
"""

from __future__ import annotations

import re

# C0 and C1 controls, which terminals interpret, line separators and bidirectional marks.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text on one line, with an escape for each control character."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
