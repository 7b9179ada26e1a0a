"""The entrances that record secrets, and the log that they lead into."""

from __future__ import annotations

import asyncio
import contextvars
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import sqlalchemy
from anyio.from_thread import BlockingPortal
from tests.security.sample_secrets import KINDS
from tests.support.databases import Database, open_log
from tests.support.web import ADA, Client, authorize

from audit_events import AsyncAuditEvents, AuditEvents
from audit_events.models.tool.tool_management import ApiAsyncEnabled
from auditwright import AuditLog, SecretKey, cli
from auditwright.server import create_app

EVENT = "tool.tool_management.api_async_enabled"
VALUES: dict[str, Any] = {"tool_id": "t-4", "version_id": "v-1", "timeout": False}
KEY = SecretKey("k1", bytes(range(32)))
ACTOR = {"type": "user", "id": "u-17", "name": "Ada Lovelace"}


@dataclass
class World:
    """An open log, acted on by Ada in the account acme, and what leads into it."""

    database: Database
    log: AuditLog
    client: Client

    def __post_init__(self) -> None:
        self.audit, self.async_audit = AuditEvents(self.log), AsyncAuditEvents(self.log)

    def command(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes]:
        """The exit code of a command and what it prints."""
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
        source = io.TextIOWrapper(io.BytesIO(stdin))
        given = [*arguments, "--database", self.database.url, "--account", "acme"]
        with (
            redirect_stdout(out),
            redirect_stderr(out),
            patch.object(sys, "stdin", source),
            patch.dict("os.environ", {"AUDITWRIGHT_SECRET_KEY": KEY.text()}),
        ):
            try:
                code = cli.main(given)
            except SystemExit as end:
                code = int(end.code or 0)
        out.flush()
        return code, out.buffer.getvalue()


@contextmanager
def opened_world(database: Database, portal: BlockingPortal) -> Iterator[World]:
    """A world whose log is open."""
    with open_log(database, secret_key=KEY) as log, log.acting(ADA):
        yield World(database, log, Client(create_app(log, authorize), portal))


def values_of(secret: object, **others: Any) -> dict[str, Any]:
    """The metadata of an event with a secret."""
    return {**VALUES, "access_token": secret, **others}


def form_of(secret: object, **parts: Any) -> dict[str, Any]:
    """The JSON form of an event with a secret."""
    return {"event": EVENT, "actor": ACTOR, "metadata": values_of(secret), **parts}


def at_once(items: Iterable[Any], call: Callable[[Any], Any]) -> list[Any]:
    """What a call returns for each item, from many threads, whose entries are committed together."""
    with ThreadPoolExecutor(25) as pool:
        tasks = [pool.submit(contextvars.copy_context().run, call, item) for item in items]
        return [task.result() for task in tasks]


def emitters(world: World, texts: Sequence[str]) -> list[Any]:
    """Emitters."""
    emit = world.audit.tool.tool_management.api_async_enabled
    return at_once(texts, lambda text: emit(**values_of(text)))


def async_emitters(world: World, texts: Sequence[str]) -> list[Any]:
    """Awaited emitters."""
    emit = world.async_audit.tool.tool_management.api_async_enabled

    async def every() -> list[Any]:
        return [*await asyncio.gather(*(emit(**values_of(text)) for text in texts))]

    return asyncio.run(every())


def sessions(world: World, texts: Sequence[str]) -> list[Any]:
    """Emitters in one transaction of the caller's."""
    emit = world.audit.tool.tool_management.api_async_enabled
    # psycopg reads times in this style only, and the tests' server has another one.
    style = {"options": "-c DateStyle=ISO"} if world.database.engine == "postgresql" else {}
    engine = sqlalchemy.create_engine(world.database.sqlalchemy_url, connect_args=style)
    with engine.begin() as connection:
        entries = [emit(**values_of(text), session=connection) for text in texts]
    engine.dispose()
    return entries


def record_event(world: World, texts: Sequence[str]) -> list[Any]:
    """`record_event`."""
    return at_once(texts, lambda text: world.log.record_event(EVENT, values_of(text), {}))


def models(world: World, texts: Sequence[str]) -> list[Any]:
    """`record` with models."""
    made = [ApiAsyncEnabled(**values_of(text)) for text in texts]
    return [repr(made), str(made[0]), at_once(made, world.log.record)]


def many(world: World, texts: Sequence[str]) -> list[Any]:
    """`record_many` with models and forms."""
    half = len(texts) // 2
    given: list[Any] = [
        *(ApiAsyncEnabled(**values_of(text)) for text in texts[:half]),
        *map(form_of, texts[half:]),
    ]
    return [world.log.record_many(given)]


def forms(world: World, texts: Sequence[str]) -> list[Any]:
    """`record_form` and `record_forms`."""
    half = len(texts) // 2
    one_by_one = at_once(texts[:half], lambda text: world.log.record_form(form_of(text)))
    return [one_by_one, world.log.record_forms([form_of(text) for text in texts[half:]])]


def json_texts(world: World, texts: Sequence[str]) -> list[Any]:
    """`record_json` with str and bytes."""
    payloads: list[Any] = [json.dumps(form_of(text)) for text in texts]
    payloads[::2] = [payload.encode() for payload in payloads[::2]]
    return at_once(payloads, world.log.record_json)


def api(world: World, texts: Sequence[str]) -> list[Any]:
    """The API, one by one and many in a request."""
    half = len(texts) // 2
    bodies: list[Any] = [form_of(text) for text in texts[:half]]
    bodies.append([form_of(text) for text in texts[half:]])
    answers = at_once(bodies, lambda body: post(world, json.dumps(body)))
    assert {code for code, _ in answers} == {200, 201}
    return answers


def imports(world: World, texts: Sequence[str]) -> list[Any]:
    """`import_jsonl`."""
    errors = import_lines(world, [json.dumps(form_of(text)).encode() for text in texts])
    assert errors == []
    return errors


def import_lines(world: World, lines: Iterable[bytes]) -> list[object]:
    """The errors of the lines that are refused."""
    errors: list[object] = []
    world.log.import_jsonl(lines, lambda _, error: errors.append(error))
    return errors


def import_command(world: World, texts: Sequence[str]) -> list[Any]:
    """`auditwright import`."""
    lines = b"\n".join(json.dumps(form_of(text)).encode() for text in texts)
    return [world.command("import", "-", stdin=lines)]


def record_command(world: World, texts: Sequence[str]) -> list[Any]:
    """`auditwright record`, one secret of each kind but lone surrogates, which it refuses.

    On PostgreSQL, where opening a log takes longer, few of them.
    """
    answers = []
    step = 6 if world.database.engine == "postgresql" else 1
    for number, text in enumerate(texts[: len(KINDS) - 1 : step]):
        payload = json.dumps(values_of(text))
        given, stdin = (payload, b"") if number % 2 else ("-", payload.encode())
        actor = ("--actor", "user:u-17:Ada Lovelace", "--format", ("text", "json")[number % 3 == 0])
        answers.append(world.command("record", EVENT, "--metadata", given, *actor, stdin=stdin))
    assert {code for code, _ in answers} == {0}
    return answers


ENTRANCES = (
    emitters,
    async_emitters,
    sessions,
    record_event,
    models,
    many,
    forms,
    json_texts,
    api,
    imports,
    import_command,
    record_command,
)


def post(world: World, body: str | bytes) -> tuple[int, str]:
    """The API's answer to what a client records."""
    content = body.encode() if isinstance(body, str) else body
    headers = {"content-type": "application/json", "x-requested-with": "tests"}
    answer = world.client.post("/api/entries", content=content, headers=headers, user="owner")
    return answer.status_code, answer.text
