"""What to write instead of a type that the language does not have, such as `map of string` or `datetime`.

Knows the words of other schema languages. `structure.py` adds the sentence to its finding about the type.
"""

import re
from collections.abc import Collection
from typing import NamedTuple


class _Instead(NamedTuple):
    """What to write: a type, and the rest of the sentence. Without a type the rest says all."""

    type: str
    rest: str = ""


_ANY_KEYS = _Instead("json", ", which holds an object with any keys, or write a field for each key")
_ANY_ITEMS = _Instead("json", ", which holds a list of any values")
_TWO_FIELDS = _Instead("", "two fields of type json, one before and one after; a change is of single values")

_WORDS = {
    "any unknown variant mixed dynamic union oneof anyof value anything": _Instead(
        "json", ", which holds any JSON value"
    ),
    "array arrays list lists set sequence tuple collection vector slice": _Instead(
        "list of string", ", or a list of another type"
    ),
    "binary blob buffer byte bytea bytes base64 file image varbinary": _Instead(
        "string", " for the text in base64, or better for a SHA-256, because a log is no place for files"
    ),
    "bit bool flag logical": _Instead("boolean"),
    "choice choices enumeration select": _Instead("enum", " with values"),
    "cidr network subnet": _Instead("string", ", because ip is one address"),
    "date_time datetime datetimetz epoch instant moment time_stamp timestamptz": _Instead("timestamp"),
    "bigdecimal decimal numeric": _Instead("number", ", or string with a pattern if every digit counts"),
    "duration interval period timedelta timespan": _Instead("integer", " with unit: seconds"),
    "double float float16 float32 float64 real single": _Instead("number"),
    "e_mail email_address emailaddress mail": _Instead("email"),
    "guid": _Instead("uuid"),
    "href hyperlink iri link uri": _Instead("url", " for an http or https address, or string"),
    "i16 i32 i8 int int16 int32 int8 short smallint tinyint u16 u32 u8 uint uint16 uint32 uint8": _Instead(
        "integer"
    ),
    "inet ip_address ipaddress ipv4 ipv6": _Instead("ip"),
    "biginteger fixed64 i64 int64 long sfixed64 sint64": _Instead(
        "bigint", " for 64 bits, or integer up to 2^53-1"
    ),
    "u64 uint64 ulong": _Instead("bigint", " up to 2^63-1, or string with a pattern for more"),
    "amount currency money price": _Instead(
        "integer", " for the smallest unit, such as cents, and a second field for the currency"
    ),
    "dict dictionary hash hashmap jsonb map mapping nested object properties record struct": _ANY_KEYS,
    "nil none null undefined void": _Instead(
        "", "the type of the value when there is one, and required: false where it is used"
    ),
    "credential password secret token": _Instead("string", " with sensitivity: secret"),
    "char character html keyword longtext markdown mediumtext nvarchar regex str symbol text varchar xml": (
        _Instead("string")
    ),
    "time time_of_day timeofday": _Instead("timestamp", ", or string with a pattern for the time of a day"),
}
_INSTEAD = {word.replace("_", " "): found for words, found in _WORDS.items() for word in words.split()}

_MAP = re.compile(r"(?:map|dict|dictionary|record|hash|hashmap|object|mapping)\b.+")
_MANY = "array|list|set|sequence|repeated|tuple|collection|vector|slice"
_LIST = re.compile(rf"(?:{_MANY})(?: of | ?[<\[(] ?| )(.+?)[>\])]?" r"|(.+?) ?\[ ?\]|\[ ?(.+?) ?\]")
_OPTIONAL = re.compile(
    r"(.+?) ?\?|(?:optional|nullable|maybe|option)(?: of | ?[<\[(] ?| )(.+?)[>\])]?"
    r"|(.+?) ?(?:\|| or ) ?(?:null|none)|(?:null|none) ?(?:\|| or ) ?(.+)"
)
_SIZED = re.compile(r"([a-z ]+?) ?\( ?([0-9]+)(?: ?, ?[0-9]+)? ?\)")
_UNION = re.compile(r".+(?:\||/| or ).+")
_ENUM = re.compile(r"enum(?:eration)?(?: of |[ <\[({]).+|(?:one|choice) of .+")
_NESTED = re.compile(r"(list|change) of (?:json|list of .+|change of .+)")


def instead_of(given: str, types: Collection[str]) -> str | None:
    """What to write instead of the type, for the end of a message; None if nothing is known about it."""
    word = " ".join(re.sub(r"[\s_-]+", " ", given[:100].lower()).split())
    found = _instead_of(word, frozenset(types))
    if found is None:
        return None
    return f"write type: {found.type}{found.rest}" if found.type else f"write {found.rest}"


def _instead_of(word: str, types: frozenset[str]) -> _Instead | None:
    if word in types:
        return _Instead(word)
    if word in _INSTEAD:
        return _INSTEAD[word]
    if _ENUM.fullmatch(word):
        return _INSTEAD["enumeration"]
    if _MAP.fullmatch(word):
        return _ANY_KEYS
    nested = _NESTED.fullmatch(word)
    if nested:
        return _of_nested(nested[1])
    optional = _OPTIONAL.fullmatch(word)
    if optional:
        inner = _instead_of(_part_of(optional), types)
        return inner and _Instead(inner.type, f"{inner.rest}, and required: false where it is used")
    if word.startswith("change of "):
        return _of_parts("change", word.removeprefix("change of "), types)
    several = _LIST.fullmatch(word)
    if several:
        return _of_parts("list", _part_of(several), types)
    sized = _SIZED.fullmatch(word)
    if sized:
        base = _instead_of(sized[1], types)
        return _Instead("string", f" with max_length: {sized[2]}") if base == _Instead("string") else base
    return _Instead("json", ", which holds a value of any type") if _UNION.fullmatch(word) else None


def _part_of(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)


def _of_parts(outer: str, part: str, types: frozenset[str]) -> _Instead | None:
    """`list of T` or `change of T` for a word for T."""
    found = _instead_of(part, types)
    if found is None:
        return None
    whole = f"{outer} of {found.type}"
    return _Instead(whole, found.rest) if whole in types else _of_nested(outer)


def _of_nested(outer: str) -> _Instead:
    return _TWO_FIELDS if outer == "change" else _ANY_ITEMS
