"""Who acts, for which account and from where: carried beside the call, so that emitters need not be told.

`AuditLog.acting` and `AuditMiddleware` set it, `set_actor` fills it in, emitters read it. It lives in a
ContextVar: threads of a pool and asyncio tasks each see the context they were started in.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from auditwright.errors import AuditwrightError, Problem, ValidationError
from auditwright.limits import MAX_ID, Alterations, clean, clean_text, cut_text

ActorType = Literal["user", "app", "system"]


def identifier(path: str, value: object, most: int = MAX_ID) -> str:
    """An id of 1 to `most` characters; raises `ValidationError` for anything else.

    A NUL or a lone surrogate is refused: cleaned, two ids would become one.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        came = type(value).__name__ if not isinstance(value, str) else f"{len(value)} characters"
    elif clean(value) != value:
        came = "one with a NUL or a lone surrogate"
    else:
        return value
    raise ValidationError(path, (Problem(path, f"a string of 1 to {most} characters", came),))


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
    came = "other text" if isinstance(value, str) else type(value).__name__
    raise ValidationError("ip_address", (Problem("ip_address", "an IPv4 or IPv6 address", came),))


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
            known = clean_text("actor.id", self.id, self.alterations) if isinstance(self.id, str) else self.id
            object.__setattr__(self, "id", identifier("actor.id", known))
        if self.name is not None:
            if not isinstance(self.name, str):
                raise ValidationError("actor", (Problem("actor.name", "a string", type(self.name).__name__),))
            cleaned = clean_text("actor.name", self.name, self.alterations)
            object.__setattr__(self, "name", cut_text("actor.name", cleaned, self.alterations))

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


@dataclass(slots=True)
class Context:
    """What surrounds a call. Mutable: a block or a request may fill in who acts once that is known."""

    actor: Actor | None = None
    account_id: str | None = None
    ip_address: str | None = None
    origin: str | None = None
    """The address of the web request that this is the context of, whoever acts in it."""

    def address_of(self, actor: Actor | None) -> str | None:
        """The address, where it is the actor's: nobody else has acted from it, the system least of all."""
        if actor is None or actor == self.actor:
            return self.ip_address
        return self.ip_address if self.actor is None and actor.type != "system" else None


class NoContext(AuditwrightError, RuntimeError):
    """There is no context to set the actor of: neither `acting` nor `AuditMiddleware` is around the call."""


_EMPTY = Context()
_current: ContextVar[Context] = ContextVar("auditwright_context", default=_EMPTY)


def current() -> Context:
    """The context of this call; an empty one, never to be changed, outside of any."""
    return _current.get()


@contextmanager
def enter(context: Context) -> Iterator[Context]:
    """Put exactly this context around what is inside; nothing is taken from the one around it."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def set_actor(actor: Actor | None, account_id: str | None = None) -> None:
    """Fill in who acts, from now on, in the request or the `acting` block that is around the call.

    It may be called in any thread or task of it. In a request whoever acts has the request's address, but for
    the system, which has none; in a block another actor than the block's has none. None means that nobody
    is known to act; an account that is left out stays as it is. Raises `NoContext` outside of both, and
    `ValidationError` for what is no actor or account.
    """
    _check_actor(actor)
    account = identifier("account_id", account_id) if account_id is not None else None
    context = _current.get()
    if context is _EMPTY:
        raise NoContext(
            "set_actor: no context is around this call; install AuditMiddleware outside of what calls it, "
            "or call it inside `with log.acting():`"
        )
    if context.origin is None:
        context.ip_address = context.address_of(actor)
    else:
        context.ip_address = None if actor is not None and actor.type == "system" else context.origin
    context.actor = actor
    if account is not None:
        context.account_id = account


@contextmanager
def acting(
    actor: Actor | None = None, *, account_id: str | None = None, ip_address: str | None = None
) -> Iterator[Context]:
    """Set the context for what is recorded inside; what is left out is taken from the context around it.

    Another actor does not inherit the outer actor's address: that one was not theirs.
    """
    _check_actor(actor)
    outer = _current.get()
    inner = Context(
        actor or outer.actor,
        identifier("account_id", account_id) if account_id is not None else outer.account_id,
        _ip_address(ip_address) if ip_address is not None else outer.address_of(actor),
    )
    with enter(inner):
        yield inner


def _check_actor(actor: object) -> None:
    if actor is not None and not isinstance(actor, Actor):
        raise ValidationError("actor", (Problem("actor", "an Actor", type(actor).__name__),))


_ip_address = ip_address  # the parameter of `acting` has the same name
