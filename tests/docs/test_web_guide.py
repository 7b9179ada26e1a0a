"""docs/web.md: its blocks run as one program, whose applications record the right context."""

import os
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlmodel import SQLModel
from tests.support.markdown import blocks, program
from tests.support.paths import DOCS

from auditwright import AuditMiddleware, NoContext, ValidationError, set_actor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for httpx2; httpx does as well
    from starlette.testclient import TestClient

PAGE = DOCS / "web.md"
ADA, GRACE = {"Authorization": "Bearer token-of-ada"}, {"Authorization": "Bearer token-of-grace"}
CLIENT, PROXY, LIE = "203.0.113.7", "10.0.0.1", "198.51.100.99"


@dataclass
class Guide:
    """The names of the page's program after it ran, and its database."""

    names: dict[str, Any]
    path: Path
    seen: int = 0

    def client(self, app: str, peer: str = CLIENT) -> TestClient:
        return TestClient(self.names[app], client=(peer, 4711))

    def count(self, table: str) -> int:
        return int(self._rows(f"SELECT count(*) FROM {table}")[0][0])

    def recorded(self) -> list[tuple[Any, ...]]:
        """The entries since the last call: account, actor, address, event."""
        columns = "account_id, actor_id, ip_address, event"
        every = self._rows(f"SELECT {columns} FROM audit_entry ORDER BY id")
        new, self.seen = every[self.seen :], len(every)
        return new

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    module = ModuleType("web_guide")
    names = vars(module)
    sys.modules[module.__name__] = module  # Litestar looks for the types of handlers in their module
    folder, before = tmp_path_factory.mktemp("guide"), Path.cwd()
    os.chdir(folder)
    try:
        exec(program(PAGE), names)
    finally:
        os.chdir(before)
    yield Guide(names, folder / "audit.db")
    names["engine"].dispose()
    names["log"].close()
    SQLModel.metadata.remove(names["Scanner"].__table__)
    del sys.modules[module.__name__]


@pytest.mark.parametrize("app", ["app", "service"])
def test_endpoints_record_who_is_signed_in(guide: Guide, app: str) -> None:
    client = guide.client(app)
    deployed = client.post("/models/m-17/deployment", headers=ADA | {"X-Forwarded-For": LIE})
    created = client.post("/prompts/p-9", headers=GRACE)
    assert (deployed.status_code, created.status_code) == (200, 200)
    assert deployed.json().startswith("Ada Lovelace deployed model Llama")
    assert client.post("/prompts/p-9").status_code == 401
    assert guide.recorded() == [
        ("acme", "u-17", CLIENT, "account.models.model_deployed"),
        ("globex", "u-18", CLIENT, "account.prompts.prompt_created"),
    ]


def test_entries_have_request_session_and_whom(guide: Guide) -> None:
    client = guide.client("app")
    headers = {"User-Agent": "Firefox/99", "X-Request-Id": "r-1"}
    context = client.post("/sessions/s-1", headers=ADA | headers).json()
    assert context == {"session_id": "s-1", "user_agent": "Firefox/99", "request_id": "r-1"}
    text = client.post("/support/u-18/models", headers=ADA).json()
    assert text.startswith("Ada Lovelace on behalf of Grace Hopper deployed model Llama")
    assert client.post("/support/u-18/models").json().startswith("Anonymous on behalf of Grace Hopper ")
    login, deployed = "account.login_logout.login", "account.models.model_deployed"
    events = [(event, actor, address) for _, actor, address, event in guide.recorded()]
    assert events == [(login, "u-17", CLIENT), (deployed, "u-17", CLIENT), (deployed, None, CLIENT)]


def test_an_entry_in_a_transaction_exists_if_it_commits(guide: Guide) -> None:
    client = guide.client("app")
    assert client.post("/tools/t-4/scanners?broken=true", headers=ADA).status_code == 409
    assert (guide.recorded(), guide.count("scanner")) == ([], 0)
    assert client.post("/tools/t-4/scanners", headers=ADA).status_code == 200
    assert guide.recorded() == [("acme", "u-17", CLIENT, "tool.guardrails.input_scanner_added")]
    assert guide.count("scanner") == 1


def test_starlette_sets_the_actor_when_it_authenticates(guide: Guide) -> None:
    client = guide.client("starlette_app")
    assert client.post("/tools/t-4/versions", headers=GRACE).status_code == 200
    assert client.post("/tools/t-4/versions").status_code == 403
    assert guide.recorded() == [("globex", "u-18", CLIENT, "tool.tool_management.version_created")]


def test_litestar_sets_the_actor_when_it_authenticates(guide: Guide) -> None:
    guide.names["wrapped"] = AuditMiddleware(guide.names["litestar_app"])
    for app in ("litestar_app", "wrapped"):
        client = guide.client(app)
        assert client.post("/tools/t-4/versions", headers=GRACE).status_code == 201
        assert client.post("/prompts/p-9", headers=ADA).status_code == 201
        assert client.post("/tools/t-4/versions").status_code == 401
        assert guide.recorded() == [
            ("globex", "u-18", CLIENT, "tool.tool_management.version_created"),
            ("acme", "u-17", CLIENT, "account.prompts.prompt_created"),
        ]


def test_a_background_task_has_the_actor_of_its_request(guide: Guide) -> None:
    assert guide.client("app").post("/datasets", headers=ADA).status_code == 202
    assert guide.recorded() == [("acme", "u-17", CLIENT, "account.dataset.dataset_uploaded")]


def test_a_websocket_keeps_its_actor_until_another_is_set(guide: Guide) -> None:
    with guide.client("app").websocket_connect("/prompts", headers=ADA) as websocket:
        for text in ("Summary", "Translation"):
            websocket.send_text(text)
            assert websocket.receive_text() == "stored"
        websocket.send_text("token-of-grace")
        websocket.send_text("Summary")
        assert websocket.receive_text() == "stored"
    by_ada, by_grace = (("acme", "u-17", CLIENT), ("globex", "u-18", CLIENT))
    assert [who for *who, _ in guide.recorded()] == [[*by_ada], [*by_ada], [*by_grace]]


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        (CLIENT, LIE, CLIENT),
        (PROXY, f"{LIE}, {CLIENT}", CLIENT),
        (PROXY, f"{LIE}, {CLIENT}, 2001:db8::5", CLIENT),
        (PROXY, f"{LIE}, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        (PROXY, f"{LIE}, unknown", PROXY),
        ("192.0.2.1", CLIENT, "192.0.2.1"),
    ],
)
def test_the_address_is_the_clients_behind_trusted_proxies(
    guide: Guide, peer: str, header: str, address: str
) -> None:
    answer = guide.client("behind_proxies", peer).post("/login", headers=ADA | {"X-Forwarded-For": header})
    assert answer.json() == address
    assert guide.recorded() == [("acme", "u-17", address, "account.login_logout.login")]


def test_outside_requests_the_actor_must_be_given(guide: Guide) -> None:
    with pytest.raises(ValidationError):
        guide.names["read_dataset"]("csv")
    assert guide.recorded() == []
    with pytest.raises(NoContext):
        set_actor(guide.names["USERS"]["token-of-ada"][0])


def test_the_page_shows_nothing_but_the_program() -> None:
    assert {(block.language, block.use) for block in blocks(PAGE)} == {("python", "")}
