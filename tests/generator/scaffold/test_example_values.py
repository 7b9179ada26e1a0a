"""Example values derived from the type of a field."""

import pytest
from tests.generator.scaffold.fields import field

from auditwright_generator.model import Condition, EnumValue, Field, Value
from auditwright_generator.scaffold.example_values import NoExample, derive_example
from auditwright_generator.source.structure import KINDS


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (field("model_id"), "m-17"),
        (field("archive_reason"), "Archive reason"),
        (field("archive_reason", max_length=9), "Archive r"),
        (field("code", min_length=6), "Code-1"),
        (field("code", pattern="^[a-z]+$"), "code"),
        (field("code", pattern="^[0-9]+$"), "1"),
        (field("token", sensitivity="secret"), "not-a-real-token"),
        (field("n", "integer"), 1),
        (field("n", "integer", min=5), 5),
        (field("n", "integer", max=-5), -5),
        (field("n", "number", min=-2, max=0.5), -2),
        (field("n", "boolean"), True),
        (field("n", "timestamp"), "2026-01-31T09:30:00Z"),
        (field("n", "ip"), "203.0.113.7"),
        (field("n", "email"), "ada@example.com"),
        (field("run_log", "url"), "https://example.com/run-log"),
        (field("ns", "integer", many=True), [1]),
        (field("ns", "integer", many=True, min_items=3), [1, 1, 1]),
        (field("ns", many=True, max_length=1), ["N"]),
    ],
    ids=str,
)
def test_values_are_made_of_types(wanted: Field, value: Value) -> None:
    assert derive_example([wanted], {}, []) == {wanted.name: value}


def test_a_value_is_made_for_every_kind() -> None:

    for kind in KINDS:
        values = (EnumValue("a", "A"),) if kind == "enum" else ()
        assert derive_example([field("thing", kind, values=values)], {}, []).keys() == {"thing"}


def test_field_without_known_example_is_an_error() -> None:
    with pytest.raises(NoExample, match="no example is known for the field code; add --example code=VALUE"):
        derive_example([field("code", pattern="^[A-Z]{2}-[0-9]{4}$")], {}, [])


def test_given_texts_are_read_by_the_type_of_their_field() -> None:
    fields = [field("ports", "integer", many=True), field("armed", "boolean"), field("code")]
    given = {"code": "007", "ports": "80, 443", "armed": "no", "unknown": "1"}
    assert derive_example(fields, given, []) == {
        "ports": [80, 443],
        "armed": "no",  # left to `check`
        "code": "007",
        "unknown": "1",
    }
    assert derive_example(fields[1:2], {"armed": "false"}, []) == {"armed": False}


def test_conditions_decide_which_values_are_needed() -> None:
    fields = [
        field("reason", when=(Condition("public", (False,)),)),
        field("contact", when=(Condition("public", (True,)),)),
        field("note", required=False),
        field("user_id", entry="actor_id"),
        field("public", "boolean"),
    ]
    assert list(derive_example(fields, {}, [])) == ["contact", "public"]
    assert list(derive_example(fields, {"public": "false"}, [])) == ["reason", "public"]
