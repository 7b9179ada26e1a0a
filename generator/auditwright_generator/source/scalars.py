"""What a plain scalar of YAML is, that is, one without quotes: a value, or a surprise.

YAML 1.1, YAML 1.2 and the libraries disagree on many; a value is only what all of them read alike.
"""

import math
import re

YamlScalar = str | int | float | bool | None

_NULL = re.compile("|~|null|Null|NULL")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_SURPRISES = (
    (re.compile(r"[yY]|[yY]es|YES|[nN]|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|True|TRUE|False|FALSE"), "a truth value"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t]+[0-9]{1,2}:.*)?"), "a date"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[-+]?0[0-9_][0-9_.]*|[-+]?0(o[0-7_]+|x[0-9a-fA-F_]+|b[01_]+)"), "a number in another base"),
    (re.compile(r"[-+]?[0-9.]*[0-9]_[0-9_.]*"), "a number"),
    (re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"), "a number"),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "a number that is none"),
    (re.compile(r"[-+]?[0-9]{19,}"), "a number too large to be exact"),
    (re.compile("=|<<"), "an instruction"),
)


def read_plain(text: str) -> tuple[YamlScalar, str | None]:
    """The value of a plain scalar; or, for a surprise, what some reader takes it for."""
    if len(text) > 5 and text[0].isalpha():  # every word below is shorter, and most texts are not
        return text, None
    if text in ("true", "false"):
        return text == "true", None
    if _NULL.fullmatch(text):
        return None, None
    if _INTEGER.fullmatch(text):
        return int(text), None
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text), None
    return text, next((what for pattern, what in _SURPRISES if pattern.fullmatch(text)), None)
