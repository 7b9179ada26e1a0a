"""The JSON API and the page, as ASGI in this process, and the commands."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from random import Random
from typing import Any
from urllib.parse import quote

from tests.fuzz import valid
from tests.fuzz.campaign import Entrance, Outcome, WrongAnswer
from tests.fuzz.hostile import TEXTS
from tests.fuzz.valid import condition_text, damaged, form, json_text, json_value
from tests.fuzz.world import ADA, READABLE, World

from auditwright import cli
from auditwright.server import Principal, create_app

ACCOUNT = "fuzz-api_record"
PRINCIPAL = Principal(ADA, (READABLE, ACCOUNT), may_export=True, may_record=True, may_impersonate=True)
STATUSES = {200, 201, 303, 304, 307, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429}
PROBLEM = {"type", "title", "status", "detail"}
PROGRAM = {"x-requested-with": "fuzz"}
_apps: dict[int, Any] = {}


def request(
    world: World,
    method: str,
    path: str,
    query: bytes = b"",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of a response; a client's error raises nothing."""
    app = _apps.get(id(world))
    if app is None:
        app = _apps[id(world)] = create_app(world.log, _signed_in)
    sent: list[Any] = []
    path = path.encode("utf-8", "replace").decode()  # as servers decode it
    raw = quote(path, safe="/%:").encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "client": ("203.0.113.9", 4711),
        "server": ("audit.example", 80),
        "state": {},
        "headers": [
            (b"host", b"audit.example"),
            *((k.encode(), v.encode("latin-1", "replace")) for k, v in (headers or {}).items()),
        ],
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()  # the client stays
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    world.loop.run_until_complete(app(scope, receive, send))
    start = sent[0]
    names = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], names, b"".join(each.get("body", b"") for each in sent[1:])


async def _signed_in(_: Any) -> Principal:
    return PRINCIPAL


def judged(status: int, headers: dict[str, str], body: bytes, is_api: bool) -> Outcome:
    """Whether a response is documented: its status, and the problem details of an error."""
    if status not in STATUSES:
        raise WrongAnswer(f"status {status}: {body[:300]!r}")
    if status < 400:
        return Outcome(answered=1)
    if is_api:
        problem = json.loads(body)
        if not problem.keys() >= PROBLEM or problem["status"] != status:
            raise WrongAnswer(f"status {status} with {body[:300]!r}")
        if headers["content-type"] != "application/problem+json":
            raise WrongAnswer(f"status {status} as {headers['content-type']}")
    elif b"<h1" not in body and b"<html" not in body:
        raise WrongAnswer(f"status {status} with {body[:300]!r}")
    return Outcome(refused=1)


def _text(random: Random) -> str:
    value = (
        random.choice(TEXTS)() if random.random() < 0.8 else str(random.choice((0, -1, 10**30, 1.5, "true")))
    )
    return valid.text_of(value)


PARAMETERS = {
    "account": (READABLE, ""),
    "match": ("all", "any"),
    "period": ("24h", "7d", "all", "custom", "30d"),
    "from": ("2026-05-01", "2026-05-01T10:00", ""),
    "to": ("2026-05-31", "2026-05-31T10:00", "2026-04-01"),
    "zone": ("UTC", "Europe/Berlin", "America/St_Johns", "Etc/GMT+12"),
    "search": ("llama", "ada", ""),
    "limit": ("1", "10"),
    "at": ("2026-05-31T00:00:00+00:00",),
    "after": ("",),
    "before": ("",),
    "exact": ("true", "false"),
    "format": ("csv", "jsonl"),
    "excel": ("comma", "semicolon"),
    "text": ("u-1",),
    "unknown": ("1",),
}


def query(world: World, random: Random, *names: str) -> bytes:
    """A query of some of these parameters, sometimes with hostile values."""
    pairs = []
    for name in names:
        if random.random() < 0.3:
            value = random.choice(PARAMETERS[name]) if random.random() < 0.75 else _text(random)
            if name in ("after", "before") and random.random() < 0.8:
                value = random.choice(world.cursors)
            pairs.append(f"{name}={quote(value[:2000], safe='', errors='surrogatepass')}")
    for _ in range(random.choice((0, 0, 0, 1, 2, 20))):
        condition = condition_text(random)
        text = valid.text_of(condition)
        pairs.append(f"where={quote(text[:500], safe=':', errors='surrogatepass')}")
    if "period" in names and random.random() < 0.2:
        pairs.append("period=custom")
    made = "&".join(pairs).encode()
    if random.random() < 0.05:
        made += random.choice(
            (b"&%ff=%ff", b"&a", b"&&&", b"%", b"&where=%00", b"&x=" + b"9" * 3000, b"#a", b"\xff")
        )
    return made


_VIEW = ("account", "match", "period", "from", "to", "zone", "search", "limit", "at", "after", "before")
_SELECTION = ("account", "match", "period", "from", "to", "zone", "search")
API_PATHS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/api/entries", _VIEW),
    ("/api/entries", _VIEW),
    ("/api/count", (*_SELECTION, "exact")),
    ("/api/entries/{id}", ("account",)),
    ("/api/export", (*_SELECTION, "format", "excel")),
    ("/api/events/{key}/schema", ()),
    ("/api/users", ("account", "text")),
    ("/api/{text}", ()),
)
PAGE_PATHS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("/", _VIEW),
    ("/", _VIEW),
    ("/entries/{id}", ("account",)),
    ("/{text}", ()),
    ("/static/{text}", ()),
)


def _path(world: World, random: Random, template: str) -> str:
    return template.format(
        id=random.choice(world.readable_ids)
        if random.random() < 0.5
        else _text(random)[:300].replace("/", "_"),
        key=random.choice(valid.EVENTS).key
        if random.random() < 0.5
        else _text(random)[:300].replace("/", "_"),
        text=_text(random)[:300].encode("utf-8", "replace").decode(),
    )


def api_read(world: World, random: Random) -> Outcome:
    """A GET of the JSON API."""
    template, names = random.choice(API_PATHS)
    path, given = _path(world, random, template), query(world, random, *names)
    world.input = ("GET", (path, given), {})
    before = _exports(world)
    status, headers, body = request(world, "GET", path, given, PROGRAM)
    outcome = judged(status, headers, body, is_api=True)
    outcome.stored = _exports(world) - before if "export" in path else 0
    outcome.answered = outcome.answered if not outcome.stored else 0
    return outcome


def _exports(world: World) -> int:
    """How many exports are recorded: each one is an entry."""
    found = world.database.rows(
        f"SELECT count(*) FROM audit_entry WHERE account_id = '{READABLE}' AND level = 'audit'"
    )
    return int(found[0][0])


def page(world: World, random: Random) -> Outcome:
    """A GET of the page."""
    template, names = random.choice(PAGE_PATHS)
    path, given = _path(world, random, template), query(world, random, *names)
    world.input = ("GET", (path, given), {})
    status, headers, body = request(world, "GET", path, given)
    return judged(status, headers, body, is_api=path.startswith("/api/"))


def api_record(world: World, random: Random) -> Outcome:
    """A POST of one form or of several."""
    several = random.random() < 0.6
    forms = [form(random, json_value) for _ in range(random.choice((0, 2, 10)) if several else 1)]
    for each in forms:
        if isinstance(each, dict):
            each.setdefault("account_id", ACCOUNT)
    body = damaged(json_text(forms if several else forms[0], random), random)
    kind = random.choice(("application/json",) * 8 + ("text/plain", "application/json; charset=utf-8"))
    world.input = ("POST", (body,), {"content-type": kind})
    status, headers, answer = request(
        world, "POST", "/api/entries", headers={"content-type": kind}, body=body
    )
    if status >= 400:
        return judged(status, headers, answer, is_api=True)
    judged(status, headers, answer, is_api=True)
    given = json.loads(answer)
    outcome = Outcome()
    for result in [{"status": 201, "entry": given}] if status == 201 else given["results"]:
        if result["status"] == 201:
            entry = world.log.account(result["entry"]["account_id"]).get(result["entry"]["id"])
            if entry is None or entry.to_json() != result["entry"]:
                raise WrongAnswer("an entry that was answered is not stored so")
            new = world.is_new(entry)
            outcome.add(Outcome(stored=new, known=not new))
        elif result["status"] in STATUSES and result["problem"].keys() >= PROBLEM:
            outcome.refused += 1
        else:
            raise WrongAnswer(f"a result: {result}")
    outcome.answered += not outcome.inputs
    return outcome


COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("list", ("--from", "--to", "--where", "--search", "--limit", "--match")),
    ("count", ("--from", "--to", "--where", "--search", "--match")),
    ("show", ()),
)
VALUES = {
    "--from": ("2026-05-01", "2026-05-01T10:00:00Z"),
    "--to": ("2026-05-31", "2026-04-01"),
    "--where": ("category:is:account.models",),
    "--search": ("llama",),
    "--limit": ("5",),
    "--match": ("any", "all"),
}


def commands(world: World, random: Random) -> Outcome:
    """A command that reads, with hostile values of its options."""
    name, names = random.choice(COMMANDS)
    arguments = [
        name,
        "--database",
        world.database.url,
        "--account",
        READABLE,
        "--catalog-package",
        "audit_events",
    ]
    for option in names:
        if random.random() < 0.4:
            value = random.choice(VALUES[option]) if random.random() < 0.5 else _text(random)[:300]
            arguments.append(f"{option}={value}")
    if name == "show":
        arguments.append(random.choice((*world.readable_ids[:20], _text(random)[:100])))
    world.input = ("auditwright", arguments, {})
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8"),
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace"),
    )
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    if code not in (0, 1, 2):
        raise WrongAnswer(f"exit code {code}")
    return Outcome(answered=code == 0, refused=code != 0)


WEB = (
    Entrance("api_read", 0.7, api_read),
    Entrance("api_record", 1.5, api_record),
    Entrance("page", 0.4, page),
    Entrance("commands", 0.05, commands),
)
