"""The texts of errors: what each kind of field expects, and what it got."""

from typing import Any

import pytest

from auditwright import Catalog, Problem, ValidationError
from auditwright.catalog import Field
from auditwright.effort import did_you_mean
from auditwright.recording.problem_text import expected, got, unknown


def field(kind: str = "string", **facts: Any) -> Field:
    return Field("f", "F", "", kind, facts.pop("many", False), True, "event", **facts)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (field(), "a string"),
        (field(max_length=5), "a string of 0 to 5 characters"),
        (field(min_length=1), "a string of at least 1 character"),
        (field(min_length=2, max_length=5), "a string of 2 to 5 characters"),
        (field(pattern="^a$"), "a string matching ^a$"),
        (field("integer"), "an integer"),
        (field("integer", min=0), "an integer of at least 0"),
        (field("integer", max=9), "an integer of at most 9"),
        (field("number", min=0, max=1), "a number of at least 0 and at most 1"),
        (field("boolean"), "true or false"),
        (field("timestamp"), "an RFC 3339 time such as 2026-01-02T03:04:05Z"),
        (field("ip"), "an IP address"),
        (field("url"), "an http or https URL without credentials"),
        (field("email"), "an e-mail address"),
        (field("enum", values={"a": "A", "b": "B"}), "one of a, b"),
        (field(many=True), "a list of strings"),
        (field(many=True, min_items=1), "a list of strings, at least 1 item"),
        (field("integer", many=True, min_items=2), "a list of integers, at least 2 items"),
        (field("enum", many=True, values={"a": "A"}, max_items=3), "a list of one of a, 0 to 3 items"),
    ],
)
def test_expected_describes_the_field(made: Field, words: str) -> None:
    assert expected(made) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        ("short", "'short'"),
        ("a" * 21, f"'{'a' * 21}' (21 characters)"),
        ("a" * 300, f"'{'a' * 97}…' (300 characters)"),
        ("it's\n", '"it\'s\\n"'),
        ("\ud800", "'�'"),
        (True, "True"),
        (5, "5"),
        (1.5, "1.5"),
        ([1], "a list"),
        ({}, "an object"),
        (b"x", "bytes"),
        (2**300, "an integer"),
    ],
)
def test_got_describes_the_value(value: Any, words: str) -> None:
    assert got(value, field()) == words


@pytest.mark.parametrize("sensitivity", ["personal", "secret"])
@pytest.mark.parametrize(
    ("value", "words"),
    [("x", "a string"), (5, "an integer"), (1.5, "a number"), (True, "a boolean"), ([], "a list")],
)
def test_error_names_only_the_type_of_a_sensitive_value(sensitivity: str, value: Any, words: str) -> None:
    assert got(value, field(sensitivity=sensitivity)) == words


def test_the_nearest_name_is_said_where_one_is_near() -> None:
    assert did_you_mean("modle_id", ["model_id", "model_name"]) == '; did you mean "model_id"?'
    assert did_you_mean("zzz", ["model_id"]) == ""


def test_an_event_without_fields_says_so() -> None:
    event = Catalog("audit_events").event("account.app_api_key.app_api_key_created")
    assert event is not None
    assert str(unknown(event, "x")) == "metadata.x: expected no fields, got an unknown field"


def test_several_problems_are_a_list() -> None:
    error = ValidationError("e", (Problem("a", "b", "c"), Problem("d", "e", "f")))
    assert str(error) == "e: 2 problems\n  a: expected b, got c\n  d: expected e, got f"
    assert isinstance(error, ValueError)
