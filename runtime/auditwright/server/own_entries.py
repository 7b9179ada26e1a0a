"""What a client without `may_impersonate` may say: itself as the actor, for itself, its own address, the last
hour.

It is checked before the log sees an entry, with the functions by which the log reads the same values.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from auditwright.actor import ip_address
from auditwright.context import current
from auditwright.errors import Problem, ValidationError
from auditwright.ids import id_time, parse_time
from auditwright.server.problems import HttpProblem

if TYPE_CHECKING:
    from auditwright.actor import Actor
    from auditwright.server.access import Principal

MAX_AGE = 60 * 60 * 1_000_000
"""How long ago the time of an entry of such a client may be, in microseconds."""


def own_entry(form: dict[str, Any], principal: Principal) -> dict[str, Any]:
    """The JSON form of an entry that the principal may record; call it in the context of the request.

    A named actor that is the principal is left out, so that the entry has its name and its address. Raises a
    403 problem with each part that is not the principal's own.
    """
    if principal.may_impersonate:
        return form
    found = [
        *_actor_problems(form, principal.actor),
        *_behalf_problems(form),
        *_address_problems(form),
        *_time_problems(form),
    ]
    if found:
        parts = "; ".join(f"{each.path}: expected {each.expected}, got {each.got}" for each in found)
        detail = f"You may record in your own name only. {parts}. The right may_impersonate allows more."
        raise HttpProblem(403, "impersonation", detail, [asdict(each) for each in found])
    return {name: value for name, value in form.items() if name != "actor"}


def _actor_problems(form: dict[str, Any], own: Actor) -> list[Problem]:
    if "actor" not in form:
        return []
    actor = form["actor"]
    if isinstance(actor, dict) and actor.keys() <= {"type", "id", "name"}:
        named = (actor.get("type"), actor.get("id"), actor.get("name", own.name))
        if named == (own.type, own.id, own.name):
            return []
    return [Problem("actor", "yourself, or nothing", "another one")]


def _behalf_problems(form: dict[str, Any]) -> list[Problem]:
    """Whoever could say it freely could say that anybody had sent them."""
    return [Problem("on_behalf_of", "nothing", "somebody")] if "on_behalf_of" in form else []


def _address_problems(form: dict[str, Any]) -> list[Problem]:
    """Addresses are compared in their normal form; a request of an unknown address can name none."""
    if "ip_address" not in form:
        return []
    try:
        if ip_address(form["ip_address"]) == current().origin is not None:
            return []
    except ValidationError:
        pass
    return [Problem("ip_address", "the address of your request, or nothing", "another one")]


def _time_problems(form: dict[str, Any]) -> list[Problem]:
    """A time or an id that cannot be read is refused by the log."""
    earliest = time.time_ns() // 1000 - MAX_AGE
    return [
        Problem(name, "a time of the last hour, or nothing", "an earlier one")
        for name, stated in (("occurred_at", _time_of(form)), ("id", _id_time_of(form)))
        if stated is not None and stated < earliest
    ]


def _time_of(form: dict[str, Any]) -> int | None:
    text = form.get("occurred_at")
    try:
        return parse_time(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _id_time_of(form: dict[str, Any]) -> int | None:
    """The time that an id states, which is that of the entry."""
    text = form.get("id")
    try:
        return id_time(uuid.UUID(text).bytes) if isinstance(text, str) else None
    except ValueError:
        return None
