"""docs/flask.md: its blocks run as one program, whose applications record the right context."""

import os
import warnings
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from tests.support.databases import SQLiteDatabase
from tests.support.markdown import blocks, program
from tests.support.paths import DOCS
from werkzeug.serving import make_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for httpx2; httpx does as well
    from starlette.testclient import TestClient

PAGE = DOCS / "flask.md"
CLIENT, PROXY = "203.0.113.7", "10.0.0.1"


class Guide:
    """The names of the page's program after it ran, and its database."""

    def __init__(self, names: dict[str, Any], folder: Path) -> None:
        self.names = names
        self.database = SQLiteDatabase(folder / "audit.db")

    def client(self, user: str = "u-17") -> Any:
        """A client of the Flask application that is signed in as this user."""
        client = self.names["app"].test_client()
        client.environ_base["REMOTE_ADDR"] = CLIENT
        assert client.post(f"/login/{user}").text == CLIENT
        return client

    def recorded(self) -> list[tuple[Any, ...]]:
        """The entries: account, actor, address, event."""
        return self.database.rows(
            "SELECT account_id, actor_id, ip_address, event FROM audit_entry ORDER BY id"
        )


@pytest.fixture
def guide(tmp_path: Path) -> Iterator[Guide]:
    names: dict[str, Any] = {"__name__": "flask_guide"}
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(program(PAGE), names)
    finally:
        os.chdir(before)
    yield Guide(names, tmp_path)
    names["log"].close()


LOGIN = ("acme", "u-17", CLIENT, "account.login_logout.login")
UPLOADED = ("acme", "u-17", CLIENT, "account.dataset.dataset_uploaded")


def test_views_record_who_is_signed_in(guide: Guide) -> None:
    assert guide.client().post("/models/m-17/deployment").text.startswith("Ada Lovelace deployed model Llama")
    assert guide.client("u-18").post("/models/m-17/deployment").status_code == 200
    assert guide.names["app"].test_client().post("/models/m-17/deployment").status_code == 401
    deployed = "account.models.model_deployed"
    assert guide.recorded() == [
        LOGIN,
        ("acme", "u-17", CLIENT, deployed),
        ("globex", "u-18", CLIENT, "account.login_logout.login"),
        ("globex", "u-18", CLIENT, deployed),
    ]


def test_a_wrong_password_is_recorded_by_nobody_known(guide: Guide) -> None:
    answer = (
        guide.names["app"]
        .test_client()
        .post("/wrong-password/ada", environ_overrides={"REMOTE_ADDR": CLIENT})
    )
    assert (answer.status_code, answer.text.startswith("Anonymous ")) == (401, True)
    assert guide.recorded() == [("acme", None, CLIENT, "account.login_logout.login")]


def test_streams_and_threads_have_the_context_of_their_request(guide: Guide) -> None:
    client = guide.client()
    assert client.get("/datasets").text == "id,name\nd-1,Visits\n"
    assert client.post("/datasets/csv").status_code == 202
    assert guide.recorded() == [LOGIN, UPLOADED, UPLOADED]


def test_plain_application_has_the_clients_address(guide: Guide) -> None:
    for peer in (PROXY, ""):
        environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": f"198.51.100.99, {CLIENT}"}
        setup_testing_defaults(environ)
        (body,) = guide.names["plain_app"](environ, lambda *_: lambda _: None)
        assert body.startswith(b"Deployment pipeline created version ver-41")
    assert guide.recorded() == [("acme", "app-ci", CLIENT, "tool.tool_management.version_created")] * 2


def test_the_audit_logs_page_reads_flasks_session(guide: Guide) -> None:
    signed_in = guide.client().post("/login/u-17").headers["Set-Cookie"]
    cookies = {name: morsel.value for name, morsel in SimpleCookie(signed_in).items()}
    with TestClient(guide.names["page"], client=(CLIENT, 4711)) as stranger:
        assert stranger.get("/audit/").status_code == 401
    with TestClient(guide.names["page"], client=(CLIENT, 4711), cookies=cookies) as auditor:
        shown = auditor.get("/audit/")
        assert (shown.status_code, "Ada Lovelace" in shown.text) == (200, True)
        assert auditor.get("/audit/?account=globex").status_code in (403, 404)
    with TestClient(guide.names["page"], cookies={"session": cookies["session"] + "x"}) as forger:
        assert forger.get("/audit/").status_code == 401


def forwarded(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """An application that answers with X-Forwarded-For as its server gives it."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("HTTP_X_FORWARDED_FOR", "").encode()]


class Handler(WSGIRequestHandler):
    """Keeps the test's output free of requests."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.mark.parametrize(("server", "given"), [("werkzeug", CLIENT), ("wsgiref", f"{CLIENT},192.0.2.1")])
def test_servers_treat_headers_with_underscores_as_told(server: str, given: str) -> None:
    if server == "werkzeug":
        serving: Any = make_server("127.0.0.1", 0, forwarded)
    else:
        serving = WSGIServer(("127.0.0.1", 0), Handler)
        serving.set_app(forwarded)
    thread = Thread(target=serving.handle_request)
    thread.start()
    headers = [("X-Forwarded-For", CLIENT), ("X_Forwarded_For", "192.0.2.1")]
    answer = httpx.get(f"http://127.0.0.1:{serving.server_port}/", headers=headers)
    thread.join()
    serving.server_close()
    assert answer.text == given


def test_the_page_shows_nothing_but_the_program() -> None:
    assert {(block.language, block.use) for block in blocks(PAGE)} == {("python", "")}
