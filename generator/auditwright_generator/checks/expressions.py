r"""The regular expressions of a catalog: those that Rust, ECMA-262, RE2, Go and Python interpret alike.

No \d \w \s \b (they differ on Unicode), no dot (it differs on line ends), no look-around, backreferences,
flags, named or atomic groups. `$` matches only at the end of the text.
"""

import importlib
import re
import warnings
from typing import Any

import jsonschema_rs

from auditwright_generator.patterns import matches

MAX_LENGTH = 500
MAX_REPEATS = 1000

_ESCAPES = frozenset("^$\\.*+?()[]{}|/nrtfv")
_HEX = re.compile(r"\\x[0-9A-Fa-f]{2}")
_COUNTED = re.compile(r"\{([0-9]{1,6})(?:,([0-9]{1,6})?)?\}")
_CLASS = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_GROUP = re.compile(r"\(\?(?::|<?[=!]|P=)?")
_CLASS_PART = re.compile(rf"{_HEX.pattern}|{_ESCAPE.pattern}|&&|--|~~|\|\||.", re.DOTALL)

_NO_LOOK_AROUND = "use classes, alternatives and lengths instead"
_NO_BACKREFERENCE = "RE2, Rust and Go have no backreference such as {}; write out the alternatives"


def pattern_width(pattern: str) -> tuple[int, int | None]:
    """The minimum length of a matching text, and the maximum if the pattern is anchored at both ends."""
    least, most = _parsed(pattern).getwidth()
    bound = pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern
    return least, most if bound and most < MAX_LENGTH * MAX_REPEATS else None


def _parsed(pattern: str) -> Any:
    parser: Any = importlib.import_module("re._parser")  # Python has no public parser of patterns
    return parser.parse(pattern)


def refuse_pattern(pattern: str) -> str | None:
    """Why the pattern cannot be used, with a hint; None if it can."""
    if len(pattern) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters"
    return refuse_syntax(pattern) or _not_compiled(pattern) or _repeats_too_often(pattern)


def refuse_syntax(pattern: str) -> str | None:
    """Why the syntax of the pattern is not shared by every engine, with a hint; None if it is."""
    before = ""
    for piece in _pieces(pattern):
        reason = _refuse_piece(piece, before)
        if reason:
            return reason
        before = piece
    return None


def _pieces(pattern: str) -> list[str]:
    """The pattern split into escapes, character classes, counts, group openings and single characters."""
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
        return "a dot matches different characters in different engines; write [^\\n]"
    if piece in ("(?=", "(?!", "(?<=", "(?<!"):
        return f"RE2 and Go have no look-around such as {piece}; {_NO_LOOK_AROUND}"
    if piece == "(?P=":
        return _NO_BACKREFERENCE.format(piece)
    if piece == "(?":
        return "not every engine supports group options; write ( or (?:"
    if piece == "+" and (before in ("*", "+", "?") or _COUNTED.fullmatch(before)):
        return "not every engine supports possessive repetition; remove the second +"
    if before in ("^", "$") and (piece in ("*", "+", "?") or _COUNTED.fullmatch(piece)):
        return f"{before} cannot be repeated; remove {piece}"
    if piece in ("{", "}", "]"):
        return f"engines interpret an unescaped {piece} differently; write \\{piece}"
    counts = _COUNTED.fullmatch(piece)
    if counts and any(int(count) > MAX_REPEATS for count in counts.groups() if count):
        return f"more than {MAX_REPEATS} repetitions are not supported by every engine"
    return None


def _refuse_escape(escape: str, allowed: frozenset[str]) -> str | None:
    if _HEX.fullmatch(escape) or escape[1:] in allowed:
        return None
    if escape.startswith("\\u"):
        return f"RE2 and Go do not support {escape}; write the character itself, or \\x and two hex digits"
    if escape[1] in "123456789k":
        return _NO_BACKREFERENCE.format(escape)
    if escape[1:] in {*"dDwWsS"}:
        return f"{escape} matches different characters in different engines; write a class such as [0-9]"
    return f"not every engine supports {escape}; write the characters themselves"


def _refuse_class(piece: str) -> str | None:
    inner = piece[1:-1].removeprefix("^")
    if not inner:
        return f"engines interpret {piece} differently; write the characters explicitly"
    for match in _CLASS_PART.finditer(inner):
        part = match.group()
        if part.startswith("\\"):
            reason = _refuse_escape(part, _ESCAPES | {"-"})
            if reason:
                return reason
        elif part == "[":
            return "engines interpret an unescaped [ in a class differently; write \\["
        elif len(part) == 2:
            return f"{part} in a class is a set operation in some engines; write the characters once"
    return None


def _not_compiled(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"it is not a regular expression: {error}"
    try:
        jsonschema_rs.validator_for({"pattern": pattern})
        matches(pattern, "")
    except ValueError:
        return "it is not a regular expression that every engine supports"
    return None


def _repeats_too_often(pattern: str) -> str | None:
    """RE2 and Go multiply the counts of nested repetitions and refuse more than 1,000."""
    if _nested_repeats(_parsed(pattern)) > MAX_REPEATS:
        return f"its nested repetitions multiply to more than {MAX_REPEATS}; RE2 and Go refuse that"
    return None


def _nested_repeats(parsed: Any) -> int:
    """The largest product of the counts of nested repetitions."""
    largest = 1
    for operation, argument in parsed:
        count, inner = 1, []
        match str(operation):
            case "MAX_REPEAT" | "MIN_REPEAT":
                low, high, repeated = argument
                count, inner = max(1, low if high > MAX_REPEATS else high), [repeated]
            case "SUBPATTERN":
                inner = [argument[-1]]
            case "BRANCH":
                inner = argument[1]
        largest = max(largest, count * max(map(_nested_repeats, inner), default=1))
    return largest
