"""Who acts, and what identifies an actor or an account."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Literal

from auditwright.errors import Problem, ValidationError
from auditwright.limits import MAX_ID, Alterations, sanitize, sanitize_text, truncate_text

ActorType = Literal["user", "app", "system"]


def identifier(path: str, value: object, limit: int = MAX_ID) -> str:
    """An id of 1 to `limit` characters; raises `ValidationError` for anything else.

    A NUL or a lone surrogate is refused: cleaned, two ids would become one.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        got = type(value).__name__ if not isinstance(value, str) else f"{len(value)} characters"
    elif sanitize(value) != value:
        got = "one with a NUL or a lone surrogate"
    else:
        return value
    raise ValidationError(path, (Problem(path, f"a string of 1 to {limit} characters", got),))


def ip_address(value: object) -> str | None:
    """The address in its one normal form: RFC 5952 for IPv6, an IPv4-mapped one as IPv4; None stays None.

    Raises `ValidationError` for what is no address, a name or a port among it.
    """
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, value))
        except (OSError, UnicodeError, ValueError):
            pass
        try:
            packed = socket.inet_pton(socket.AF_INET6, value)
        except (OSError, UnicodeError, ValueError):
            pass
        else:
            if packed.startswith(bytes(10) + b"\xff\xff"):
                return socket.inet_ntop(socket.AF_INET, packed[12:])
            return socket.inet_ntop(socket.AF_INET6, packed)
    got = "other text" if isinstance(value, str) else type(value).__name__
    raise ValidationError("ip_address", (Problem("ip_address", "an IPv4 or IPv6 address", got),))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. Make one with `Actor.user`, `Actor.app` or `Actor.system`.

    The name is kept as of the time of recording; one over 4 KiB is cut, and a NUL or a lone surrogate in
    either becomes U+FFFD, which the entry's `alterations` say. Raises `ValidationError` for an id that is no
    string of 1 to 256 characters, or a type that does not exist.
    """

    type: ActorType
    id: str | None = None
    name: str | None = None
    alterations: Alterations = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was cleaned or cut, by path."""

    def __post_init__(self) -> None:
        if self.type not in ("user", "app", "system"):
            raise ValidationError(
                "actor", (Problem("actor.type", '"user", "app" or "system"', repr(self.type)),)
            )
        if self.id is not None or self.type != "system":
            known = (
                sanitize_text("actor.id", self.id, self.alterations) if isinstance(self.id, str) else self.id
            )
            object.__setattr__(self, "id", identifier("actor.id", known))
        if self.name is not None:
            if not isinstance(self.name, str):
                raise ValidationError("actor", (Problem("actor.name", "a string", type(self.name).__name__),))
            cleaned = sanitize_text("actor.name", self.name, self.alterations)
            object.__setattr__(self, "name", truncate_text("actor.name", cleaned, self.alterations))

    @classmethod
    def user(cls, id: str, name: str | None = None) -> Actor:  # noqa: A002 - the word for it everywhere
        """A person, by id, with the name as of now."""
        return cls("user", id, name)

    @classmethod
    def app(cls, id: str, name: str | None = None) -> Actor:  # noqa: A002
        """A program that acts in its own right, such as an API client."""
        return cls("app", id, name)

    @classmethod
    def system(cls, name: str | None = None) -> Actor:
        """The system itself, where nobody asked for it."""
        return cls("system", None, name)

    @property
    def label(self) -> str:
        """What people read: the name, else the id, else "System"."""
        return self.name or self.id or "System"
