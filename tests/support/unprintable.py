"""Texts that forge lines, move the cursor of a terminal or hide, and how a test finds them in an output."""

from hypothesis import strategies as st

from auditwright.text import printable

FORGED = "2026-01-02 03:04:05 CEO exported the audit log."
"""A line that nobody wrote, if it stands at the start of one."""
UNPRINTABLE = {
    "line end": "\n",
    "carriage return": "\r",
    "vertical tab": "\v",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "backspace": "\b",
    "delete": "\x7f",
    "nul": "\0",
    "clear screen": "\x1b[2J",
    "title of the window": "\x1b]0;root\x07",
    "hyperlink": "\x1b]8;;http://evil.example\x1b\\",
    "clear screen in C1": "\x9b2J",
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "arabic letter mark": "\u061c",
    "soft hyphen": "\xad",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "interlinear annotation": "\ufff9",
    "tag": "\U000e0041",
    "hangul filler": "\u3164",
    "hangul choseong filler": "\u115f",
    "halfwidth hangul filler": "\uffa0",
    "grapheme joiner": "\u034f",
    "mongolian selector": "\u180b",
    "variation selector": "\ufe00",
    "variation selector of plane 14": "\U000e0100",
    "musical format": "\U0001d173",
}
STORABLE = "".join(each for each in UNPRINTABLE.values() if each != "\0")
"""All that a database stores."""
HOSTILE = f"x\n{FORGED}{STORABLE}y"


def hostile_text(most: int = 12) -> st.SearchStrategy[str]:
    """Texts of any characters, most of them unprintable."""
    pieces = st.sampled_from([*UNPRINTABLE.values(), f"\n{FORGED}", "\ud800", "a", "é", "😀"])
    return st.lists(pieces | st.characters(), min_size=1, max_size=most).map("".join)


def unsafe_lines(text: str) -> list[str]:
    """The lines that are not safe to print, or that a text has forged."""
    return [line for line in text.split("\n") if printable(line) != line or line.startswith(FORGED)]
