"""The regular expressions of the types `timestamp`, `ip`, `url` and `email`, and of ids; how patterns match.

Rust's regex, ECMA-262, RE2 and Go read them alike: no classes such as \\d, no look-around, no backreference.
`$` means the very end of the text. In Python's re it also matches before a final newline, so `matches` does
not use re. The expressions carry the whole of what a type allows, including the calendar, so that a JSON
Schema without `format` and a pydantic model without code of its own come to the same verdict.
"""

import functools

import jsonschema_rs

_DAY28 = "(?:0[1-9]|1[0-9]|2[0-8])"
_YEAR = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_FOURTH = "(?:0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = f"(?:[0-9]{{2}}{_FOURTH}|{_FOURTH}00)"
_MONTH_AND_DAY = (
    f"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-{_DAY28})"
)
TIMESTAMP = (
    f"^(?:{_YEAR}-{_MONTH_AND_DAY}|{_LEAP_YEAR}-02-29)"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z$"
)
"""RFC 3339 in UTC with at most microseconds; no leap seconds, which no datetime holds."""

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

BY_KIND = {"timestamp": TIMESTAMP, "ip": IP, "url": URL, "email": EMAIL}
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
