"""The syntax of an event's message: text with `{name}` placeholders, and `{{` and `}}` for braces.

Python's format specifications, attributes and conversions are refused, so that every reader renders a message
the same way.
"""

import re

BUILT_IN = ("actor", "ip_address")
"""Placeholders that are filled from the entry."""

_PIECE = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}|\{[^{}]*\}|[^{}]+|.", re.DOTALL)


def placeholders(message: str) -> tuple[str, ...]:
    """The placeholder names of a message, in order."""
    return tuple(match.group(1) for match in _PIECE.finditer(message) if match.group(1))


def refused_pieces(message: str) -> tuple[str, ...]:
    """The parts of a message that are neither text nor placeholders."""
    pieces = _PIECE.finditer(message)
    return tuple(
        piece.group()
        for piece in pieces
        if piece.group()[0] in "{}" and piece.group(1) is None and piece.group() not in ("{{", "}}")
    )


def pieces(message: str) -> tuple[tuple[str, str | None], ...]:
    """The message in parts, in order: text with None, or "" with the name of a placeholder."""
    braces = {"{{": "{", "}}": "}"}
    return tuple(
        ("", match[1]) if match[1] else (braces.get(match[0], match[0]), None)
        for match in _PIECE.finditer(message)
    )
