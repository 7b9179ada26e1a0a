"""Searching in PostgreSQL for a text in any case: lower(), and regular expressions beyond ASCII.

The collation "C" folds ASCII only, and comparing lower() is several times as quick as a regular expression.
"""

from __future__ import annotations

from auditwright.storage.text_search import same_characters


def contains(text: str, parameter: str = "%s") -> tuple[str, str]:
    """SQL that holds where a column, written as {}, contains the text, and the value of its parameter."""
    if text.isascii():
        return f"strpos(lower({{}}), {parameter}) > 0", text.lower()
    return f"{{}} ~ {parameter}", regular_expression(text)


def regular_expression(text: str) -> str:
    """The regular expression of PostgreSQL that finds the text, a letter in any case."""
    return "".join(map(_expression, text))


def _expression(character: str) -> str:
    same = same_characters().get(character)
    if same is not None:
        return f"[{same}]"
    return character if character.isalnum() or not character.isascii() else f"\\{character}"
