"""The context of a call: actor, account and address, so that emitters need not be passed them.

`AuditLog.acting` and the middleware set it, `set_actor` changes it, `recording/` reads it. It is kept in a
ContextVar; each thread or asyncio task sees the context in which it was started. `dump_context` and
`load_context` carry it to another process, such as a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from auditwright.actor import Actor, identifier, ip_address
from auditwright.errors import AuditwrightError, Problem, ValidationError
from auditwright.limits import shown, text_of

if TYPE_CHECKING:
    from auditwright.actor import ActorType

_Part = TypeVar("_Part")


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
    """`set_actor` was called outside of `acting`, `load_context` and the middleware."""


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
        # A generator that nobody reads to its end is closed elsewhere, where nothing was set.
        with suppress(ValueError):
            _current.reset(token)


class Steps:
    """The steps of a request whose response is streamed, each in the context that the one before it left."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @contextmanager
    def step(self) -> Iterator[None]:
        """Set the context inside the `with` block; afterwards the thread has the one that it had before."""
        with enter(self._context):
            try:
                yield
            finally:
                # A generator may yield inside of `with log.acting(...)`, and goes on there.
                self._context = current()


@contextmanager
def isolated() -> Iterator[None]:
    """Forget at the end of the `with` block what was set inside it, by `set_actor` too; for tests."""
    outer = _current.get()
    token = _current.set(outer if outer is _EMPTY else replace(outer))
    try:
        yield
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
            "set_actor: no context is around this call; install AuditMiddleware or AuditWsgiMiddleware "
            "outside of what calls it, or call it inside `with log.acting():`"
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


_VERSION = "1"
"""The version of the form of `dump_context`; it names the keys."""
_KEYS = ("version", "actor_type", "actor_id", "actor_name", "account_id", "ip_address")


def dump_context() -> dict[str, str]:
    """The current actor, account and address as texts, to send with a job; empty if nothing is set.

    The keys are `version`, `actor_type`, `actor_id`, `actor_name`, `account_id` and `ip_address`; what is not
    set is omitted. `load_context` sets it in the process that gets the job. Whoever can change what is sent
    can act as anybody, so send it only through queues that are your own.
    """
    context = _current.get()
    actor = context.actor
    values = {
        "actor_type": actor.type if actor else None,
        "actor_id": actor.id if actor else None,
        "actor_name": actor.name if actor else None,
        "account_id": context.account_id,
        "ip_address": context.ip_address,
    }
    known = {key: value for key, value in values.items() if value is not None}
    return {"version": _VERSION, **known} if known else {}


@contextmanager
def load_context(dumped: dict[str, str] | None, *, default_actor: Actor | None = None) -> Iterator[Context]:
    """Set what `dump_context` returned inside the `with` block; nothing is inherited from the outer context.

    None and `{}` set a context without a value: `set_actor` works, and an emitter needs `actor=`.
    `default_actor` acts where the sender had no actor. The context is that of a block, so an actor that
    `set_actor` sets later has no address of another one. Raises `ValidationError` for anything else than
    `dump_context` returns.
    """
    _check_actor(default_actor)
    context = Context() if dumped is None else _read(dumped)
    if context.actor is None and default_actor is not None:
        context = Context(default_actor, context.account_id, context.address_of(default_actor))
    with enter(context):
        yield context


def _read(dumped: object) -> Context:
    """The context of a dumped form; raises `ValidationError` with all problems."""
    if not issubclass(type(dumped), dict):
        got = type(dumped).__name__
        raise ValidationError("context", (Problem("context", "a dict of dump_context", got),))
    values: dict[str, str] = {}
    problems: list[Problem] = []
    # No method of a subclass is called: it may do anything.
    for key, value in dict.items(cast("dict[object, object]", dumped)):
        name, text = text_of(key), text_of(value)
        if name not in _KEYS:
            problems.append(Problem("context", f"no keys except {', '.join(_KEYS)}", shown(key)))
        elif text is None:
            problems.append(Problem(f"context.{name}", "a string", type(value).__name__))
        else:
            values[name] = text
    version = values.get("version")
    if dict.__len__(cast("dict[object, object]", dumped)) and version != _VERSION:
        # A later version may have other keys, so their problems would mislead.
        expected = f'"{_VERSION}" (a later one: upgrade auditwright here before the senders)'
        raise ValidationError("context", (Problem("context.version", expected, shown(version)),))

    def checked(make: Callable[[], _Part]) -> _Part | None:
        try:
            return make()
        except ValidationError as error:
            for each in error.problems:
                path = f"context.{each.path.replace('.', '_')}"
                problems.append(Problem(path, each.expected, each.got))
        return None

    actor_type, actor_id = cast("ActorType", values.get("actor_type")), values.get("actor_id")
    context = Context(
        checked(lambda: Actor(actor_type, actor_id, values.get("actor_name")))
        if any(key.startswith("actor_") for key in values)
        else None,
        checked(lambda: identifier("account_id", values["account_id"])) if "account_id" in values else None,
        checked(lambda: _ip_address(values.get("ip_address"))),
    )
    if problems:
        raise ValidationError("context", tuple(problems))
    return context


def _check_actor(actor: object) -> None:
    if actor is not None and not isinstance(actor, Actor):
        raise ValidationError("actor", (Problem("actor", "an Actor", type(actor).__name__),))


_ip_address = ip_address  # the parameter of `acting` has the same name
