"""The type of a plain (unquoted) YAML scalar: a value, or ambiguous.

YAML 1.1, YAML 1.2 and the libraries disagree on many plain scalars. A value is one that all read alike.
"""

import math
import re

YamlScalar = str | int | float | bool | None

_NULL = re.compile("|~|null|Null|NULL")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_AMBIGUOUS = (
    (re.compile(r"[yY]|[yY]es|YES|[nN]|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|True|TRUE|False|FALSE"), "a boolean"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t]+[0-9]{1,2}:.*)?"), "a date"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number in base 60"),
    (re.compile(r"[-+]?0[0-9_][0-9_.]*|[-+]?0(o[0-7_]+|x[0-9a-fA-F_]+|b[01_]+)"), "a number in another base"),
    (re.compile(r"[-+]?[0-9.]*[0-9]_[0-9_.]*"), "a number"),
    (re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"), "a number"),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "infinity or not a number"),
    (re.compile(r"[-+]?[0-9]{19,}"), "a number too large to be exact"),
    (re.compile("=|<<"), "a YAML instruction"),
)


def read_plain(text: str) -> tuple[YamlScalar, str | None]:
    """The value and None; or, for an ambiguous scalar, the text and what some readers take it for."""
    if len(text) > 5 and text[0].isalpha():  # fast path: every pattern below is shorter
        return text, None
    if text in ("true", "false"):
        return text == "true", None
    if _NULL.fullmatch(text):
        return None, None
    if _INTEGER.fullmatch(text):
        return int(text), None
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text), None
    return text, next((what for pattern, what in _AMBIGUOUS if pattern.fullmatch(text)), None)
