"""Responses do not depend on the entries of other accounts: they are equal byte for byte.

Two logs have the same entries of acme, row by row; only one of them has entries of globex too. Whoever may
see acme alone asks both the same, and could tell them apart only by something of globex.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.campaigns import examples
from tests.support.sample_events import insert_row
from tests.support.web import Client, authorize

from auditwright import Actor, AuditLog
from auditwright.server import api, audit_page, create_app, downloads

NOW = datetime(2026, 6, 15, 12, 30, 15, tzinfo=UTC)
USERS = ("u-17", "u-18", "app-ci", "u-99", "Ada", "Eve")
LOGIN = "account.login_logout.login"
EVENTS = {
    LOGIN: {"email_id": "ada@example.com"},
    "account.app_api_key.app_api_key_created": {},
    "tool.guardrails.input_scanner_added": {"tool_id": "t-4"},
}
GONE = "account.gone.thing_done"
"""An event that no catalog has; only globex has an entry."""


@dataclass(frozen=True)
class World:
    """Two equal logs with a client each; `beside` also has entries of globex."""

    alone: AuditLog
    beside: AuditLog
    clients: list[Client]

    def get(self, url: str) -> list[httpx.Response]:
        """The responses of both to the same request."""
        return [client.get(url) for client in self.clients]

    def post(self, url: str, **options: Any) -> list[httpx.Response]:
        """The responses of both to the same request."""
        return [client.post(url, **options) for client in self.clients]

    def export(self, form: dict[str, str]) -> list[httpx.Response]:
        """The responses of both to the same form."""
        return [client.export(form) for client in self.clients]


@pytest.fixture
def world(tmp_path: Path, portal: BlockingPortal, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two logs with a fixed clock."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW

    for module in (api, downloads, audit_page):
        monkeypatch.setattr(module, "datetime", Clock)
    first, second = tmp_path / "alone.db", tmp_path / "beside.db"
    with AuditLog.open(f"sqlite:///{first}") as log:
        for number, (user, event) in enumerate((user, event) for user in USERS[:3] for event in EVENTS):
            moment = NOW - timedelta(hours=5 * number)
            options = {"actor": Actor.user(user, f"{user} of acme"), "account_id": "acme"}
            log.record_event(event, EVENTS[event], {**options, "occurred_at": moment})
    shutil.copyfile(first, second)
    insert_row(second, log.catalog, account_id="globex", event=GONE, category="account.gone")
    with AuditLog.open(f"sqlite:///{first}") as alone, AuditLog.open(f"sqlite:///{second}") as beside:
        yield World(alone, beside, [Client(create_app(log, authorize), portal) for log in (alone, beside)])


hidden = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from([*EVENTS]), st.integers(0, 10**8)),
    min_size=1,
    max_size=4,
)
condition = st.one_of(
    st.builds("user:{}:{}".format, st.sampled_from(["is", "is_not"]), st.sampled_from(USERS)),
    st.builds("event:{}:{}".format, st.sampled_from(["is", "is_not"]), st.sampled_from([*EVENTS, GONE])),
    st.builds("category:{}:{}".format, st.just("is"), st.sampled_from(["tool.guardrails", "account.gone"])),
)
QUERY = {
    "account": st.sampled_from(["acme", "globex", "initech", ""]),
    "match": st.sampled_from(["all", "any"]),
    "where": condition,
    "period": st.sampled_from(["24h", "7d", "30d", "all"]),
    "search": st.sampled_from(["acme", "globex", "Eve", "api key", "u-99"]),
    "limit": st.integers(1, 4).map(str),
    "after": st.sampled_from(["CURSOR", "nonsense"]),
    "before": st.sampled_from(["CURSOR", "nonsense"]),
    "exact": st.sampled_from(["true", "false"]),
    "text": st.sampled_from(["", "u-", "Eve", "globex"]),
    "format": st.sampled_from(["csv", "jsonl"]),
}
SELECTION = ("account", "match", "where", "period", "search")
NAMES = {
    "/": (*SELECTION, "limit", "after", "before"),
    "/api/entries": (*SELECTION, "limit", "after", "before"),
    "/api/count": (*SELECTION, "exact"),
    "/api/users": ("account", "text"),
    "/entries/ID": ("account", "where", "period"),
    "/api/entries/ID": ("account",),
}


def queries(*names: str) -> st.SearchStrategy[str]:
    """Queries with some of these names and several conditions."""
    some = {name: st.lists(QUERY[name], max_size=3 if name == "where" else 1) for name in names}
    return st.fixed_dictionaries(some).map(lambda found: urlencode(found, doseq=True))


gets = st.sampled_from([*NAMES]).flatmap(lambda path: queries(*NAMES[path]).map(f"{path}?{{}}".format))


def record(log: AuditLog, others: list[tuple[str, str, int]]) -> list[str]:
    """Record entries of globex; returns their ids."""
    ids = []
    for user, event, seconds in others:
        moment = NOW - timedelta(seconds=seconds)
        options = {"actor": Actor.user(user, "Eve of globex"), "account_id": "globex", "occurred_at": moment}
        ids.append(str(log.record_event(event, EVENTS[event], options).id))
    return ids


@settings(max_examples=examples(30))
@given(others=hidden, asked=st.lists(gets, min_size=1, max_size=4), typed=st.sampled_from(USERS))
def test_responses_do_not_depend_on_other_accounts(
    world: World, others: list[tuple[str, str, int]], asked: list[str], typed: str
) -> None:
    ids = [str(world.beside.account("acme").entries(limit=1).entries[0].id), *record(world.beside, others)]
    cursor = world.beside.account("globex").entries(limit=1).next or "none"
    row = {"match": "all", "field.0": "user", "operator.0": "is"}
    urls = [
        f"/filter?{urlencode({**row, 'user.0': name})}"
        for name in (typed, f"{typed} of acme", f"{typed} of globex", "Eve of globex")
    ]
    urls += [f"{path}?where=event:is:{GONE}" for path in ("/", "/api/entries")]
    urls += [url.replace("ID", entry).replace("CURSOR", cursor) for url in asked for entry in ids]
    for url in urls:
        one, other = world.get(url)
        assert (one.status_code, one.text) == (other.status_code, other.text), url
        assert one.headers == other.headers


@settings(max_examples=examples(20))
@given(others=hidden, query=queries(*SELECTION[1:]))
def test_exports_do_not_depend_on_other_accounts(
    world: World, others: list[tuple[str, str, int]], query: str
) -> None:
    record(world.beside, others)
    for form in ("csv", "jsonl"):
        answers = world.get(f"/api/export?{query}&format={form}")
        one, other = ([line for line in each.text.split("\n") if "export" not in line] for each in answers)
        assert one == other  # except the ids of earlier exports
        assert len(answers[0].text.split("\n")) == len(answers[1].text.split("\n"))
    answers = world.export({"view": query, "what": "filtered"})
    one, other = ([line for line in each.text.split("\n") if "export" not in line] for each in answers)
    assert one == other


def test_recording_an_id_of_another_account_reveals_nothing(world: World) -> None:
    (taken,) = record(world.beside, [("u-99", LOGIN, 5)])
    stored = world.beside.account("globex").get(taken)
    body = {"event": LOGIN, "metadata": {"email_id": "ada@example.com"}, "id": taken}
    for form in (body, [body], [body, body | {"account_id": "globex"}]):
        answers = world.post("/api/entries", json=form, user="service")
        one, other = (re.sub(r'"recorded_at":"[^"]*"', "", answer.text) for answer in answers)
        assert one == other
        assert [answer.status_code for answer in answers] == ([201, 201] if form is body else [200, 200])
    assert world.beside.account("globex").get(taken) == stored
    assert not world.alone.account("globex").has_entries()
