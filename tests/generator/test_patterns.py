"""The patterns of times, addresses, URLs and e-mail: what they take, and that every engine agrees."""

import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError
from tests.support.schema_engines import entry_validator, re2_search

from auditwright_generator import patterns
from auditwright_generator.checks.expressions import refuse_syntax
from auditwright_generator.patterns import BY_KIND, matches

Verdict = Callable[[str], bool]


def engines(pattern: str) -> dict[str, Verdict]:
    """Rust's regex as pydantic and jsonschema-rs use it, Python's re as the reference says, and RE2."""
    python = entry_validator({"pattern": pattern})
    adapter = TypeAdapter[str](Annotated[str, Field(pattern=pattern)])
    schema = jsonschema_rs.validator_for({"type": "string", "pattern": pattern})

    def by_pydantic(text: str) -> bool:
        try:
            adapter.validate_python(text, strict=True)
        except ValidationError:
            return False
        return True

    return {
        "jsonschema": python.is_valid,
        "pydantic": by_pydantic,
        "jsonschema-rs": schema.is_valid,
        "matches": lambda text: matches(pattern, text),
        "re2": lambda text: re2_search(pattern, text),
    }


ENGINES = {kind: engines(pattern) for kind, pattern in {**BY_KIND, "uuid7": patterns.UUID7}.items()}


def is_valid(kind: str, text: str) -> bool:
    """The verdict of all engines, which must be one."""
    verdicts = {name: verdict(text) for name, verdict in ENGINES[kind].items()}
    assert len(set(verdicts.values())) == 1, (text, verdicts)
    return verdicts["matches"]


# --- times ---------------------------------------------------------------------------------------

FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
)
"""What is left to say when `datetime` has checked the values: `fromisoformat` takes many more forms."""


def is_a_time(text: str) -> bool:
    if not FORM.fullmatch(text):
        return False
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    offset = moment.utcoffset() or timedelta()
    leads_out = {"0001-01-01": offset > timedelta(), "9999-12-31": offset < timedelta()}
    # Python 3.13 reads 24:00 as the next midnight, earlier ones refuse it; ours refuses it.
    return not leads_out.get(text[:10], False) and text[11:13] != "24"


@given(
    st.one_of(
        st.from_regex(FORM, fullmatch=True),
        st.builds(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z".format,
            st.one_of(
                st.integers(0, 9999), st.sampled_from([0, 1, 4, 100, 400, 1600, 1900, 2000, 2024, 2100])
            ),
            st.integers(0, 14),
            st.integers(0, 33),
            st.integers(0, 25),
            st.integers(0, 61),
            st.integers(0, 61),
            st.sampled_from(["", ".", ".1", ".123456", ".1234567"]),
        ),
        st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
        st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    )
)
@example("2024-02-29T00:00:00Z")
@example("2023-02-29T00:00:00Z")
@example("1900-02-29T00:00:00Z")
@example("2000-02-29T00:00:00Z")
@example("0000-02-29T00:00:00Z")
def test_times_are_those_that_datetime_holds(text: str) -> None:
    assert is_valid("timestamp", text) == is_a_time(text)


def test_every_day_of_the_calendar_is_known() -> None:
    for year in (1, 4, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 2096, 2100, 9996, 9999):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}T00:00:00Z"
                assert matches(patterns.TIMESTAMP, text) == is_a_time(text), text


def test_leap_years_are_those_of_the_gregorian_calendar() -> None:
    leap = {year for year in range(1, 10_000) if matches(patterns.TIMESTAMP, f"{year:04}-02-29T00:00:00Z")}
    assert leap == {year for year in range(1, 10_000) if year % 4 == 0 and (year % 100 or year % 400 == 0)}


# --- dates, UUIDs and whole numbers ----------------------------------------------------------------


def is_a_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@given(
    st.dates().map(date.isoformat)
    | st.builds("{:04}-{:02}-{:02}".format, st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32))
    | st.from_regex(r"\A[0-9]{1,5}-?W?[0-9]{1,2}-?[0-9]{1,2}\n?\Z")
)
@example("0001-01-01")
@example("9999-12-31")
@example("0000-12-31")
@example("1900-02-29")
def test_dates_are_those_that_date_holds(text: str) -> None:
    assert is_valid("date", text) == is_a_date(text)


@given(
    st.uuids(allow_nil=True).map(str)
    | st.uuids().map(lambda each: str(each).upper())
    | st.from_regex(r"\A[{]?[0-9a-gA-G]{8}-?[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11,13}[}\n]?\Z")
)
@example("ffffffff-ffff-ffff-ffff-ffffffffffff")
def test_uuids_are_of_any_version_in_the_usual_form(text: str) -> None:
    try:
        expected = str(UUID(text)) == text.lower()
    except ValueError:
        expected = False
    assert is_valid("uuid", text) == expected


@given(
    st.integers(-(2**63) - 1000, -(2**63) + 1000)
    | st.integers(2**63 - 1000, 2**63 + 1000)
    | st.integers(-(2**80), 2**80)
)
@example(-(2**63) - 1)
@example(-(2**63))
@example(2**63 - 1)
@example(2**63)
@example(0)
def test_bigints_are_exactly_those_of_64_bits(number: int) -> None:
    assert is_valid("bigint", str(number)) == (-(2**63) <= number < 2**63)
    for text in (f"0{number}", f"+{number}", f"{number}\n", f" {number}", f"{number}.0", f"-0{abs(number)}"):
        assert not is_valid("bigint", text)


def test_bound_of_bigints_is_exact_at_every_digit() -> None:
    for bound, sign in ((2**63 - 1, ""), (2**63, "-")):
        for place in range(19):
            for step in (-(10**place), 10**place):
                number = bound + step
                assert is_valid("bigint", f"{sign}{number}") == (number <= bound)


# --- addresses -----------------------------------------------------------------------------------


def is_an_address(text: str) -> bool:
    """By `ipaddress`, but for a zone (`%eth0`): it names an interface of one machine, never who called."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


_GROUPS = st.lists(st.sampled_from(["0", "1", "db8", "ffff", "FFFF", "12345", "g", ""]), max_size=10)


@given(
    st.one_of(
        st.ip_addresses().map(str),
        st.ip_addresses(v=6).map(lambda address: ipaddress.IPv6Address(address).exploded),
        _GROUPS.map(":".join),
        st.tuples(_GROUPS, _GROUPS).map(lambda pair: f"{':'.join(pair[0])}::{':'.join(pair[1])}"),
        st.tuples(_GROUPS, st.ip_addresses(v=4)).map(lambda pair: f"{':'.join(pair[0])}:{pair[1]}"),
        st.lists(st.sampled_from(["0", "00", "01", "9", "255", "256", "1000", "", "-1"]), max_size=6).map(
            ".".join
        ),
        st.text("0123456789abcdefABCDEF:.%/ ", max_size=12),
    )
)
@example("::ffff:203.0.113.7")
@example("1::")
@example("::")
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
@example("1:2:3:4:5:6:1.2.3.4")
@example("fe80::1%eth0")
def test_addresses_are_those_of_ipaddress(text: str) -> None:
    assert is_valid("ip", text) == is_an_address(text)


# --- URLs, e-mail, ids ---------------------------------------------------------------------------

RIGHT = {
    "url": [
        "http://a",
        "https://example.com",
        "https://example.com/",
        "https://example.com:8443/a/b?c=d&e=f#g",
        "https://example.com?q=1",
        "https://example.com#top",
        "https://example.com/@ada",
        "https://example.com/a?mail=ada@example.com",
        "https://[2001:db8::1]:443/",
        "https://bücher.example/straße",
        "https://example.com/%40",
        "https://example.com/\u2028",
    ],
    "email": [
        "ada@example.com",
        "a@b",
        "ada.lovelace+audit@mail.example.com",
        "ädä@exämple.com",
        '"quoted"@example.com',
        "ada@[203.0.113.7]",
        "ada@xn--bcher-kva.example",
    ],
    "uuid7": ["018f3b5c-7d2a-7abc-8def-0123456789ab", "00000000-0000-7000-b000-000000000000"],
}
WRONG = {
    "url": [
        "",
        "https://",
        "https:///path",
        "https://?q",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "HTTPS://example.com",
        "javascript:alert(1)",
        "https://user@example.com",
        "https://user:password@example.com/",
        "https://:password@example.com",
        "https://example.com@evil.example",
        "https://example.com\\@evil.example",
        "https://exam ple.com",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://example.com\n",
        "https://example.com/\x7f",
        "https://example.com/\x00",
        " https://example.com",
        "x https://example.com",
    ],
    "email": [
        "",
        "ada",
        "@",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "a@b@c",
        "ada@.example.com",
        "ada@example.com.",
        "ada@example..com",
        "ada lovelace@example.com",
        "ada@exam ple.com",
        "ada@example.com\n",
        "\nada@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\x00@example.com",
    ],
    "uuid7": [
        "",
        "018F3B5C-7D2A-7ABC-8DEF-0123456789AB",
        "018f3b5c-7d2a-4abc-8def-0123456789ab",
        "018f3b5c-7d2a-7abc-7def-0123456789ab",
        "018f3b5c7d2a7abc8def0123456789ab",
        "018f3b5c-7d2a-7abc-8def-0123456789ab\n",
        "{018f3b5c-7d2a-7abc-8def-0123456789ab}",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in RIGHT.items() for text in texts])
def test_right_ones_are_taken(kind: str, text: str) -> None:
    assert is_valid(kind, text)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in WRONG.items() for text in texts])
def test_wrong_ones_are_refused(kind: str, text: str) -> None:
    assert not is_valid(kind, text)


@given(kind=st.sampled_from(sorted(ENGINES)), text=st.text(max_size=30), seed=st.integers(0, 100))
def test_engines_agree_on_any_text(kind: str, text: str, seed: int) -> None:
    is_valid(kind, text)
    right = [*RIGHT.get(kind, []), "2026-01-02T03:04:05Z", "203.0.113.7", "2001:db8::1"]
    whole = right[seed % len(right)]
    cut = seed % (len(whole) + 1)
    is_valid(kind, whole[:cut] + text + whole[cut:])


# --- the very end --------------------------------------------------------------------------------


_PATTERNS = [
    "^a$",
    "a$",
    "^a",
    "^a$|b$",
    "^(?:a|b$)",
    "[$]$",
    "^[a$]+$",
    "\\$$",
    "^\\\\$",
    "(a$)|(^b)",
    "^$",
    "$",
]


@given(pattern=st.sampled_from(_PATTERNS), text=st.text("ab$\\\n", max_size=4))
def test_pattern_of_a_catalog_means_the_same_to_every_engine(pattern: str, text: str) -> None:
    verdicts = {name: verdict(text) for name, verdict in _CATALOG_ENGINES[pattern].items()}
    assert len(set(verdicts.values())) == 1, verdicts


_CATALOG_ENGINES = {pattern: engines(pattern) for pattern in _PATTERNS}


def test_patterns_use_only_what_a_catalog_may_use() -> None:
    for pattern in (*BY_KIND.values(), patterns.UUID7):
        assert refuse_syntax(pattern) is None
