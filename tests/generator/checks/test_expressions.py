"""`expressions.py`: every engine interprets accepted patterns alike."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.schema_engines import ajv_verdicts, entry_validator, re2_search

from auditwright_generator.checks.expressions import refuse_pattern
from auditwright_generator.patterns import matches

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
    "{40}",
    "^",
    "$",
    "é",
]
PARTS += [r"\x41", r"[\-\]]", "-", r"\n", "[", "]", "{", ".", r"\d", "(?=", "+", "&&", r"\u0041", r"\1"]
CHARACTERS = "abcAé.-]\n\r$^"


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]+$",
        r"^(?:[A-Z]{2,3}|\x41[^\]\-a]+?)\.\/$",
        "^$",
        "é{1,3}",
        "a|b",
        "(?:a{25}b{1,9}){40}",
        "(a*){99}",
    ],
)
def test_portable_patterns_are_accepted(pattern: str) -> None:
    assert refuse_pattern(pattern) is None
    re2_search(pattern, "")


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b", "a(?!\\n)"])
def test_look_around_is_refused_with_a_hint(pattern: str) -> None:
    reason = refuse_pattern(pattern)
    assert reason is not None
    assert reason.startswith("RE2 and Go have no look-around such as (?")
    assert reason.endswith("; use classes, alternatives and lengths instead")


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?P<x>a)(?P=x)", r"(a)\k<x>", r"(a)(?P=x)"])
def test_backreferences_are_refused_with_a_hint(pattern: str) -> None:
    reason = refuse_pattern(pattern)
    assert reason is not None
    assert "write" in reason


@pytest.mark.parametrize(
    "pattern", ["(?:a{30}){34}", "(?:(?:a{10}){10}){11}", "(?:a{2,}|b){501}", "(a{500}?){3}"]
)
def test_nested_repetitions_that_re2_refuses_are_refused(pattern: str) -> None:
    assert (
        refuse_pattern(pattern) == "its nested repetitions multiply to more than 1000; RE2 and Go refuse that"
    )
    with pytest.raises(Exception, match="invalid repetition size"):
        re2_search(pattern, "")


@settings(max_examples=examples(200))
@given(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=8).map("".join),
    st.lists(st.text(st.sampled_from(CHARACTERS), max_size=6), min_size=1, max_size=5),
)
def test_rust_python_and_re2_agree_on_what_is_allowed(pattern: str, texts: list[str]) -> None:
    if refuse_pattern(pattern) is None:
        python = entry_validator({"pattern": pattern})
        for text in texts:
            verdicts = {matches(pattern, text), python.is_valid(text), re2_search(pattern, text)}
            assert len(verdicts) == 1, (pattern, text)


def test_ajv_agrees_on_what_is_allowed() -> None:
    chance = random.Random(12)
    drawn = {"".join(chance.choices(PARTS, k=chance.randint(1, 8))) for _ in range(examples(12_500))}
    allowed = sorted(pattern for pattern in drawn if refuse_pattern(pattern) is None)
    assert len(allowed) > 250
    texts = ["", *("".join(chance.choices(CHARACTERS, k=chance.randint(1, 6))) for _ in range(100))]
    cases = [({"type": "string", "pattern": pattern}, list(texts)) for pattern in allowed]
    for pattern, verdicts in zip(allowed, ajv_verdicts(cases), strict=True):
        assert verdicts == [matches(pattern, text) for text in texts], pattern
