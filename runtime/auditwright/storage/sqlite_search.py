"""Searching in SQLite for a text in any case: LIKE, which folds ASCII only, and GLOB beyond ASCII.

A function of Python's would wait for the interpreter at every row while other threads are busy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache


def contains(column: str, text: str) -> tuple[str, str]:
    """SQL that holds where the column contains the text, a letter in any case, and its parameter."""
    if text.isascii():
        literal = re.sub(r"([%_\\])", r"\\\1", text)
        return f"{column} LIKE ? ESCAPE '\\'", f"%{literal}%"
    classes = _classes()
    return f"{column} GLOB ?", f"*{''.join(classes.get(each, each) for each in text)}*"


@cache
def _classes() -> dict[str, str]:
    """What stands in a pattern for characters that do not stand for themselves: `[Éé]` for `é`.

    The Kelvin sign and the long s are no k and no s here, as they are none to LIKE.
    """
    cases = defaultdict(list)
    for each in map(chr, range(0x20000)):  # only the first two planes have letters with cases
        if each.lower() != each.upper():
            cases[each.casefold(), each.isascii()].append(each)
    classes = {each: f"[{''.join(same)}]" for same in cases.values() if len(same) > 1 for each in same}
    return classes | {each: f"[{each}]" for each in "*?["}
