"""Who acts, for which account and from where: carried beside the call, so that emitters need not be told.

`AuditLog.acting` and `AuditMiddleware` set it, `set_actor` fills it in, emitters read it. It lives in a
ContextVar: threads of a pool and asyncio tasks each see the context they were started in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from auditwright.actor import Actor, identifier, ip_address
from auditwright.errors import AuditwrightError, Problem, ValidationError


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
