"""Case folding of searches, equal on both engines.

The SQL is in `sqlite/queries.py` and `postgresql/queries.py`.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache


@cache
def same_characters() -> dict[str, str]:
    """For each character with case variants, all variants: `Éé` for `é`.

    As in SQLite's LIKE, the Kelvin sign is not a k and the long s is not an s. SQLite reads U+FFFE and U+FFFF
    as U+FFFD.
    """
    cases = defaultdict(list)
    for each in map(chr, range(0x20000)):  # only the first two planes have letters with cases
        if each.lower() != each.upper():
            cases[each.casefold(), each.isascii()].append(each)
    same = {each: "".join(group) for group in cases.values() if len(group) > 1 for each in group}
    return same | dict.fromkeys("\ufffd\ufffe\uffff", "\ufffd\ufffe\uffff")
