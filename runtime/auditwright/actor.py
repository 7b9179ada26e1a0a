"""The actor, and the validation of ids and IP addresses.

Used by the context and the envelope of entries; it does not know the catalog.
"""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass, field
from typing import Literal, get_args

import uuid_utils

from auditwright.errors import Problem, ValidationError
from auditwright.limits import MAX_ID, Alterations, sanitize, sanitize_text, shown, text_of, truncate_text

ActorType = Literal["user", "app", "system", "anonymous"]
ACTOR_TYPES: tuple[ActorType, ...] = get_args(ActorType)
"""The types of actors; the first two have an id."""
ANY_TYPE = '"user", "app", "system" or "anonymous"'
NOBODY = "nothing, as the actor is anonymous"
"""What is expected in errors: the types of actors, and the id and the name of an anonymous one."""


def identifier(path: str, value: object, limit: int = MAX_ID) -> str:
    """An id of 1 to `limit` characters; raises `ValidationError` for anything else.

    NUL and lone surrogates are refused, because sanitizing could make two ids equal.
    """
    text = value if type(value) is str else text_of(value)
    if text is None or not 1 <= len(text) <= limit:
        got = type(value).__name__ if text is None else f"{len(text)} characters"
    elif sanitize(text) != text:
        got = "one with a NUL or a lone surrogate"
    else:
        return text
    raise ValidationError(path, (Problem(path, f"a string of 1 to {limit} characters", got),))


def packed_id(value: object) -> bytes | None:
    """The 16 bytes of an id: a `uuid.UUID`, one of uuid-utils, or its text; None for anything else."""
    if isinstance(value, (uuid.UUID, uuid_utils.UUID)):
        return value.bytes
    text = text_of(value)
    if text is None:
        return None
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        return None


def ip_address(value: object) -> str | None:
    """The address in normal form: RFC 5952 for IPv6, IPv4-mapped addresses as IPv4; None for None.

    Raises `ValidationError` for anything else, such as a host name or an address with a port.
    """
    if value is None:
        return None
    text = text_of(value)
    if text is not None:
        try:
            return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text))
        except (OSError, UnicodeError, ValueError):
            pass
        try:
            packed = socket.inet_pton(socket.AF_INET6, text)
        except (OSError, UnicodeError, ValueError):
            pass
        else:
            if packed.startswith(bytes(10) + b"\xff\xff"):
                return socket.inet_ntop(socket.AF_INET, packed[12:])
            return socket.inet_ntop(socket.AF_INET6, packed)
    got = type(value).__name__ if text is None else "other text"
    raise ValidationError("ip_address", (Problem("ip_address", "an IPv4 or IPv6 address", got),))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. Create one with `Actor.user`, `Actor.app`, `Actor.system` or `Actor.anonymous`.

    The name is stored as of the time of recording. A name over 4 KiB is truncated; NUL and lone surrogates
    become U+FFFD. The entry's `alterations` record both. Raises `ValidationError` for an unknown type, an id
    that is not a string of 1 to 256 characters, or an anonymous actor with an id or a name.
    """

    type: ActorType
    id: str | None = None
    name: str | None = None
    alterations: Alterations = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was sanitized or truncated, by path."""

    def __post_init__(self) -> None:
        if not type(self.type) is type(self.id) is type(self.name) is str:
            for part in ("type", "id", "name"):
                text = text_of(getattr(self, part))
                if text is not None:
                    object.__setattr__(self, part, text)
        if type(self.type) is not str or self.type not in ACTOR_TYPES:
            raise ValidationError("actor", (Problem("actor.type", ANY_TYPE, shown(self.type)),))
        if self.type == "anonymous":
            for part in ("id", "name"):
                if getattr(self, part) is not None:
                    problem = Problem(f"actor.{part}", NOBODY, "a value")
                    raise ValidationError("actor", (problem,))
        elif self.id is not None or self.type != "system":
            known = sanitize_text("actor.id", self.id, self.alterations) if type(self.id) is str else self.id
            object.__setattr__(self, "id", identifier("actor.id", known))
        if self.name is not None:
            if type(self.name) is not str:
                raise ValidationError("actor", (Problem("actor.name", "a string", type(self.name).__name__),))
            sanitized = sanitize_text("actor.name", self.name, self.alterations)
            object.__setattr__(self, "name", truncate_text("actor.name", sanitized, self.alterations))

    @classmethod
    def stored(cls, type: str, id: str | None, name: str | None) -> Actor:  # noqa: A002
        """The actor of a stored row, as it is."""
        actor = object.__new__(cls)
        for attribute, value in (("type", type), ("id", id), ("name", name), ("alterations", {})):
            object.__setattr__(actor, attribute, value)
        return actor

    @classmethod
    def user(cls, id: str, name: str | None = None) -> Actor:  # noqa: A002 - the word for it everywhere
        """A person, with the current name."""
        return cls("user", id, name)

    @classmethod
    def app(cls, id: str, name: str | None = None) -> Actor:  # noqa: A002
        """A program that acts on its own behalf, such as an API client."""
        return cls("app", id, name)

    @classmethod
    def system(cls, name: str | None = None) -> Actor:
        """The system itself, acting without a request of a user or an app."""
        return cls("system", None, name)

    @classmethod
    def anonymous(cls) -> Actor:
        """Somebody who could not be identified, such as whoever failed to sign in."""
        return cls("anonymous")

    @property
    def label(self) -> str:
        """The text to show: the name, else the id, else "System" or "Anonymous"."""
        return self.name or self.id or ("Anonymous" if self.type == "anonymous" else "System")


def acted_for(value: object) -> Actor | None:
    """The user or app on whose behalf somebody acts, or None; raises `ValidationError` for anything else."""
    if value is None or (isinstance(value, Actor) and value.type in ("user", "app")):
        return value
    got = f"Actor.{value.type}" if isinstance(value, Actor) else type(value).__name__
    problem = Problem("on_behalf_of", "an Actor.user or an Actor.app", got)
    raise ValidationError("on_behalf_of", (problem,))
