r"""Which regular expressions a catalog may use: those that Python's re, Rust's regex and ECMA-262 read alike.

No \d \w \s \b (they differ on Unicode), no dot (on line ends), no look-around, references, flags, named or
atomic groups; `$` means the very end.
"""

import functools
import importlib
import re
import warnings
from typing import Any

import jsonschema_rs

from auditwright_generator.patterns import very_end

MAX_LENGTH = 500
MAX_REPEATS = 1000

_ESCAPES = frozenset("^$\\.*+?()[]{}|/nrtfv")
_HEX = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")
_COUNTED = re.compile(r"\{([0-9]{1,6})(?:,([0-9]{1,6})?)?\}")
_CLASS = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_GROUP = re.compile(r"\(\?:?")
_CLASS_PART = re.compile(rf"{_HEX.pattern}|\\.|&&|--|~~|\|\||.", re.DOTALL)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern for Python, to be used with `search`."""
    return re.compile(very_end(pattern))


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text, by an engine whose time grows with the text only.

    Raises `ValueError` for a pattern that `refuse_pattern` refuses.
    """
    return _validator(pattern).is_valid(text)


@functools.lru_cache(maxsize=1000)
def _validator(pattern: str) -> jsonschema_rs.Draft202012Validator:
    schema = {"pattern": pattern}
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions())


def pattern_width(pattern: str) -> tuple[int, int | None]:
    """The fewest characters that a text must have to match, and the most if the pattern binds both ends."""
    parser: Any = importlib.import_module("re._parser")  # the one place that knows how wide a pattern is
    least, most = parser.parse(pattern).getwidth()
    bound = pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern
    return least, most if bound and most < MAX_LENGTH * MAX_REPEATS else None


def refuse_pattern(pattern: str) -> str | None:
    """Why the pattern cannot be used, with the way out."""
    if len(pattern) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters"
    return _outside_what_is_shared(pattern) or _not_compiled(pattern)


def _outside_what_is_shared(pattern: str) -> str | None:
    before = ""
    for piece in _pieces(pattern):
        reason = _refuse_piece(piece, before)
        if reason:
            return reason
        before = piece
    return None


def _pieces(pattern: str) -> list[str]:
    """The pattern cut into escapes, whole classes, counts, beginnings of groups and single characters."""
    pieces, position = [], 0
    while position < len(pattern):
        for form in (_HEX, _ESCAPE, _CLASS, _COUNTED, _GROUP):
            match = form.match(pattern, position)
            if match:
                break
        piece = match.group() if match else pattern[position]
        pieces.append(piece)
        position += len(piece)
    return pieces


def _refuse_piece(piece: str, before: str) -> str | None:
    if piece.startswith("\\"):
        return _refuse_escape(piece, _ESCAPES)
    if piece.startswith("["):
        return _refuse_class(piece)
    if piece == ".":
        return "a dot means different characters to different readers; write [^\\n]"
    if piece == "(?":
        return "a group with an option is not known everywhere; write ( or (?:"
    if piece == "+" and (before in ("*", "+", "?") or _COUNTED.fullmatch(before)):
        return "possessive repetition is not known everywhere; leave the second + out"
    if before in ("^", "$") and (piece in ("*", "+", "?") or _COUNTED.fullmatch(piece)):
        return f"{before} cannot be repeated; leave {piece} out"
    if piece in ("{", "}", "]"):
        return f"a bare {piece} is not read alike everywhere; write \\{piece}"
    counts = _COUNTED.fullmatch(piece)
    if counts and any(int(count) > MAX_REPEATS for count in counts.groups() if count):
        return f"more than {MAX_REPEATS} repetitions are not possible everywhere"
    return None


def _refuse_escape(escape: str, allowed: frozenset[str]) -> str | None:
    if _HEX.fullmatch(escape) or escape[1:] in allowed:
        return None
    if escape[1:] in {*"dDwWsS"}:
        return f"{escape} means different characters to different readers; write a class such as [0-9]"
    return f"{escape} is not known everywhere; write the characters themselves"


def _refuse_class(piece: str) -> str | None:
    inner = piece[1:-1].removeprefix("^")
    if not inner:
        return f"{piece} is not read alike everywhere; write the characters that are meant"
    for match in _CLASS_PART.finditer(inner):
        part = match.group()
        if part.startswith("\\"):
            reason = _refuse_escape(part, _ESCAPES | {"-"})
            if reason:
                return reason
        elif part == "[":
            return "a bare [ in a class is not read alike everywhere; write \\["
        elif len(part) == 2:
            return f"{part} in a class means an operation to some readers; write the characters once"
    return None


def _not_compiled(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile_pattern(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"it is not a regular expression: {error}"
    try:
        jsonschema_rs.validator_for({"pattern": very_end(pattern)})
        _validator(pattern)
    except ValueError:
        return "it is not a regular expression that every reader knows"
    return None
