"""The context of a call: who acts and from where, so that emitters need not be passed it.

`AuditLog.acting` and the middleware set it, `set_actor` changes it, `recording/` reads it. It is kept in a
ContextVar; each thread or asyncio task sees the context in which it was started. `sent_context.py` carries it
to another process, such as a worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditwright.actor import Actor, acted_for, identifier, ip_address
from auditwright.errors import AuditwrightError, Problem, ValidationError

if TYPE_CHECKING:
    from auditwright.entry_context import EntryContext


@dataclass(slots=True)
class Context:
    """The context of a call. Mutable: the actor of a request or a block may become known later."""

    actor: Actor | None = None
    account_id: str | None = None
    ip_address: str | None = None
    origin: str | None = None
    """The client address of the web request, for any actor; None outside of a request."""
    on_behalf_of: Actor | None = None
    details: dict[str, str] = field(default_factory=dict)
    """The checked parts of the entry's context (`entry_context.py`); replaced, never changed."""

    def address_of(self, actor: Actor | None) -> str | None:
        """The context's address if it belongs to this actor; the system and other actors have none."""
        if actor is None or actor == self.actor:
            return self.ip_address
        return self.ip_address if self._is_nobody_known() and actor.type != "system" else None

    def acted_for_by(self, actor: Actor | None) -> Actor | None:
        """On whose behalf this actor acts here; other actors than the context's act for themselves."""
        return self.on_behalf_of if actor in (None, self.actor) or self._is_nobody_known() else None

    def _is_nobody_known(self) -> bool:
        return self.actor is None or self.actor.type == "anonymous"


class NoContext(AuditwrightError, RuntimeError):
    """`set_actor` was called outside of `acting`, `load_context` and the middleware."""


class _Block:
    """A `with` block and its context. `outer` is the block around it, None once this one has ended."""

    __slots__ = ("context", "outer")

    def __init__(self, context: Context, outer: _Block | None) -> None:
        self.context = context
        self.outer = outer


_EMPTY = Context()
_NOWHERE = _Block(_EMPTY, None)
_current: ContextVar[_Block] = ContextVar("auditwright_context", default=_NOWHERE)


def current() -> Context:
    """The context of this call; outside of any, an empty one that must not be changed."""
    return _current.get().context


@contextmanager
def enter(context: Context) -> Iterator[Context]:
    """Set this context inside the `with` block; nothing is inherited from the outer one."""
    block = _Block(context, _current.get())
    token = None
    try:
        token = _current.set(block)
        yield context
    finally:
        try:
            _leave(block, token)
        except BaseException:  # of a signal handler
            _leave(block, token)
            raise


def _leave(block: _Block, token: Token[_Block] | None) -> None:
    """Set the context of the block around this one again, unless that is set already. Idempotent.

    An exception of a signal handler may end the block after those around it, when the garbage collector
    closes its generator. To set their context then would name the wrong actor for what is recorded later.
    """
    each: _Block | None = _current.get()
    while each is not None and each is not block:
        each = each.outer
    if each is block:
        if token is None:  # the exception came just after the context was set
            _current.set(block.outer or _NOWHERE)
        else:
            # A generator that nobody reads to its end is closed elsewhere, where nothing was set.
            with suppress(ValueError):
                _current.reset(token)
    block.outer = None  # tasks that were started in the block keep it, and no others


class Steps:
    """The steps of a request whose response is streamed, each in the context that the one before it left."""

    def __init__(self, context: Context) -> None:
        self._block = _Block(context, None)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Set the context inside the `with` block; afterwards the thread has the one that it had before."""
        token = _current.set(self._block)
        try:
            yield
        finally:
            # A generator may yield inside of `with log.acting(...)`, and goes on there.
            self._block = _current.get()
            with suppress(ValueError):
                _current.reset(token)


@contextmanager
def isolated() -> Iterator[None]:
    """Forget at the end of the `with` block what was set inside it, by `set_actor` too; for tests."""
    outer = _current.get()
    token = _current.set(outer if outer is _NOWHERE else _Block(replace(outer.context), outer))
    try:
        yield
    finally:
        _current.reset(token)


def set_actor(
    actor: Actor | None,
    account_id: str | None = None,
    *,
    on_behalf_of: Actor | None = None,
    context: EntryContext | None = None,
) -> None:
    """Set the actor of the current request or `acting` block, from now on.

    It may be called in any thread or task of the request or block. In a request every actor except the
    system has the request's address. In a block an actor other than the block's has no address. None means
    that the actor is unknown. Without `account_id` the account is not changed. Without `on_behalf_of` the
    actor acts for nobody else. `context` is added to the context of the request or block, such as the id of
    the session. Raises `NoContext` outside of both, and `ValidationError` for invalid values.
    """
    check_actor(actor)
    acted_for(on_behalf_of)
    account = identifier("account_id", account_id) if account_id is not None else None
    parts = parts_of(context)
    around = current()
    if around is _EMPTY:
        raise NoContext(
            "set_actor: no context is around this call; install AuditMiddleware or AuditWsgiMiddleware "
            "outside of what calls it, or call it inside `with log.acting():`"
        )
    if around.origin is None:
        around.ip_address = around.address_of(actor)
    else:
        around.ip_address = None if actor is not None and actor.type == "system" else around.origin
    around.actor, around.on_behalf_of = actor, on_behalf_of
    if account is not None:
        around.account_id = account
    if parts:
        around.details = around.details | parts


@contextmanager
def acting(
    actor: Actor | None = None,
    *,
    account_id: str | None = None,
    ip_address: str | None = None,
    on_behalf_of: Actor | None = None,
    context: EntryContext | None = None,
) -> Iterator[Context]:
    """Set the context inside the `with` block; omitted values are inherited from the outer context.

    Another actor inherits neither the address of the outer actor nor on whose behalf that acts. Of `context`
    each part is inherited by itself.
    """
    check_actor(actor)
    acted_for(on_behalf_of)
    outer = current()
    inner = Context(
        actor or outer.actor,
        identifier("account_id", account_id) if account_id is not None else outer.account_id,
        _ip_address(ip_address) if ip_address is not None else outer.address_of(actor),
        on_behalf_of=on_behalf_of or outer.acted_for_by(actor),
        details=outer.details | parts_of(context),
    )
    with enter(inner):
        yield inner


def check_actor(actor: object) -> None:
    """Raise `ValidationError` for what is neither an actor nor None."""
    if actor is not None and not isinstance(actor, Actor):
        raise ValidationError("actor", (Problem("actor", "an Actor", type(actor).__name__),))


def parts_of(context: object) -> dict[str, str]:
    """The checked parts of a caller's context. Most callers give none, and load nothing for it."""
    if context is None:
        return {}
    from auditwright.entry_context import checked_parts

    return checked_parts(context)


_ip_address = ip_address  # the parameter of `acting` has the same name
