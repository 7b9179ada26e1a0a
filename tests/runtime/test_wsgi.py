"""The WSGI middleware: actor and address of requests by PEP 3333, in Flask, and behind a real server."""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import flask
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.databases import Database
from tests.support.sample_events import ADA, GRACE

from audit_events import AuditEvents
from auditwright import Actor, AuditLog, AuditWsgiMiddleware, NoContext, set_actor
from auditwright.context import Context, current
from auditwright.storage.sqlite import connections as sqlite

CLIENT, PROXY, LIE = "203.0.113.7", "10.0.0.1", "198.51.100.66"
WHO = "SELECT account_id, actor_id, ip_address FROM audit_entry ORDER BY id"
Steps = Callable[[WSGIEnvironment], Iterable[bytes]]


def app_of(steps: Steps) -> WSGIApplication:
    """An application that answers with what the function makes of the request."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return steps(environ)

    return app


def call(app: WSGIApplication, peer: str = CLIENT, /, **environ: Any) -> Iterable[bytes]:
    """What the application returns for one request; nothing of it has been read."""
    environ = {"REMOTE_ADDR": peer, "QUERY_STRING": "", **environ}
    setup_testing_defaults(environ)
    return app(environ, lambda *_: lambda _: None)


def get(app: WSGIApplication, peer: str = CLIENT, /, **environ: Any) -> bytes:
    """The body of the response to one request, read and closed as a server does."""
    body = call(app, peer, **environ)
    try:
        return b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
        assert current() == Context()


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A thread for each connection."""

    daemon_threads = True


class Handler(WSGIRequestHandler):
    """Keeps the test's output free of requests."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """The URL of a real server with this application, which stops with the block."""
    with ThreadingServer(("127.0.0.1", 0), Handler) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def create(audit: AuditEvents) -> Callable[..., Any]:
    """The emitter that these tests call."""
    return audit.account.app_api_key.app_api_key_created


# --- who, and from where ----------------------------------------------------------------------------


def signed_in(create: Callable[..., Any], actor: Actor = ADA) -> WSGIApplication:
    """An application that sets the actor and records one event."""

    def steps(_: WSGIEnvironment) -> list[bytes]:
        set_actor(actor)
        create()
        return [b"done"]

    return app_of(steps)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (CLIENT, LIE, CLIENT),
        (CLIENT, None, CLIENT),
        (PROXY, f"{LIE}, {CLIENT}, 10.0.0.2", CLIENT),
        (PROXY, f"{LIE},{CLIENT}:4711", CLIENT),
        (PROXY, f"{LIE}, unknown", PROXY),
        (PROXY, "", PROXY),
        (PROXY, None, PROXY),
        ("::ffff:10.0.0.1", CLIENT, CLIENT),
        ("", CLIENT, CLIENT),
        ("no address", CLIENT, None),
    ],
)
def test_the_address_is_the_clients_behind_trusted_proxies(
    peer: str, forwarded: str | None, address: str | None
) -> None:
    def steps(_: WSGIEnvironment) -> list[bytes]:
        return [json.dumps(current().ip_address).encode()]

    app = AuditWsgiMiddleware(app_of(steps), trusted_proxies=["10.0.0.0/8", "unix"])
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    others = {"HTTP_FORWARDED": f"for={LIE}", "HTTP_X_REAL_IP": LIE}
    assert json.loads(get(app, peer, **headers, **others)) == address


@pytest.mark.parametrize(
    ("settings", "request_id"),
    [({}, "r-1"), ({"request_id_header": "X-Correlation-ID"}, "c-1"), ({"request_id_header": None}, None)],
)
def test_the_context_is_told_by_the_headers(settings: dict[str, Any], request_id: str | None) -> None:
    app = AuditWsgiMiddleware(app_of(lambda _: [json.dumps(current().details).encode()]), **settings)
    headers = {"HTTP_X_REQUEST_ID": "r-1", "HTTP_X_CORRELATION_ID": "c-1", "HTTP_COOKIE": "s=1"}
    agent = "Zażółć\0" * 99
    seen = json.loads(get(app, HTTP_USER_AGENT=agent.encode().decode("latin-1"), **headers))
    expected = {"user_agent": agent.replace("\0", "\ufffd")[:512], "request_id": request_id}
    assert seen == {name: text for name, text in expected.items() if text is not None}


@pytest.mark.parametrize("environ", [{"REMOTE_ADDR": ""}, {"REMOTE_ADDR": None}])
def test_unix_socket_is_trusted_by_the_word_unix_only(environ: dict[str, Any]) -> None:
    app = AuditWsgiMiddleware(app_of(lambda _: [str(current().ip_address).encode()]))
    assert get(app, HTTP_X_FORWARDED_FOR=LIE, **environ) == b"None"


def test_an_entry_has_the_actor_and_the_address_of_its_request(
    create: Callable[..., Any], database: Database
) -> None:
    app = AuditWsgiMiddleware(signed_in(create), account_id="globex")
    assert get(app, HTTP_X_FORWARDED_FOR=LIE) == b"done"
    assert database.rows(WHO) == [("globex", "u-17", CLIENT)]


def test_context_outside_of_the_application_is_ignored(log: AuditLog) -> None:
    app = AuditWsgiMiddleware(app_of(lambda _: [repr(current().actor).encode()]))
    with log.acting(ADA, account_id="globex", ip_address=LIE):
        assert list(call(app)) == [b"None"]
        assert current().actor == ADA


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"trusted_proxies": ["*"]},
            "*: every client would be a trusted proxy; name the addresses of your own proxies",
        ),
        ({"account_id": ""}, "account_id: expected a string of 1 to 256 characters, got 0 characters"),
    ],
)
def test_invalid_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"expected|prox") as caught:
        AuditWsgiMiddleware(app_of(lambda _: []), **settings)
    assert str(caught.value) == message


def test_only_an_application_can_be_wrapped() -> None:
    with pytest.raises(TypeError) as caught:
        AuditWsgiMiddleware(None)  # type: ignore[arg-type]
    assert str(caught.value) == "AuditWsgiMiddleware needs app: a WSGI application, not None"


# --- the response ------------------------------------------------------------------------------------


class Chunks:
    """A response whose iteration and closing record an event each."""

    def __init__(self, create: Callable[..., Any]) -> None:
        self.create = create

    def __iter__(self) -> Iterator[bytes]:
        self.create(details="iterated")
        yield b"one"

    def close(self) -> None:
        self.create(details="closed")


def test_iterating_and_closing_run_in_the_requests_context(
    create: Callable[..., Any], database: Database
) -> None:
    def steps(_: WSGIEnvironment) -> Iterable[bytes]:
        set_actor(ADA)
        return Chunks(create)

    inside = validator(app_of(steps))
    body = call(validator(AuditWsgiMiddleware(inside)))
    assert current() == Context()
    for _ in body:
        assert current() == Context()
    body.close()  # type: ignore[attr-defined]
    assert current() == Context()
    assert database.rows(WHO) == [("acme", "u-17", CLIENT)] * 2


def test_a_response_may_be_read_in_another_thread(create: Callable[..., Any], database: Database) -> None:
    def steps(_: WSGIEnvironment) -> Iterator[bytes]:
        for actor in (ADA, GRACE):
            set_actor(actor)
            create()
            yield b"chunk"

    body = iter(call(AuditWsgiMiddleware(app_of(steps))))
    for _ in range(2):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(next, body).result()
            assert pool.submit(current).result() == Context()
    assert database.rows(WHO) == [("acme", "u-17", CLIENT), ("acme", "u-18", CLIENT)]


def test_a_block_stays_entered_while_chunks_are_sent(
    log: AuditLog, create: Callable[..., Any], database: Database
) -> None:
    def steps(_: WSGIEnvironment) -> Iterator[bytes]:
        set_actor(ADA)
        with log.acting(Actor.app("a-1")):
            yield b"one"
            create()
            yield b"two"
        yield b"three"
        create()

    app = AuditWsgiMiddleware(app_of(steps))
    first, second = iter(call(app)), iter(call(app))
    for _ in range(3):
        next(first)
        next(second)
        assert current() == Context()
    assert [*first, *second] == []
    assert database.rows(WHO) == [("acme", "a-1", None)] * 2 + [("acme", "u-17", CLIENT)] * 2


def test_application_may_start_its_response_late() -> None:
    started = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        set_actor(ADA)
        yield b""
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield str(current().actor).encode()

    def start(status: str, *_: Any) -> Callable[[bytes], object]:
        started.append((status, current().actor))
        return lambda _: None

    environ: WSGIEnvironment = {"REMOTE_ADDR": CLIENT}
    body = iter(AuditWsgiMiddleware(app)(environ, start))
    assert (next(body), started) == (b"", [])
    assert (next(body), started) == (str(ADA).encode(), [("200 OK", ADA)])
    assert set(environ) == {"REMOTE_ADDR"}


@pytest.mark.parametrize("step", ["call", "iter", "next", "close"])
def test_context_is_removed_after_an_error(step: str) -> None:
    def fail(where: str) -> None:
        if where == step:
            raise ZeroDivisionError(where)

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            fail("iter")
            return self

        def __next__(self) -> bytes:
            fail("next")
            raise StopIteration

        def close(self) -> None:
            fail("close")

    def steps(_: WSGIEnvironment) -> Body:
        set_actor(ADA)
        fail("call")
        return Body()

    environ: WSGIEnvironment = {"REMOTE_ADDR": CLIENT}
    with pytest.raises(ZeroDivisionError, match=step):
        get(AuditWsgiMiddleware(app_of(steps)), **environ)
    assert current() == Context()


def test_server_gets_what_it_can_send_by_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        bodies = [[b"one"], (b"one",), FileWrapper(file), file, io.BytesIO(b"content")]
        for body in bodies:
            app = AuditWsgiMiddleware(app_of(lambda _, body=body: body))  # type: ignore[misc]
            assert call(app, **{"wsgi.file_wrapper": FileWrapper}) is body
            assert (call(app, **{"wsgi.file_wrapper": lambda file: file}) is body) is (
                not isinstance(body, FileWrapper)
            )


def test_one_chunk_keeps_its_length_behind_a_real_server(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")

    def steps(environ: WSGIEnvironment) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/file":
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))
            return wrapped
        return [b"done"]

    with served(AuditWsgiMiddleware(app_of(steps))) as url:
        assert httpx.get(url).headers["content-length"] == "4"
        assert httpx.get(f"{url}/file").content == b"content"


# --- one around another ------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_nested_middleware_uses_the_outer_settings(
    create: Callable[..., Any], database: Database, late: bool
) -> None:
    inner = AuditWsgiMiddleware(signed_in(create), account_id="inner", trusted_proxies=[CLIENT])

    def outside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return inner(environ, start_response)

    def outside_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        yield from inner(environ, start_response)

    outer = AuditWsgiMiddleware(
        outside_late if late else outside, account_id="outer", trusted_proxies=[PROXY]
    )
    for app in (outer, inner):
        assert get(app, PROXY, HTTP_X_FORWARDED_FOR=f"{LIE}, {CLIENT}") == b"done"
    assert database.rows(WHO) == [("outer", "u-17", CLIENT), ("inner", "u-17", PROXY)]


def test_each_request_with_one_environ_has_its_own_context() -> None:
    app = app_of(lambda _: iter([str(current().account_id).encode()]))
    environ: WSGIEnvironment = {"REMOTE_ADDR": CLIENT}
    seen = [
        *AuditWsgiMiddleware(app, account_id="acme")(environ, lambda *_: lambda _: None),
        *AuditWsgiMiddleware(app, account_id="globex")(environ, lambda *_: lambda _: None),
    ]
    assert seen == [b"acme", b"globex"]


# --- Flask, and a real server ------------------------------------------------------------------------


def visitor(number: int) -> tuple[Actor, str, str]:
    """The user with this number, one of 97 accounts, and an address that is unique to the user."""
    high, low = divmod(number, 256)
    return Actor.user(f"u-{number}", f"User {number}"), f"a-{number % 97}", f"198.18.{high}.{low}"


ENTRIES = {
    "/view": ["view", "after"],
    "/streaming": ["first", "last", "closed"],
    "/generator": ["generator"],
    "/raising": ["raising", "handled"],
    "/thread": ["thread"],
}
"""The entries that each view records for a request."""


def flask_service(log: AuditLog) -> flask.Flask:
    """Views that record for the user that the header `X-User` names, in every part of a request."""
    audit, app = AuditEvents(log), flask.Flask(__name__)

    def record(what: str) -> None:
        user = flask.request.headers["X-User"]
        audit.account.login_logout.login(email_id=f"{user}@example.com", login_method=what)

    @app.before_request
    def sign_in() -> None:
        actor, account, _ = visitor(int(flask.request.headers["X-User"]))
        set_actor(actor, account)

    @app.get("/view")
    def view() -> str:
        record("view")

        @flask.after_this_request
        def after(response: flask.Response) -> flask.Response:
            record("after")
            return response

        return "done"

    @app.get("/streaming")
    def streaming() -> flask.Response:
        def chunks() -> Iterator[str]:
            record("first")
            yield "first"
            record("last")
            yield "last"

        response = flask.Response(flask.stream_with_context(chunks()))
        user = flask.request.headers["X-User"]
        login = audit.account.login_logout.login
        response.call_on_close(lambda: login(email_id=f"{user}@example.com", login_method="closed"))
        return response

    @app.get("/generator")
    def generator() -> Iterator[str]:
        user = flask.request.headers["X-User"]

        def chunks() -> Generator[str]:
            yield "before"
            audit.account.login_logout.login(email_id=f"{user}@example.com", login_method="generator")
            yield "after"

        return chunks()

    @app.get("/raising")
    def raising() -> str:
        record("raising")
        raise LookupError

    @app.errorhandler(500)
    def handle(_: Exception) -> tuple[str, int]:
        record("handled")
        return "sorry", 500

    @app.get("/thread")
    def in_thread() -> str:
        @flask.copy_current_request_context
        def work() -> None:
            record("thread")

        thread = threading.Thread(target=copy_context().run, args=(work,))
        thread.start()
        thread.join()
        return "done"

    app.logger.disabled = True
    app.wsgi_app = AuditWsgiMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, trusted_proxies=["127.0.0.1"]
    )
    return app


@pytest.fixture
def quick_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    monkeypatch.setattr(sqlite, "WRITER_PRAGMAS", (*sqlite.WRITER_PRAGMAS, "synchronous=OFF"))
    with AuditLog.open(f"sqlite:///{path}") as log:
        yield log


def test_parallel_requests_keep_their_own_context(
    quick_log: AuditLog, database: Database, path: Path
) -> None:
    kinds, requests = list(ENTRIES), examples(400)

    def ask(number: int) -> int:
        headers = {"X-User": str(number), "X-Forwarded-For": f"{LIE}, {visitor(number)[2]}"}
        return client.get(kinds[number % len(kinds)], headers=headers).status_code

    app = flask_service(quick_log)
    with served(app) as url, httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(16) as pool:
        statuses = Counter(pool.map(ask, range(requests)))
    expected: Counter[tuple[str, ...]] = Counter()
    for number in range(requests):
        actor, account, address = visitor(number)
        for what in ENTRIES[kinds[number % len(kinds)]]:
            expected[account, f"u-{number}", actor.label, address, f"{number}@example.com", what] += 1
    columns = "account_id, actor_id, actor_name, ip_address, metadata"
    found = Counter(
        (*who, *json.loads(metadata).values())
        for *who, metadata in database.rows(f"SELECT {columns} FROM audit_entry")
    )
    assert statuses == {200: requests // 5 * 4, 500: requests // 5}
    assert (found - expected, expected - found) == (Counter(), Counter())


def test_flasks_own_client_keeps_the_request_context(log: AuditLog) -> None:
    app = flask_service(log)
    with app.test_client() as client:
        assert client.get("/view", headers={"X-User": "5"}).text == "done"
        assert flask.request.headers["X-User"] == "5"
        with pytest.raises(NoContext):
            set_actor(ADA)


def test_a_thread_keeps_its_actor_after_the_request(
    create: Callable[..., Any], log: AuditLog, database: Database
) -> None:
    over, threads, app = threading.Event(), [], flask.Flask(__name__)

    def later() -> None:
        over.wait()
        create()

    @app.get("/")
    def start() -> str:
        thread = threading.Thread(target=copy_context().run, args=(later,))
        thread.start()
        threads.append(thread)
        set_actor((ADA, GRACE)[len(threads) - 1])
        return "done"

    middleware = AuditWsgiMiddleware(app)
    assert get(middleware) == get(middleware) == b"done"
    over.set()
    for thread in threads:
        thread.join()
    assert sorted(database.rows(WHO)) == [("acme", "u-17", CLIENT), ("acme", "u-18", CLIENT)]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["call", "next", "set", "close"]))))
def test_interleaved_steps_never_mix(steps: list[tuple[int, str]]) -> None:
    """Four requests whose steps one thread takes in any order, against a plain model of them."""
    orders: dict[int, list[str]] = {number: [] for number in range(4)}
    seen: list[tuple[int, str | None, str | None]] = []

    def note(number: int) -> None:
        actor = current().actor
        seen.append((number, actor.id if actor else None, current().ip_address))

    def body(number: int) -> Generator[bytes]:
        try:
            while True:
                order = orders[number].pop() if orders[number] else ""
                if order:
                    set_actor(Actor.user(order))
                note(number)
                yield b""
        finally:
            note(number)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return body(environ["number"])

    middleware = AuditWsgiMiddleware(app)
    bodies: dict[int, Any] = {}
    actors: dict[int, str | None] = {}
    for turn, (number, step) in enumerate(steps):
        address = f"198.51.100.{number}"
        if step == "call" or number not in bodies:
            environ = {"number": number, "REMOTE_ADDR": address}
            bodies[number] = middleware(environ, lambda *_: lambda _: None)
            actors[number], orders[number] = None, []
        elif step == "close":
            noted = len(seen)
            bodies.pop(number).close()
            assert seen[noted:] in ([], [(number, actors[number], address)])  # none if it never began
        else:
            if step == "set":
                orders[number].append(f"u-{turn}")
                actors[number] = f"u-{turn}"
            next(bodies[number])
            assert seen[-1] == (number, actors[number], address)
        assert current() == Context()
