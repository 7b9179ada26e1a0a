"""Titles and messages derived from names."""

import pytest
from tests.generator.scaffold.fields import field

from auditwright_generator.model import Field
from auditwright_generator.scaffold.derived_text import message_of, title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("model_archived", "Model archived"),
        ("api_key_created", "API key created"),
        ("user_id", "User ID"),
        ("x", "X"),
    ],
)
def test_titles_are_made_of_names(name: str, title: str) -> None:
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("model_archived", [field("model_id"), field("model_name")], "{actor} archived model {model_name}."),
        ("model_archived", [field("model_id")], "{actor} archived model {model_id}."),
        ("model_archived", [field("model_id", required=False)], "{actor} archived a model."),
        ("model_archived", [field("model_name", sensitivity="personal")], "{actor} archived a model."),
        ("model_archived", [field("model_id", entry="actor_id")], "{actor} archived a model."),
        ("api_key_created", [], "{actor} created an API key."),
        ("guardrails_deployed", [], "{actor} deployed guardrails."),
        ("invoice_paid", [], "{actor} paid an invoice."),
        ("login", [], "{actor}: Login."),
        ("deleted", [], "{actor}: Deleted."),
    ],
)
def test_messages_are_made_of_names(name: str, fields: list[Field], message: str) -> None:
    assert message_of(name, title_of(name), fields) == message


def test_titles_with_braces_stay_text_in_messages() -> None:
    assert message_of("login", "Log {in}", []) == "{actor}: Log {{in}}."
