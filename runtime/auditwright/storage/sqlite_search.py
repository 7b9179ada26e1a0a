"""Searching in SQLite for a text in any case: LIKE, which folds ASCII only, and GLOB beyond ASCII.

A function of Python's would wait for the interpreter at every row while other threads are busy.
"""

from __future__ import annotations

import re
from functools import cache

from auditwright.storage.text_search import same_characters


def contains(column: str, text: str) -> tuple[str, str]:
    """SQL that holds where the column contains the text, a letter in any case, and its parameter."""
    if text.isascii():
        literal = re.sub(r"([%_\\])", r"\\\1", text)
        return f"{column} LIKE ? ESCAPE '\\'", f"%{literal}%"
    classes = _classes()
    return f"{column} GLOB ?", f"*{''.join(classes.get(each, each) for each in text)}*"


@cache
def _classes() -> dict[str, str]:
    """What stands in a pattern for characters that do not stand for themselves: `[Éé]` for `é`."""
    classes = {each: f"[{same}]" for each, same in same_characters().items()}
    return classes | {each: f"[{each}]" for each in "*?["}
