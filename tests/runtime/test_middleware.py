"""The middleware: actor and address of web requests in Starlette and FastAPI, and behind a real server.

The requests at the end are committed with `synchronous=OFF`, so that they do not wait for the disk.
"""

import asyncio
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, Header, WebSocket
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from tests.support.campaigns import examples
from tests.support.databases import Database
from tests.support.sample_events import ADA, GRACE

from audit_events import AsyncAuditEvents, AuditEvents
from auditwright import Actor, AuditLog, AuditMiddleware, NoContext, ValidationError, set_actor
from auditwright.context import Context, current
from auditwright.middleware import App, Message, Scope
from auditwright.request_context import MARK
from auditwright.storage.sqlite import connections as sqlite

CLIENT, PROXY, LIE = "203.0.113.7", "10.0.0.1", "198.51.100.66"
WHO = "SELECT account_id, actor_id, ip_address FROM audit_entry ORDER BY id"
Headers = Iterable[tuple[str, str]]


def client_of(app: App, peer: str = CLIENT) -> httpx.AsyncClient:
    """A client at `peer`; exceptions of the application become responses with status 500."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://service")


def get(app: App, path: str = "/", peer: str = CLIENT, headers: Headers = ()) -> int:
    """The status of the response to one request."""

    async def ask() -> int:
        async with client_of(app, peer) as client:
            return (await client.get(path, headers=[*headers])).status_code

    return asyncio.run(ask())


async def connect(
    app: App, kind: str, path: str, events: Iterable[Message], headers: Headers = (), peer: str = CLIENT
) -> list[Message]:
    """The messages that the application sends in response to these events; its exceptions are ignored."""
    received: asyncio.Queue[Message] = asyncio.Queue()
    for event in events:
        received.put_nowait(event)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": kind, "path": path, "query_string": b"", "client": (peer, 4711)}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers]
    with suppress(RuntimeError):
        await app(scope if kind == "websocket" else {**scope, "method": "GET"}, received.get, send)
    return sent


def talk(*texts: str) -> list[Message]:
    """The events of a websocket that is opened, sends texts, and is closed."""
    received = [{"type": "websocket.receive", "text": text} for text in texts]
    return [{"type": "websocket.connect"}, *received, {"type": "websocket.disconnect", "code": 1000}]


@contextmanager
def served(app: App, listening: socket.socket, proxy_headers: bool = False) -> Iterator[None]:
    """The application behind a real server, which stops with the block."""
    server = uvicorn.Server(
        uvicorn.Config(app, proxy_headers=proxy_headers, ws="none", log_config=None, log_level="critical")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    with listening:
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()


def authentication(sign_in: Callable[[Request], None]) -> Middleware:
    """A BaseHTTPMiddleware, as in most services; a ContextVar that is set behind it is lost."""

    async def dispatch(request: Request, call_next: RequestResponseEndpoint) -> Response:
        sign_in(request)
        return await call_next(request)

    return Middleware(BaseHTTPMiddleware, dispatch=dispatch)


def service(audit: AuditEvents, actor: Actor | None = ADA, **settings: Any) -> Starlette:
    """An application that records one event for each request, behind the middleware and authentication."""

    def create_key(_: Request) -> Response:
        audit.account.app_api_key.app_api_key_created()
        return PlainTextResponse("done")

    authenticate = authentication(lambda _: set_actor(actor))
    return Starlette(
        routes=[Route("/", create_key)], middleware=[Middleware(AuditMiddleware, **settings), authenticate]
    )


# --- who, and from where ----------------------------------------------------------------------------


def test_an_entry_has_the_actor_and_the_address_of_its_request(
    audit: AuditEvents, database: Database
) -> None:
    assert get(service(audit), headers=[("x-forwarded-for", LIE)]) == 200
    assert database.rows(WHO) == [("acme", "u-17", CLIENT)]


def test_x_forwarded_for_is_believed_from_trusted_proxies_only(
    audit: AuditEvents, database: Database
) -> None:
    app = service(audit, trusted_proxies=["10.0.0.0/8"])
    several = [
        ("x-forwarded-for", LIE),
        ("X-Forwarded-For", f"{CLIENT}:4711"),
        ("x-forwarded-for", "10.0.0.2"),
    ]
    for peer, headers in (PROXY, several), (PROXY, []), ("192.0.2.1", several):
        assert get(app, peer=peer, headers=headers) == 200
    assert [address for *_, address in database.rows(WHO)] == [CLIENT, PROXY, "192.0.2.1"]


def test_neither_forwarded_nor_x_real_ip_is_read(audit: AuditEvents, database: Database) -> None:
    headers = [("forwarded", f"for={LIE}"), ("x-real-ip", LIE)]
    assert get(service(audit, trusted_proxies=[PROXY]), peer=PROXY, headers=headers) == 200
    assert database.rows(WHO) == [("acme", "u-17", PROXY)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("X-Request-Id", {"user_agent": "Firefox/99", "request_id": "r-1\x1b[2J"}),
        ("X-Correlation-ID", {"user_agent": "Firefox/99", "request_id": "c" * 200}),
        (None, {"user_agent": "Firefox/99"}),
    ],
)
def test_the_context_is_told_by_the_headers(header: str | None, expected: dict[str, str]) -> None:
    seen: list[dict[str, str]] = []

    def see(_: Request) -> Response:
        set_actor(ADA)
        seen.append(current().details)
        return PlainTextResponse("done")

    settings: dict[str, Any] = {} if header == "X-Request-Id" else {"request_id_header": header}
    app = Starlette(routes=[Route("/", see)], middleware=[Middleware(AuditMiddleware, **settings)])
    headers = [("user-agent", "Firefox/99"), ("x-request-id", "r-1\x1b[2J"), ("x-request-id", "r-2")]
    assert get(app, headers=[*headers, ("x-correlation-id", "c" * 200), ("cookie", "s=1")]) == 200
    assert seen == [{name: text.replace("\x1b", "\ufffd")[:128] for name, text in expected.items()}]


def test_account_of_set_actor_overrides_the_middlewares(audit: AuditEvents, database: Database) -> None:
    def sign_in(x_account: Annotated[str | None, Header()] = None) -> None:
        set_actor(ADA, x_account)

    app = FastAPI(dependencies=[Depends(sign_in)])
    app.add_api_route("/", lambda: str(audit.account.app_api_key.app_api_key_created().id))
    app.add_middleware(AuditMiddleware, account_id="globex")
    assert get(app) == get(app, headers=[("x-account", "initech")]) == 200
    assert [account for account, *_ in database.rows(WHO)] == ["globex", "initech"]


def test_event_without_an_actor_is_refused(audit: AuditEvents, database: Database) -> None:
    assert get(service(audit, None)) == 500
    assert database.rows() == []


def test_actors_in_a_request_have_its_address_except_the_system(
    audit: AuditEvents, log: AuditLog, database: Database
) -> None:
    create = audit.account.app_api_key.app_api_key_created

    def endpoint(_: Request) -> Response:
        create(actor=ADA)
        for actor in (Actor.system(), ADA, GRACE):
            set_actor(actor)
            create()
        with log.acting(Actor.system()):
            create()
        create()
        return PlainTextResponse("done")

    assert get(AuditMiddleware(Starlette(routes=[Route("/", endpoint)]))) == 200
    ada, grace, system = ("acme", "u-17", CLIENT), ("acme", "u-18", CLIENT), ("acme", None, None)
    assert database.rows(WHO) == [ada, system, ada, grace, system, grace]


def test_a_websocket_has_one_actor_until_another_one_is_set(log: AuditLog, database: Database) -> None:
    audit, app = AsyncAuditEvents(log), FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        set_actor(ADA)
        await websocket.accept()
        async for text in websocket.iter_text():
            if text == "grace":
                set_actor(GRACE)
            await audit.account.app_api_key.app_api_key_created()

    asyncio.run(connect(AuditMiddleware(app), "websocket", "/", talk("a", "b", "grace", "c")))
    assert [actor for _, actor, _ in database.rows(WHO)] == ["u-17", "u-17", "u-18", "u-18"]
    assert {address for *_, address in database.rows(WHO)} == {CLIENT}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"trusted_proxies": ["*"]},
            "*: every client would be a trusted proxy; name the addresses of your own proxies",
        ),
        (
            {"trusted_proxies": "10.0.0.1"},
            "trusted proxies are a list of addresses and CIDRs, not the string '10.0.0.1'",
        ),
        ({"account_id": ""}, "account_id: expected a string of 1 to 256 characters, got 0 characters"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"expected|prox") as caught:
        AuditMiddleware(Starlette(), **settings)
    assert str(caught.value) == message


# --- what ends, and what does not mix ----------------------------------------------------------------


def test_context_outside_of_the_application_is_ignored(
    audit: AuditEvents, log: AuditLog, database: Database
) -> None:
    with log.acting(ADA, account_id="globex", ip_address=LIE):
        assert get(service(audit, None)) == 500
        assert get(service(audit, GRACE)) == 200
        assert current().actor == ADA
    assert database.rows(WHO) == [("acme", "u-18", CLIENT)]


def test_context_is_removed_after_an_error() -> None:
    async def fail(scope: Scope, *_: Any) -> None:
        assert current() is scope[MARK]
        set_actor(ADA)
        raise ZeroDivisionError

    async def ask() -> None:
        scope: Scope = {"type": "http", "headers": []}
        with pytest.raises(ZeroDivisionError):
            await AuditMiddleware(fail)(scope, nothing, nothing)
        assert scope == {"type": "http", "headers": []}
        assert current() == Context()

    asyncio.run(ask())


async def nothing(*_: Any) -> Any:
    raise AssertionError("nobody should wait for this")


def test_the_lifespan_has_no_context() -> None:
    seen = []

    async def app(scope: Scope, *_: Any) -> None:
        seen.append((scope, current()))

    asyncio.run(AuditMiddleware(app)({"type": "lifespan"}, nothing, nothing))
    assert seen == [({"type": "lifespan"}, Context())]


def test_cancelled_request_does_not_affect_others(audit: AuditEvents, database: Database) -> None:
    async def ask() -> None:
        started, ended = asyncio.Event(), []

        async def wait(_: Request) -> Response:
            set_actor(GRACE)
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(current().actor)
            raise AssertionError

        app = service(audit)
        app.routes.append(Route("/wait", wait))
        async with client_of(app) as client:
            waiting = asyncio.create_task(client.get("/wait"))
            await started.wait()
            assert (await client.get("/")).status_code == 200
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await client.get("/")).status_code == 200
        assert ended == [GRACE]
        assert current() == Context()

    asyncio.run(ask())
    assert database.rows(WHO) == [("acme", "u-17", CLIENT)] * 2


def test_task_keeps_its_actor_after_the_request(log: AuditLog, database: Database) -> None:
    audit = AsyncAuditEvents(log)

    async def ask() -> None:
        over, tasks = asyncio.Event(), []

        async def later() -> None:
            await over.wait()
            await audit.account.app_api_key.app_api_key_created()

        async def endpoint(_: Request) -> Response:
            tasks.append(asyncio.create_task(later()))
            set_actor((ADA, GRACE)[len(tasks) - 1])
            return PlainTextResponse("done")

        async with client_of(AuditMiddleware(Starlette(routes=[Route("/", endpoint)]))) as client:
            await client.get("/")
            await client.get("/")
        over.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert sorted(database.rows(WHO)) == [("acme", "u-17", CLIENT), ("acme", "u-18", CLIENT)]


def test_nothing_is_recorded_outside_of_the_context(
    audit: AuditEvents, log: AuditLog, database: Database
) -> None:
    def acting_in_a_thread() -> Iterator[None]:
        with log.acting(ADA):
            yield

    app, create = FastAPI(), audit.account.app_api_key.app_api_key_created

    @app.get("/yield", dependencies=[Depends(acting_in_a_thread)])
    def endpoint() -> None:
        create()

    @app.get("/executor")
    async def in_executor() -> None:
        set_actor(ADA)
        with pytest.raises(NoContext):
            await asyncio.get_running_loop().run_in_executor(None, set_actor, GRACE)
        await asyncio.get_running_loop().run_in_executor(None, create)

    app.add_middleware(AuditMiddleware)
    assert get(app, "/yield") == get(app, "/executor") == 500
    assert database.rows() == []


# --- one around another ------------------------------------------------------------------------------


def test_nested_middleware_uses_the_outer_settings(audit: AuditEvents, database: Database) -> None:
    inner = service(audit, account_id="inner", trusted_proxies=[CLIENT])
    outer = Starlette(
        routes=[Mount("/mounted", inner)],
        middleware=[Middleware(AuditMiddleware, account_id="outer", trusted_proxies=[PROXY])],
    )
    headers = [("x-forwarded-for", f"{LIE}, {CLIENT}")]
    assert get(outer, "/mounted/", PROXY, headers) == 200
    assert get(inner, "/", PROXY, headers) == 200
    assert database.rows(WHO) == [("outer", "u-17", CLIENT), ("inner", "u-17", PROXY)]


def test_outer_actor_applies_after_the_inner_block(audit: AuditEvents, database: Database) -> None:
    def create_key(_: Request) -> Response:
        audit.account.app_api_key.app_api_key_created()
        return PlainTextResponse("done")

    inner = AuditMiddleware(Starlette(routes=[Route("/", create_key)]))
    signed_in = Starlette(
        routes=[Mount("/", inner)],
        middleware=[Middleware(AuditMiddleware), authentication(lambda _: set_actor(GRACE, "globex"))],
    )
    assert get(signed_in) == 200
    assert database.rows(WHO) == [("globex", "u-18", CLIENT)]


def test_one_after_another_each_has_its_own_context() -> None:
    seen = []

    async def app(*_: Any) -> None:
        seen.append(current().account_id)

    async def ask() -> None:
        scope: Scope = {"type": "http", "headers": [], "client": None}
        for account in ("acme", "globex"):
            await AuditMiddleware(app, account_id=account)(scope, nothing, nothing)

    asyncio.run(ask())
    assert seen == ["acme", "globex"]


def test_error_handlers_run_inside_the_context(audit: AuditEvents, database: Database, path: Path) -> None:
    def fail(_: Request) -> Response:
        set_actor(ADA)
        raise ZeroDivisionError

    refused = []

    def handle(_: Request, error: Exception) -> Response:
        assert isinstance(error, ZeroDivisionError)
        try:
            audit.account.app_api_key.app_api_key_created()
        except ValidationError as refusal:
            refused.append(refusal.problems[0].path)
        return PlainTextResponse("sorry", 500)

    settings: dict[str, Any] = {"routes": [Route("/", fail)], "exception_handlers": {Exception: handle}}
    assert get(Starlette(**settings, middleware=[Middleware(AuditMiddleware)])) == 500
    assert (refused, database.rows()) == (["actor"], [])
    assert get(AuditMiddleware(Starlette(**settings))) == 500
    assert database.rows(WHO) == [("acme", "u-17", CLIENT)]


# --- a real server -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("proxy_headers", "address"), [(False, "127.0.0.1"), (True, LIE)])
def test_real_server_passes_the_address_of_the_connection(
    audit: AuditEvents, database: Database, proxy_headers: bool, address: str
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with served(service(audit), listening, proxy_headers):
        assert httpx.get(url, headers={"x-forwarded-for": LIE}).status_code == 200
    assert database.rows(WHO) == [("acme", "u-17", address)]


@pytest.mark.parametrize(("proxies", "address"), [([], None), ([PROXY], None), (["unix", PROXY], CLIENT)])
def test_unix_socket_is_trusted_by_the_word_unix(
    audit: AuditEvents,
    database: Database,
    proxies: list[str],
    address: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # paths of sockets are short
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("s")
    listening.listen()
    headers = {"x-forwarded-for": f"{LIE}, {CLIENT}, {PROXY}"}
    client = httpx.Client(transport=httpx.HTTPTransport(uds="s"))
    with served(service(audit, trusted_proxies=proxies), listening), client:
        assert client.get("http://service/", headers=headers).status_code == 200
    assert database.rows(WHO) == [("acme", "u-17", address)]


# --- 10,000 at once ----------------------------------------------------------------------------------

ENTRIES = {
    "/sync": ["sync"],
    "/awaiting": ["before", "after"],
    "/pool": ["pool"],
    "/background": ["task", "threaded task"],
    "/raising": ["raising"],
    "/streaming": ["first", "last"],
    "/behind/": ["behind"],
    "/talking": ["hello", "bye"],
}
"""The entries that each endpoint of the busy service records for a request."""
REQUESTS, AT_ONCE = examples(1_000), 100


@pytest.fixture
def quick_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    monkeypatch.setattr(sqlite, "WRITER_PRAGMAS", (*sqlite.WRITER_PRAGMAS, "synchronous=OFF"))
    with AuditLog.open(f"sqlite:///{path}") as log:
        yield log


def visitor(number: int) -> tuple[Actor, str, str]:
    """The user with this number, one of 97 accounts, and an address that is unique to the user."""
    high, low = divmod(number, 256)
    return Actor.user(f"u-{number}", f"User {number}"), f"a-{number % 97}", f"198.18.{high}.{low}"


def sign_in(x_user: Annotated[int, Header()]) -> int:
    actor, account, _ = visitor(x_user)
    set_actor(actor, account)
    return x_user


async def sign_in_async(x_user: Annotated[int, Header()]) -> int:
    await asyncio.sleep(0)
    return sign_in(x_user)


InThread = Annotated[int, Depends(sign_in)]
InLoop = Annotated[int, Depends(sign_in_async)]


def busy_service(log: AuditLog) -> FastAPI:
    """Every way to name the actor and to record an event, for the user that the header `X-User` names."""
    audit, awaited, app = AuditEvents(log), AsyncAuditEvents(log), FastAPI()

    def record(user: int, what: str) -> None:
        audit.account.login_logout.login(email_id=f"{user}@example.com", login_method=what)

    async def record_async(user: int, what: str) -> None:
        await awaited.account.login_logout.login(email_id=f"{user}@example.com", login_method=what)

    @app.get("/sync")
    def sync(user: InThread) -> None:
        record(user, "sync")

    @app.get("/awaiting")
    async def awaiting(user: InLoop) -> None:
        await record_async(user, "before")
        await asyncio.sleep(0)
        await record_async(user, "after")

    @app.get("/pool")
    async def pool(x_user: Annotated[int, Header()]) -> None:
        await run_in_threadpool(sign_in, x_user)
        await run_in_threadpool(record, x_user, "pool")

    @app.get("/background")
    async def background(user: InThread, tasks: BackgroundTasks) -> None:
        tasks.add_task(record_async, user, "task")
        tasks.add_task(record, user, "threaded task")

    @app.get("/raising")
    async def raising(user: InLoop) -> None:
        await record_async(user, "raising")
        raise RuntimeError(user)

    @app.get("/streaming")
    def streaming(user: InLoop) -> StreamingResponse:
        def chunks() -> Iterator[str]:
            for what in ENTRIES["/streaming"]:
                record(user, what)
                yield what

        return StreamingResponse(chunks())

    @app.websocket("/talking")
    async def talking(websocket: WebSocket, user: InLoop) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await record_async(user, text)

    def behind(request: Request) -> Response:
        record(int(request.headers["x-user"]), "behind")
        return PlainTextResponse("done")

    def sign_in_behind(request: Request) -> None:
        sign_in(int(request.headers["x-user"]))

    behind_app = Starlette(routes=[Route("/", behind)], middleware=[authentication(sign_in_behind)])
    app.mount("/behind", behind_app)
    app.add_middleware(AuditMiddleware, trusted_proxies=[PROXY, "127.0.0.1"])
    return app


def test_interleaved_requests_keep_their_own_context(
    quick_log: AuditLog, database: Database, path: Path
) -> None:
    app = busy_service(quick_log)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    kinds = list(ENTRIES)
    numbers = iter(range(REQUESTS))
    statuses: Counter[int] = Counter()

    async def ask(number: int, network: httpx.AsyncClient) -> None:
        turn, kind = divmod(number, len(kinds))
        path = kinds[kind]
        headers = [("x-user", str(number)), ("x-forwarded-for", f"{LIE}, {visitor(number)[2]}")]
        if path == "/talking":
            await connect(app, "websocket", path, talk(*ENTRIES[path]), headers, PROXY)
        elif turn % 16:
            (start, *_) = await connect(app, "http", path, [{"type": "http.request"}], headers, PROXY)
            statuses[start["status"]] += 1
        else:
            statuses[(await network.get(path, headers=headers)).status_code] += 1

    async def work(network: httpx.AsyncClient) -> None:
        for number in numbers:
            await ask(number, network)

    async def everything() -> None:
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as network:
            await asyncio.gather(*(work(network) for _ in range(AT_ONCE)))
        assert current() == Context()

    with served(app, listening):
        asyncio.run(everything())

    expected: Counter[tuple[str, ...]] = Counter()
    for number in range(REQUESTS):
        actor, account, address = visitor(number)
        for what in ENTRIES[kinds[number % len(kinds)]]:
            expected[account, f"u-{number}", actor.label, address, f"{number}@example.com", what] += 1
    columns = "account_id, actor_id, actor_name, ip_address, metadata"
    found = Counter(
        (*who, *json.loads(metadata).values())
        for *who, metadata in database.rows(f"SELECT {columns} FROM audit_entry")
    )
    assert statuses == {200: REQUESTS // 8 * 6, 500: REQUESTS // 8}
    assert (found - expected, expected - found) == (Counter(), Counter())
    assert found.total() == REQUESTS // 8 * 12
