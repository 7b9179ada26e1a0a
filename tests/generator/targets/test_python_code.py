"""Python source text as the templates lay it out."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generator.targets.test_templating import NASTY, TEXT

from auditwright_generator.targets.python_code import (
    bracketed,
    described,
    imports,
    literal,
    long_literal,
    raw_literal,
    value_of,
)


@given(st.one_of(TEXT, NASTY))
def test_literal_is_the_text_itself(text: str) -> None:
    for written in (literal(text), raw_literal(text)):
        assert ast.literal_eval(written) == text
        assert "\n" not in written


@given(st.one_of(TEXT, NASTY), st.integers(1, 9))
def test_long_literal_is_the_text_itself(text: str, times: int) -> None:
    for of in (literal, raw_literal):
        assert ast.literal_eval(f"({long_literal(text * times, 4, of)})") == text * times


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_literal_of_a_number_is_the_number(value: bool | int | float) -> None:
    read = ast.literal_eval(literal(value))
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "written"),
    [("plain", '"plain"'), ("it's", '"it\'s"'), ('say "hi"', "'say \"hi\"'"), ("a\"'b", '"a\\"\'b"')],
)
def test_literal_takes_the_quotes_that_need_fewer_escapes(text: str, written: str) -> None:
    assert literal(text) == written


def test_brackets_are_exploded_where_they_do_not_fit() -> None:
    assert bracketed("f(", ["a", "b"], ")", 4) == "f(a, b)"
    assert (
        bracketed("f(", ["a" * 60, "b" * 60], ")", 4)
        == f"f(\n        {'a' * 60},\n        {'b' * 60},\n    )"
    )
    value = {"first": {"kind": ["x" * 60, "y" * 60]}, "second": {"kind": [True]}}
    assert ast.literal_eval(value_of("", value, 0)) == value


def test_imports_are_in_three_sorted_sections() -> None:
    names = {
        "own_events.b10": ["Ten"],
        "own_events.b9": ["Nine"],
        "auditwright.emitters": ["S"],
        "typing": ["Any"],
        "pydantic": ["Field"],
        "sqlalchemy": [],
    }
    assert imports(names, own="own_events") == (
        "from typing import Any\n\nfrom pydantic import Field\n\n"
        "from auditwright.emitters import S\nfrom own_events.b9 import Nine\nfrom own_events.b10 import Ten"
    )


@pytest.mark.parametrize(
    ("name", "title", "description", "text"),
    [
        ("models", "Models", "Models of the account.", "Models of the account."),
        ("api_app", "API App", "Apps of the account.", "Apps of the account."),
        ("login_logout", "Login/Logout", "People enter.", "People enter."),
        ("log", "Audit log", "The log as a whole.", "Audit log. The log as a whole."),
        ("log", "Log", "", "Log."),
    ],
)
def test_title_that_repeats_the_name_is_left_out(name: str, title: str, description: str, text: str) -> None:
    assert described(name, title, description) == text
