"""Which characters a search takes for the same, on every engine.

How each engine is asked is in `sqlite/queries.py` and `postgresql/queries.py`.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache


@cache
def same_characters() -> dict[str, str]:
    """All that a character stands for, of those that do not stand for themselves alone: `Éé` for `é`.

    The Kelvin sign and the long s are no k and no s, as they are none to SQLite's LIKE; and SQLite reads the
    last two characters of the first plane as U+FFFD.
    """
    cases = defaultdict(list)
    for each in map(chr, range(0x20000)):  # only the first two planes have letters with cases
        if each.lower() != each.upper():
            cases[each.casefold(), each.isascii()].append(each)
    same = {each: "".join(group) for group in cases.values() if len(group) > 1 for each in group}
    return same | dict.fromkeys("\ufffd\ufffe\uffff", "\ufffd\ufffe\uffff")
