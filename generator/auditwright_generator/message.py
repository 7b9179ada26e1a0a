"""The message of an event: text with {name} placeholders, `{{` and `}}` for braces. Nothing more.

Format specifications, attributes and conversions of Python's formats are refused, so that a message means
the same to every reader.
"""

import re

BUILT_IN = ("actor", "ip_address")
"""Placeholders that every entry can fill."""

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}|[^{}]+|.", re.DOTALL)


def placeholders(message: str) -> tuple[str, ...]:
    """The names in a message, in order."""
    return tuple(match.group(1) for match in _PIECE.finditer(message) if match.group(1))


def refuse_message(message: str) -> str | None:
    """The first piece of a message that is neither text nor a placeholder, with what follows it."""
    for match in _PIECE.finditer(message):
        if match.group() in ("{", "}"):
            rest = message[match.start() :]
            end = rest.find("}") + 1
            return rest[:end] if rest.startswith("{") and end else match.group()
    return None
