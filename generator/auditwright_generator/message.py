"""The message of an event: text with {name} placeholders, `{{` and `}}` for braces. Nothing more.

Format specifications, attributes and conversions of Python's formats are refused, so that a message means
the same to every reader.
"""

import re

BUILT_IN = ("actor", "ip_address")
"""Placeholders that every entry can fill."""

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}|\{[^{}]*\}|[^{}]+|.", re.DOTALL)


def placeholders(message: str) -> tuple[str, ...]:
    """The names in a message, in order."""
    return tuple(match.group(1) for match in _PIECE.finditer(message) if match.group(1))


def refused_pieces(message: str) -> tuple[str, ...]:
    """The pieces of a message that are neither text nor placeholders."""
    pieces = _PIECE.finditer(message)
    return tuple(
        piece.group()
        for piece in pieces
        if piece.group()[0] in "{}" and piece.group(1) is None and piece.group() not in ("{{", "}}")
    )
