"""The context as texts that are sent with a job: `dump_context` makes them, and `load_context` reads them.

A later version of Auditwright reads what earlier ones sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

from auditwright.actor import Actor, acted_for, identifier, ip_address
from auditwright.context import Context, check_actor, current, enter, parts_of
from auditwright.errors import Problem, ValidationError
from auditwright.limits import shown, text_of

if TYPE_CHECKING:
    from auditwright.actor import ActorType

_Part = TypeVar("_Part")

_FIRST = ("version", "actor_type", "actor_id", "actor_name", "account_id", "ip_address")
_PARTS = ("request_id", "trace_id", "span_id", "session_id", "user_agent")
_SECOND = ("on_behalf_of_type", "on_behalf_of_id", "on_behalf_of_name", *_PARTS)
_KEYS = {"1": _FIRST, "2": (*_FIRST, *_SECOND)}
"""The keys of what `dump_context` returns, by its version: the first is enough where no key of the second is
needed, so that workers of before understand it.
"""


def dump_context() -> dict[str, str]:
    """The current context as texts, to send with a job; empty if nothing is set.

    The keys are `version`, `actor_type`, `actor_id`, `actor_name`, `account_id`, `ip_address`,
    `on_behalf_of_type`, `on_behalf_of_id`, `on_behalf_of_name` and those of `EntryContext`; what is not set
    is omitted. `load_context` sets it in the process that gets the job. Whoever can change what is sent can
    act as anybody, so send it only through queues that are your own.
    """
    context = current()
    values: dict[str, str | None] = {}
    for role, actor in (("actor", context.actor), ("on_behalf_of", context.on_behalf_of)):
        if actor is not None:
            values |= {f"{role}_type": actor.type, f"{role}_id": actor.id, f"{role}_name": actor.name}
    values |= {"account_id": context.account_id, "ip_address": context.ip_address}
    values |= {name: context.details.get(name) for name in _PARTS}
    known = {key: value for key, value in values.items() if value is not None}
    version = "1" if known.keys() <= set(_FIRST) else "2"
    return {"version": version, **known} if known else {}


@contextmanager
def load_context(dumped: dict[str, str] | None, *, default_actor: Actor | None = None) -> Iterator[Context]:
    """Set what `dump_context` returned inside the `with` block; nothing is inherited from the outer context.

    None and `{}` set a context without a value: `set_actor` works, and an emitter needs `actor=`.
    `default_actor` acts where the sender had no actor. The context is that of a block, so an actor that
    `set_actor` sets later has no address of another one. Raises `ValidationError` for anything else than
    `dump_context` returns.
    """
    check_actor(default_actor)
    context = Context() if dumped is None else _read(dumped)
    if context.actor is None and default_actor is not None:
        context = replace(context, actor=default_actor, ip_address=context.address_of(default_actor))
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
    given = [(text_of(key), key, value) for key, value in dict.items(cast("dict[object, object]", dumped))]
    version = next((text_of(value) for name, _, value in given if name == "version"), None)
    keys = _KEYS.get(version or "", ())
    for name, key, value in given:
        text = text_of(value)
        if name is None or name not in keys:
            problems.append(Problem("context", f"no keys except {', '.join(keys)}", shown(key)))
        elif text is None:
            problems.append(Problem(f"context.{name}", "a string", type(value).__name__))
        else:
            values[name] = text
    if given and version not in _KEYS:
        # A later version may have other keys, so their problems would mislead.
        expected = '"1" or "2" (a later one: upgrade auditwright here before the senders)'
        raise ValidationError("context", (Problem("context.version", expected, shown(version)),))

    def checked(make: Callable[[], _Part], role: str = "actor") -> _Part | None:
        try:
            return make()
        except ValidationError as error:
            for each in error.problems:
                path = each.path.removeprefix("context.").replace("actor.", f"{role}_", 1)
                problems.append(Problem(f"context.{path}", each.expected, each.got))
        return None

    def actor_of(role: str) -> Actor | None:
        parts = [values.get(f"{role}_{part}") for part in ("type", "id", "name")]
        if parts == [None, None, None]:
            return None
        return checked(lambda: Actor(cast("ActorType", parts[0]), *parts[1:]), role)

    on_behalf_of = actor_of("on_behalf_of")
    context = Context(
        actor_of("actor"),
        checked(lambda: identifier("account_id", values["account_id"])) if "account_id" in values else None,
        checked(lambda: ip_address(values.get("ip_address"))),
        on_behalf_of=checked(lambda: acted_for(on_behalf_of)),
        details=checked(lambda: parts_of({name: values[name] for name in _PARTS if name in values} or None))
        or {},
    )
    if problems:
        raise ValidationError("context", tuple(problems))
    return context
