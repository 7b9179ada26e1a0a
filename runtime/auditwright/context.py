"""The context of a call: actor, account and address, so that emitters need not be passed them.

`AuditLog.acting` and `AuditMiddleware` set it, `set_actor` changes it, `recording/` reads it. It is kept in a
ContextVar; each thread or asyncio task sees the context in which it was started.
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
    """The context of a call. Mutable: the actor of a request or a block may become known later."""

    actor: Actor | None = None
    account_id: str | None = None
    ip_address: str | None = None
    origin: str | None = None
    """The client address of the web request, for any actor; None outside of a request."""

    def address_of(self, actor: Actor | None) -> str | None:
        """The context's address if it belongs to this actor; the system and other actors have none."""
        if actor is None or actor == self.actor:
            return self.ip_address
        return self.ip_address if self.actor is None and actor.type != "system" else None


class NoContext(AuditwrightError, RuntimeError):
    """`set_actor` was called outside of `acting` and `AuditMiddleware`."""


_EMPTY = Context()
_current: ContextVar[Context] = ContextVar("auditwright_context", default=_EMPTY)


def current() -> Context:
    """The context of this call; outside of any, an empty one that must not be changed."""
    return _current.get()


@contextmanager
def enter(context: Context) -> Iterator[Context]:
    """Set this context inside the `with` block; nothing is inherited from the outer one."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def set_actor(actor: Actor | None, account_id: str | None = None) -> None:
    """Set the actor of the current request or `acting` block, from now on.

    It may be called in any thread or task of the request or block. In a request every actor except the
    system has the request's address. In a block an actor other than the block's has no address. None means
    that the actor is unknown. Without `account_id` the account is not changed. Raises `NoContext` outside of
    both, and `ValidationError` for an invalid actor or account.
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
    """Set the context inside the `with` block; omitted values are inherited from the outer context.

    Another actor does not inherit the address of the outer actor.
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
