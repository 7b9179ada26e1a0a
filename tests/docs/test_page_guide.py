"""docs/page.md: its program runs and serves, and its tables are complete."""

import argparse
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from tests.support.markdown import blocks, names_in, program, prose, rows, section
from tests.support.paths import DOCS
from tests.support.web import EXPORTING, Client

from auditwright import Actor, AuditLog
from auditwright.server import Principal, create_app
from auditwright.server.view import NAMES, View

PAGE = DOCS / "page.md"
FRANCES = {"cookie": "session=session-of-frances"}


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names of the page's program after it ran in a new folder."""
    folder = tmp_path_factory.mktemp("page")
    names: dict[str, Any] = {"__name__": "page_guide"}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        exec(program(PAGE), names)
    names["database"] = folder / "audit.db"
    yield names
    names["log"].close()


@pytest.fixture(scope="module")
def client(guide: dict[str, Any]) -> Iterator[Client]:
    with start_blocking_portal() as portal:
        yield Client(guide["service"], portal)


def test_a_request_without_a_session_is_refused(client: Client) -> None:
    assert client.get("/audit/").status_code == 401
    assert client.get("/audit/api/entries").json()["type"] == "urn:auditwright:not-signed-in"


def test_links_of_the_mounted_page_stay_below_its_path(client: Client) -> None:
    answer = client.get("/audit/", headers=FRANCES)
    assert answer.status_code == 200
    links = re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("/audit/", "#"))] == []


def test_an_export_is_recorded_with_the_address_behind_the_proxy(
    client: Client, guide: dict[str, Any]
) -> None:
    headers = {"cookie": f"{FRANCES['cookie']}; {EXPORTING['cookie']}", "x-forwarded-for": "198.51.100.9"}
    assert client.export({"what": "all"}, "/audit/export", headers=headers).status_code == 200
    with closing(sqlite3.connect(guide["database"])) as connection:
        found = connection.execute("SELECT account_id, event, actor_id, ip_address FROM audit_entry")
        # The client of the tests is no proxy, so that what it writes into the header is not believed.
        assert found.fetchall() == [("acme", "audit.log.exported", "u-90", "203.0.113.9")]


def test_example_query_is_valid(client: Client) -> None:
    (example,) = re.findall(r"`(/audit/api/entries\?[^`]+)`", prose(PAGE))
    View.parse(example.partition("?")[2])
    assert client.get(example, headers=FRANCES).status_code == 200


def test_the_tables_name_everything(guide: dict[str, Any]) -> None:
    granted = [names_in(row[0])[0] for row in rows(section(PAGE, "Mount it in a service"))]
    assert granted == [field.name for field in fields(Principal)]
    tables = section(PAGE, "The JSON API")
    requests = [
        names_in(row[0])[0] for row in rows(tables) if names_in(row[0])[0].startswith(("GET", "POST"))
    ]
    app = next(route.app for route in guide["service"].routes if getattr(route, "path", "") == "/audit")
    served = {
        f"{method.upper()} {path}".replace("{entry_id}", "{id}")
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert set(requests) == served | {"GET /api/openapi.json"}
    parts = [row for row in rows(tables) if not names_in(row[0])[0].startswith(("GET", "POST"))]
    names = [name for row in parts for name in names_in(row[0])]
    assert set(names[: len(NAMES)]) == set(NAMES)
    answer = app.openapi()["paths"]["/api/entries"]["get"]["responses"]["200"]
    assert names[len(NAMES) :] == list(answer["content"]["application/json"]["schema"]["properties"])


def test_requests_of_programs_are_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    commands = [line for block in blocks(PAGE, "sh") for line in block.text.splitlines()]
    assert [command.split()[0] for command in commands] == ["curl"] * 3
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", action="store_true")
    parser.add_argument("-H", action="append")
    for option in ("-d", "-o"):
        parser.add_argument(option)
    parser.add_argument("url")
    principal = Principal(Actor.app("app-ci"), ("acme",), may_export=True, may_record=True)
    path = tmp_path_factory.mktemp("curl") / "audit.db"
    with AuditLog.open(f"sqlite:///{path}") as log, start_blocking_portal() as portal:
        client = Client(create_app(log, lambda _: principal), portal, headers={})
        found = []
        for command in commands:
            sent = parser.parse_args(shlex.split(command)[1:])
            headers = dict(header.split(": ", 1) for header in sent.H)
            method = "POST" if sent.d else "GET"
            answer = client.request(method, sent.url, content=sent.d, headers=headers)
            found.append((answer.status_code, answer.headers["content-type"].partition(";")[0]))
    assert found == [(200, "text/csv"), (200, "application/jsonl"), (201, "application/json")]


def test_parts_of_an_own_entry_are_named() -> None:
    named = [names_in(row[0])[0] for row in rows(section(PAGE, "Record through the API"))]
    assert named == ["actor", "ip_address", "occurred_at"]
