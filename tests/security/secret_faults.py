"""What is refused although it has a secret: values of wrong types, forms, JSON texts and calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.security.sample_secrets import Secret
from tests.security.secret_entrances import EVENT, VALUES, World, form_of, values_of


class Shows:
    """An object that shows a secret wherever it is printed."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def wrong_values(secret: Secret) -> Iterator[dict[str, Any]]:
    """Metadata with a secret in which something is wrong: the secret's type, its name, or something else."""
    text = secret.text
    digits = "".join(str(ord(letter) % 10) for letter in secret.parts[0])
    raw = text.encode("utf-8", "surrogatepass")
    for wrong in (int(digits[:15]), int(digits), [text], {"token": text}, {text: 1}):
        yield values_of(wrong)
    for foreign in (raw, bytearray(raw), (text,), {text}, Shows(text), ValueError(text), iter([text])):
        yield values_of(foreign)
    yield values_of(text, tool_id="")
    yield values_of(text, tool_id=None)
    yield values_of(text, timeout="maybe")
    yield values_of(text, timeout_value=7)
    yield VALUES | {"acess_token": text}
    yield VALUES | {"token": text, "access_token": text}


def wrong_forms(secret: Secret) -> Iterator[Any]:
    """JSON forms with a secret that are refused."""
    for values in wrong_values(secret):
        yield form_of(None, metadata=values)
    yield form_of(secret.text, event="tool.tool_management.no_such_event")
    yield form_of(secret.text, event="account.models.model_added")
    yield form_of(secret.text, actor={"type": "robot", "id": "u-17"})
    yield form_of(secret.text, occurred_at="yesterday")
    yield form_of(secret.text, surprise=1)
    yield form_of(secret.text, metadata=[values_of(secret.text)])
    yield form_of(secret.text, metadata=secret.text)
    yield secret.text
    yield [secret.text]


def wrong_payloads(secret: Secret) -> Iterator[bytes]:
    """JSON texts with a secret that cannot be read."""
    text = json.dumps(form_of(secret.text))
    raw = text.encode()
    yield from (raw[:-1], raw + b"}", raw.replace(b'"metadata"', b"metadata"), b"\xff" + raw, raw + b"\xff")
    yield raw.replace(b'"access_token": "', b'"access_token": "\\x')
    yield raw.replace(b'"access_token": ', b'"access_token": NaN, "x": ')
    yield raw.replace(b'"access_token": ', b'"access_token": ' + b"[" * 2000)
    yield secret.text.encode("utf-8", "surrogatepass")
    yield json.dumps(secret.text).encode()
    yield json.dumps([secret.text]).encode()
    yield from (json.dumps(form).encode() for form in wrong_forms(secret) if is_json(form))


def is_json(form: object) -> bool:
    """Whether JSON can express it."""
    try:
        json.dumps(form)
    except TypeError:
        return False
    return True


def refused_calls(world: World, secret: Secret) -> Iterator[Callable[[], object]]:
    """Calls of the library with a secret, all of which raise."""
    log, audit = world.log, world.audit
    for values in wrong_values(secret):
        yield lambda values=values: log.record_event(EVENT, values, {})  # type: ignore[misc]
    for form in wrong_forms(secret):
        yield lambda form=form: log.record_form(form)  # type: ignore[misc]
        yield lambda form=form: log.record_many([form])  # type: ignore[misc]
    for payload in wrong_payloads(secret):
        yield lambda payload=payload: log.record_json(payload)  # type: ignore[misc]
    unknown: Any = audit
    emit: Any = audit.tool.tool_management.api_async_enabled
    yield lambda: unknown.tool.tool_management.no_such_event(**values_of(secret.text))
    yield lambda: emit(**values_of([secret.text]))
    yield lambda: emit(**values_of(secret.text, occurred_at="yesterday"))
    yield lambda: emit(**values_of(secret.text, session=7))
    yield lambda: log.record_event(EVENT, secret.text, {})  # type: ignore[arg-type]
    yield lambda: log.record(values_of(secret.text))  # type: ignore[arg-type]
    yield lambda: log.record_event("account.models.model_added", values_of(secret.text), {})


def conflict(world: World, secret: Secret) -> Callable[[], object]:
    """A call that names the id of a stored entry and says something else."""
    stored = world.log.record_event(EVENT, values_of(secret.text), {})
    again = {"id": stored.id, "occurred_at": stored.occurred_at}
    return lambda: world.log.record_event(EVENT, values_of(secret.text, tool_id="t-5"), again)
