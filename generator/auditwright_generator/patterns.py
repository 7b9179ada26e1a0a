"""The regular expressions of the types that are written as text, and of ids; how patterns match.

Rust's regex, ECMA-262, RE2 and Go read them alike: no classes such as \\d, no look-around, no backreference.
`$` means the very end of the text. In Python's re it also matches before a final newline, so `matches` does
not use re. The expressions carry the whole of what a type allows, including the calendar, so that a JSON
Schema without `format` and a pydantic model without code of its own come to the same verdict.
"""

import functools

import jsonschema_rs

_DAY28, _DAY30, _DAY31 = "(?:0[1-9]|1[0-9]|2[0-8])", "(?:0[1-9]|[12][0-9]|30)", "(?:0[1-9]|[12][0-9]|3[01])"
_YEAR = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_YEAR_FROM_2 = "(?:000[2-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_YEAR_TO_9998 = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
_FOURTH = "(?:0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = f"(?:[0-9]{{2}}{_FOURTH}|{_FOURTH}00)"
_INNER_DAY = (
    f"(?:01-(?:0[2-9]|[12][0-9]|3[01])|(?:0[3578]|10)-{_DAY31}|(?:0[469]|1[12])-{_DAY30}|02-{_DAY28})"
)
"""Month and day, but not the first and the last of the year, nor the 29th of February."""
_DATE = f"(?:{_YEAR}-{_INNER_DAY}|{_LEAP_YEAR}-02-29|{_YEAR_FROM_2}-01-01|{_YEAR_TO_9998}-12-31)"
"""A day of the calendar, but not its first and its last."""
_TIME = r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
_OFFSET = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIMESTAMP = (
    f"^(?:{_DATE}{_TIME}(?:[Zz]|[+-]{_OFFSET})"
    rf"|0001-01-01{_TIME}(?:[Zz]|[+]00:00|-{_OFFSET})"
    rf"|9999-12-31{_TIME}(?:[Zz]|[+]{_OFFSET}|-00:00))$"
)
"""RFC 3339, section 5.6. No datetime holds leap seconds, or a time outside the years 1 to 9999 in UTC.

So on the first day of the calendar no offset is east of UTC, and on the last one none is west of it.
"""

DATE = f"^(?:{_DATE}|0001-01-01|9999-12-31)$"
"""A day of the years 1 to 9999, as `datetime.date` has them."""

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_LAST = f"(?:{_GROUP}:{_GROUP}|{_IPV4})"
_IPV6 = "|".join(
    [
        f"(?:{_GROUP}:){{6}}{_LAST}",
        f"::(?:{_GROUP}:){{5}}{_LAST}",
        f"(?:{_GROUP})?::(?:{_GROUP}:){{4}}{_LAST}",
        f"(?:(?:{_GROUP}:){{0,1}}{_GROUP})?::(?:{_GROUP}:){{3}}{_LAST}",
        f"(?:(?:{_GROUP}:){{0,2}}{_GROUP})?::(?:{_GROUP}:){{2}}{_LAST}",
        f"(?:(?:{_GROUP}:){{0,3}}{_GROUP})?::{_GROUP}:{_LAST}",
        f"(?:(?:{_GROUP}:){{0,4}}{_GROUP})?::{_LAST}",
        f"(?:(?:{_GROUP}:){{0,5}}{_GROUP})?::{_GROUP}",
        f"(?:(?:{_GROUP}:){{0,6}}{_GROUP})?::",
    ]
)
IP = f"^(?:{_IPV4}|{_IPV6})$"
"""An IPv4 address, or an IPv6 address by the grammar of RFC 3986, section 3.2.2; no zone, no port."""

URL = r"^https?://[^@/?#\\\x00-\x20\x7f]+(?:[/?#][^\x00-\x20\x7f]*)?$"
"""An http or https URL with a host and without user information, which is where credentials hide."""

EMAIL = r"^[^@\x00-\x20\x7f]+@[^@.\x00-\x20\x7f]+(?:\.[^@.\x00-\x20\x7f]+)*$"
"""Something before and a host after one @; whether it receives mail only mail can tell."""

UUID7 = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
"""A UUID version 7 in the text form of RFC 9562, lower case."""

UUID = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
"""A UUID in the text form of RFC 9562, of any version, with those of all zeros and all ones.

Capitals are accepted and stored as small letters, as section 4 says.
"""


def _up_to(digits: str) -> str:
    """The expression of the whole numbers from 1 to this one."""
    shorter = f"[1-9][0-9]{{0,{len(digits) - 2}}}"
    same_length = [
        f"{digits[:at]}[{int(not at)}-{int(digit) - 1}]{_digits(len(digits) - at - 1)}"
        for at, digit in enumerate(digits)
        if int(digit) > int(not at)
    ]
    return f"(?:{'|'.join([shorter, *same_length, digits])})"


def _digits(count: int) -> str:
    return f"[0-9]{{{count}}}" if count else ""


BIGINT = f"^(?:0|{_up_to('9223372036854775807')}|-{_up_to('9223372036854775808')})$"
"""A whole number of 64 bits, -2^63 to 2^63-1, in the one decimal form that has no needless sign or zero."""

BY_KIND = {
    "timestamp": TIMESTAMP,
    "date": DATE,
    "ip": IP,
    "url": URL,
    "email": EMAIL,
    "uuid": UUID,
    "bigint": BIGINT,
}
"""The expression of each type that has one."""


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text; linear in the length of the text.

    Raises `ValueError` for a pattern that Rust's regex cannot compile.
    """
    return _validator(pattern).is_valid(text)


@functools.lru_cache(maxsize=1000)
def _validator(pattern: str) -> jsonschema_rs.Draft202012Validator:
    schema = {"pattern": pattern}
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions())
