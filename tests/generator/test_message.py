"""Messages are split into text and placeholders."""

from auditwright_generator.message import pieces, placeholders


def test_message_is_split_into_text_and_names() -> None:
    message = "{actor} set {{x}} to {new_value}%"
    assert pieces(message) == (
        ("", "actor"), (" set ", None), ("{", None), ("x", None), ("}", None), (" to ", None),
        ("", "new_value"), ("%", None),
    )  # fmt: skip
    assert placeholders(message) == ("actor", "new_value")


def test_message_without_placeholders_is_text() -> None:
    assert pieces("Nothing.") == (("Nothing.", None),)
    assert pieces("") == ()
