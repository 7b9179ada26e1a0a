"""`expressions.py`: what is allowed means the same in Python and in the JSON Schema library's Rust."""

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditwright_generator.checks.expressions import compile_pattern, refuse_pattern
from auditwright_generator.patterns import very_end

PARTS = [
    "a",
    "b",
    "[a-c]",
    "[^a]",
    r"\.",
    "(?:",
    "(",
    ")",
    "|",
    "*",
    "+?",
    "?",
    "{2}",
    "{1,2}",
    "^",
    "$",
    "é",
]
PARTS += [r"\x41", r"[\-\]]", "-", r"\n", "[", "]", "{", ".", r"\d", "(?=", "+", "&&"]


@pytest.mark.parametrize(
    "pattern", ["^[a-z]+$", r"^(?:[A-Z]{2,3}|\x41[^\]\-a]+?)\.\/$", "^$", "é{1,3}", "a|b"]
)
def test_shared_patterns_are_fine(pattern: str) -> None:
    assert refuse_pattern(pattern) is None


def test_end_is_the_very_end() -> None:
    assert compile_pattern("^a$").search("a")
    assert not compile_pattern("^a$").search("a\n")


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=8).map("".join),
    st.lists(st.text(st.sampled_from("abcAé.-]\n\r$^"), max_size=6), min_size=1, max_size=5),
)
def test_both_readers_agree_on_what_is_allowed(pattern: str, texts: list[str]) -> None:
    if refuse_pattern(pattern) is None:
        rust = jsonschema_rs.validator_for({"pattern": very_end(pattern)})
        for text in texts:
            assert bool(compile_pattern(pattern).search(text)) == rust.is_valid(text), (pattern, text)
