"""Text that people read: what was stored is shown, and never runs as a control sequence."""

from __future__ import annotations

import re

# C0 and C1 controls, which terminals obey, and the marks that turn the direction of the text around them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with each control character as its escape, on one line."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
