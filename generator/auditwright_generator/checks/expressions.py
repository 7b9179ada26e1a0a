r"""Which regular expressions a catalog may use: those that Rust, ECMA-262, RE2, Go and Python read alike.

No \d \w \s \b (they differ on Unicode), no dot (it differs on line ends), no look-around, backreferences,
flags, named or atomic groups. `$` means the very end of the text.
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

_NO_LOOK_AROUND = "say with classes, alternatives and lengths what the text must be"
_NO_BACKREFERENCE = "RE2, Rust and Go have no backreference such as {}; write the alternatives out"


def pattern_width(pattern: str) -> tuple[int, int | None]:
    """The fewest characters that a text must have to match, and the most if the pattern binds both ends."""
    least, most = _parsed(pattern).getwidth()
    bound = pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern
    return least, most if bound and most < MAX_LENGTH * MAX_REPEATS else None


def _parsed(pattern: str) -> Any:
    parser: Any = importlib.import_module("re._parser")  # the only parser of patterns that Python has
    return parser.parse(pattern)


def refuse_pattern(pattern: str) -> str | None:
    """Why the pattern cannot be used, with a hint."""
    if len(pattern) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters"
    return outside_shared_syntax(pattern) or _not_compiled(pattern) or _repeats_too_often(pattern)


def outside_shared_syntax(pattern: str) -> str | None:
    """What in the pattern is not syntax of every engine, with a hint."""
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
    if piece in ("(?=", "(?!", "(?<=", "(?<!"):
        return f"RE2 and Go have no look-around such as {piece}; {_NO_LOOK_AROUND}"
    if piece == "(?P=":
        return _NO_BACKREFERENCE.format(piece)
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
    if escape.startswith("\\u"):
        return (
            f"RE2 and Go do not know {escape}; write the character itself, or \\x and two hexadecimal digits"
        )
    if escape[1] in "123456789k":
        return _NO_BACKREFERENCE.format(escape)
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
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"it is not a regular expression: {error}"
    try:
        jsonschema_rs.validator_for({"pattern": pattern})
        matches(pattern, "")
    except ValueError:
        return "it is not a regular expression that every reader knows"
    return None


def _repeats_too_often(pattern: str) -> str | None:
    """RE2 and Go multiply the counts of nested repetitions, and refuse more than a thousand."""
    if _nested_repeats(_parsed(pattern)) > MAX_REPEATS:
        return f"its nested repetitions multiply to more than {MAX_REPEATS}; RE2 and Go refuse that"
    return None


def _nested_repeats(parsed: Any) -> int:
    """The largest product of the counts of repetitions that stand in one another."""
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
