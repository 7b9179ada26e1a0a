"""The entrances that set up: opening, keys, actors, contexts, the middleware, the application."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from random import Random
from typing import Any

from tests.fuzz import valid
from tests.fuzz.campaign import Entrance, Outcome
from tests.fuzz.hostile import any_value
from tests.fuzz.valid import mostly
from tests.fuzz.world import KEY, World

from audit_events import CATALOG
from auditwright import (
    Actor,
    AuditLog,
    AuditMiddleware,
    AuditWsgiMiddleware,
    Catalog,
    NoContext,
    SecretKey,
    dump_context,
    load_context,
    set_actor,
)
from auditwright.catalog import find_catalog
from auditwright.server import Principal, create_app

ANSWERED = Outcome(answered=1)


def opening(world: World, random: Random) -> Outcome:
    """`AuditLog.open` of a file of its own."""
    given: dict[str, Any] = {"url": mostly(random, (f"sqlite:///{world.folder}/open.db",))}
    options: dict[str, tuple[Any, ...]] = {
        "account_id": ("acme", None),
        "catalog": (CATALOG, None),
        "secret_key": (KEY, KEY.text(), None, "k1:"),
        "create": (True, False),
        "read_url": (None,),
        "timeout": (30.0, 1, 3600, 0),
    }
    if "timeout" not in signature(AuditLog.open).parameters:
        del options["timeout"]
    for name, values in options.items():
        if random.random() < 0.25:
            given[name] = mostly(random, values)
    if isinstance(given["url"], str) and type(given["url"]) is str and ":" not in given["url"]:
        given["url"] = f"sqlite:///{world.folder}/{given['url'][:20]}"
    world.input = ("AuditLog.open", (), given)
    with AuditLog.open(**given) as log:
        secret = {"event": "account.models.api_key_created"}
        _ = (log.catalog, secret)
    return ANSWERED


def spools(world: World, random: Random) -> Outcome:
    """`AuditLog.open` with a spool, while the database is away."""
    given: dict[str, Any] = {
        "url": "postgresql://postgres@127.0.0.1:1/audit",
        "catalog": CATALOG,
        "timeout": 1,
        "spool": mostly(random, (f"sqlite:///{world.folder}/spool.db",)),
    }
    if random.random() < 0.5:
        given["spool_bytes"] = mostly(random, (1024**2, 1024**3))
    if type(given["spool"]) is str and ":" not in given["spool"]:
        given["spool"] = f"sqlite:///{world.folder}/{given['spool'][:20]}"
    world.input = ("AuditLog.open", (), given)
    with AuditLog.open(**given) as log:
        log.health()
    return ANSWERED


def secret_keys(world: World, random: Random) -> Outcome:
    """The functions of `SecretKey`."""
    calls: dict[str, Callable[[Any], Any]] = {
        "SecretKey.parse": lambda text: SecretKey.parse(text).fingerprint("x", account_id="a", field="b"),
        "SecretKey.generate": lambda name: SecretKey.generate(name).text(),
        "SecretKey.fingerprint": lambda text: KEY.fingerprint(text, account_id=text, field=text),
        "SecretKey": lambda key: SecretKey("k1", key).fingerprint("x", account_id="a", field="b"),
        "SecretKey.id": lambda name: SecretKey(name, bytes(32)).fingerprint("x", account_id="a", field="b"),
    }
    name = random.choice(tuple(calls))
    value = mostly(random, (KEY.text(), "k1", bytes(32), "k1:", "k1:!!!!"))
    world.input = (name, (value,), {})
    calls[name](value)
    return ANSWERED


def actors(world: World, random: Random) -> Outcome:
    """`Actor` and its functions; what they make is hashed, compared and shown."""
    kind = random.randrange(4)
    actor_id, name = mostly(random, ("u-1",)), mostly(random, ("Ada", None))
    given: tuple[Any, ...] = (actor_id, name)
    world.input = (f"Actor.{kind}", given, {})
    if kind == 0:
        made = Actor.user(*given)
    elif kind == 1:
        made = Actor.app(*given)
    elif kind == 2:
        given = (name,)
        made = Actor.system(*given)
    else:
        given = (mostly(random, ("user", "app", "system", "anonymous")), *given)
        made = Actor(*given)
    _ = (made.label.encode(), repr(made), hash(made), made == Actor.system())
    return ANSWERED


def contexts(world: World, random: Random) -> Outcome:
    """`acting` and `set_actor`, with an entry that is recorded inside."""
    given = {
        "actor": mostly(random, (valid.actor(random), None)),
        "account_id": mostly(random, (None, "fuzz-contexts")),
        "ip_address": mostly(random, (None, *valid.ADDRESSES)),
        "on_behalf_of": mostly(random, (None, Actor.app("billing"))),
        "context": mostly(random, (None, valid.context(random))),
    }
    second = (mostly(random, (valid.actor(random), None)), mostly(random, (None, "fuzz-contexts")))
    more = {
        "on_behalf_of": mostly(random, (None, Actor.user("u-1", "\ud800"))),
        "context": mostly(random, (None, valid.context(random))),
    }
    world.input = ("acting", (), {**given, "set_actor": (*second, more)})
    with world.log.acting(**given):
        if random.random() < 0.5:
            set_actor(*second, **more)
        event = random.choice(valid.OWN_EVENTS)
        entry = world.log.record_event(event.key, event.example, {})
    new = world.is_new(entry)
    return Outcome(stored=new, known=not new)


def sent_contexts(world: World, random: Random) -> Outcome:
    """`load_context` and `dump_context`, with an entry that is recorded inside."""
    keys = ["version", "actor_type", "actor_id", "actor_name", "account_id", "ip_address"]
    whole: list[Any] = ["1", "user", "u-1", "Ada", "fuzz-contexts", "2001:db8::1"]
    if random.random() < 0.5:
        keys += ["on_behalf_of_type", "on_behalf_of_id", "on_behalf_of_name", *valid.CONTEXT]
        whole += ["app", "billing", "\ud800", *(random.choice(each) for each in valid.CONTEXT.values())]
        whole[0] = "2"
    form: Any = {
        key if random.random() < 0.95 else random.choice((f"{key}s", 7)): mostly(random, (value,))
        for key, value in zip(keys, whole, strict=True)
        if key == "version" or random.random() < 0.9
    }
    given = {"dumped": mostly(random, (form,)), "default_actor": mostly(random, (None, Actor.system()))}
    world.input = ("load_context", (), given)
    with load_context(**given):
        sent = dump_context()
        event = random.choice(valid.OWN_EVENTS)
        entry = world.log.record_event(event.key, event.example, {})
    with load_context(sent):
        assert dump_context() == sent
    new = world.is_new(entry)
    return Outcome(stored=new, known=not new)


async def _app(*_: Any) -> None:
    """An application that does nothing."""


def _wsgi_app(*_: Any) -> list[bytes]:
    """Another one, of WSGI."""
    return []


def middleware(world: World, random: Random) -> Outcome:
    """The constructor of a middleware, and one request through it."""
    kind = random.choice(("AuditMiddleware", "AuditWsgiMiddleware"))
    app = _app if kind == "AuditMiddleware" else _wsgi_app
    given = {
        "app": mostly(random, (app,)),
        "trusted_proxies": mostly(random, (("10.0.0.0/8", "unix"), ["2001:db8::5"], ["*"], ["10.0.0.0/33"])),
        "account_id": mostly(random, (None, "acme")),
        "request_id_header": mostly(random, ("x-request-id", "User-Agent", "x y", None)),
    }
    if random.random() < 0.3 and type(given["trusted_proxies"]) is list:
        given["trusted_proxies"] = [any_value(random)]
    world.input = (kind, (), given)
    forwarded = random.choice((b"1.2.3.4", b"\xff", b"unknown, 10.0.0.1", b",,,", b"[::1]:80", b"9" * 5000))
    if kind == "AuditWsgiMiddleware":
        wsgi = AuditWsgiMiddleware(**given)
        if wsgi.app is _wsgi_app:
            named = ("HTTP_X_FORWARDED_FOR", "HTTP_USER_AGENT", "HTTP_X_REQUEST_ID")
            list(wsgi(dict.fromkeys(named, forwarded.decode("latin-1")), None))  # type: ignore[arg-type]
        return ANSWERED
    made = AuditMiddleware(**given)
    headers = [(name, forwarded) for name in (b"x-forwarded-for", b"user-agent", b"x-request-id")]
    scope = {"type": "http", "headers": headers, "client": ("10.0.0.1", 1)}
    if made.app is _app:
        world.loop.run_until_complete(made(scope, None, None))  # type: ignore[arg-type]
    return ANSWERED


def applications(world: World, random: Random) -> Outcome:
    """`create_app` and `Principal`."""
    if random.random() < 0.9:
        principal = {
            "actor": mostly(random, (Actor.system(),)),
            "accounts": mostly(random, (("acme",), (), ("a", "b"))),
            "may_export": mostly(random, (True, False)),
            "may_record": mostly(random, (True, False)),
            "may_impersonate": mostly(random, (True, False)),
        }
        world.input = ("Principal", (), principal)
        Principal(**principal)
        return ANSWERED
    given = {
        "log": mostly(random, (world.log,)),
        "authorize": mostly(random, (lambda _: None,)),
        "trusted_proxies": mostly(random, ((), ["10.0.0.1"])),
        "allowed_hosts": mostly(random, (None, ["*.example.com"], [])),
    }
    world.input = ("create_app", (), given)
    create_app(**given)
    return ANSWERED


def catalogs(world: World, random: Random) -> Outcome:
    """`Catalog` and finding one."""
    name = mostly(random, ("audit_events", "auditwright_events", "json", "no_such_package"))
    world.input = ("Catalog", (name,), {})
    if random.random() < 0.05:
        Catalog(name)
    else:
        find_catalog(name)
    return ANSWERED


SETUP = (
    Entrance("open", 0.1, opening),
    Entrance("spools", 0.1, spools),
    Entrance("secret_keys", 1, secret_keys, documented=(ValueError,)),
    Entrance("actors", 2, actors),
    Entrance("contexts", 2, contexts, documented=(NoContext,)),
    Entrance("sent_contexts", 1, sent_contexts),
    Entrance("middleware", 0.7, middleware, documented=(ValueError, TypeError), passes=True),
    Entrance("applications", 0.7, applications, documented=(ValueError, TypeError), passes=True),
    Entrance("catalogs", 0.3, catalogs),
)
