"""Requests to a Django project: who is recorded, from where, and in which transaction."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.signals import got_request_exception
from django.db import connections, transaction
from django.test import Client, RequestFactory, override_settings
from tests.runtime.contrib.django import project
from tests.runtime.contrib.django.conftest import Project

from auditwright import Actor, StorageError, ValidationError, dump_context, set_actor
from auditwright.context import enter
from auditwright.contrib.django import log
from auditwright.contrib.django.conf import SETTING, configuration
from auditwright.contrib.django.middleware import RequestContext

from django.contrib.auth.models import Group  # isort: skip

CLIENT = "203.0.113.7"
Get = Callable[..., httpx.Response]


class Wsgi:
    """A browser of the project under WSGI."""

    def __init__(self) -> None:
        self._client = Client(REMOTE_ADDR=CLIENT, raise_request_exception=False)

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        answer: Any = self._client.get(path, headers=headers or None)
        return answer.status_code, b"".join(answer) if answer.streaming else answer.content


class Asgi:
    """The same under ASGI, with an event loop for each request."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return asyncio.run(self._get(path, headers))

    async def _get(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        app: Any = get_asgi_application()
        transport = httpx.ASGITransport(app, client=(CLIENT, 4711))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://testserver", cookies=self._cookies
        ) as client:
            answer = await client.get(path, headers=headers)
            self._cookies = dict(client.cookies)
        return answer.status_code, answer.content


@pytest.fixture(params=[Wsgi, Asgi])
def browser(request: pytest.FixtureRequest, site: Project) -> Wsgi | Asgi:
    made: Wsgi | Asgi = request.param()
    return made


@pytest.mark.parametrize("kind", ["", "-async"])
def test_signed_in_user_is_the_actor(site: Project, browser: Wsgi | Asgi, kind: str) -> None:
    assert browser.get(f"/sign-in{kind}/?name=ada")[0] == 200
    assert browser.get(f"/change{kind}/") == (200, CLIENT.encode())
    assert browser.get("/sign-out/")[0] == 200
    expected = ["login", "role_changed", "logout"]
    assert site.recorded() == [(event, "ada", CLIENT) for event in expected]


@pytest.mark.parametrize("kind", ["", "-async"])
def test_user_that_the_view_sets_is_the_actor(site: Project, browser: Wsgi | Asgi, kind: str) -> None:
    assert browser.get(f"/tokens{kind}/") == (200, CLIENT.encode())
    assert site.recorded() == [("role_changed", "grace", CLIENT)]


@pytest.mark.parametrize("kind", ["", "-async"])
def test_anonymous_request_has_no_actor(site: Project, browser: Wsgi | Asgi, kind: str) -> None:
    raised: list[str] = []

    def keep(**_: object) -> None:
        raised.append(str(sys.exc_info()[1]))

    got_request_exception.connect(keep)
    try:
        assert browser.get(f"/change{kind}/")[0] == 500
    finally:
        got_request_exception.disconnect(keep)
    assert len(raised) == 1
    assert "expected an actor: " in raised[0]
    assert site.recorded() == []


@pytest.mark.parametrize(("kind", "server"), [("", Wsgi), ("-async", Asgi)])
def test_streamed_body_has_the_context(site: Project, kind: str, server: type[Wsgi | Asgi]) -> None:
    browser = server()
    browser.get("/sign-in/?name=ada")
    assert browser.get(f"/stream{kind}/") == (200, CLIENT.encode() * 2)
    assert site.recorded()[1:] == [("role_changed", "ada", CLIENT)] * 2
    with pytest.raises(ValidationError, match="an actor"):
        project.audit.account.roles.role_changed()


@pytest.mark.parametrize(("kind", "server"), [("", Wsgi), ("-async", Asgi)])
def test_block_around_streamed_parts_stays_entered(
    site: Project, kind: str, server: type[Wsgi | Asgi]
) -> None:
    browser = server()
    browser.get("/sign-in/?name=ada")
    assert browser.get(f"/others{kind}/") == (200, b"12")
    expected = [("role_changed", "Exporter", None), ("role_changed", "ada", CLIENT)]
    assert site.recorded()[1:] == expected


def test_stream_that_is_not_read_is_closed_in_its_context(site: Project) -> None:
    client = Client(REMOTE_ADDR=CLIENT)
    client.get("/sign-in/?name=ada")
    answer: Any = client.get("/others/")
    next(iter(answer))
    answer.close()
    assert dump_context() == {}
    assert site.recorded()[1:] == [("role_changed", "ada", CLIENT)]


def test_account_that_is_set_stays_when_a_user_signs_in(site: Project) -> None:
    with enter(RequestContext(RequestFactory().get("/"), configuration(), CLIENT)) as context:
        set_actor(None, "globex")
        assert isinstance(context, RequestContext)
        context.look_up_again()
        assert dump_context()["account_id"] == "globex"


@pytest.mark.parametrize(
    ("settings", "request_id"),
    [({}, "r-1"), ({"REQUEST_ID_HEADER": "x-correlation-id"}, "c-1"), ({"REQUEST_ID_HEADER": None}, None)],
)
def test_headers_tell_user_agent_and_request_id(
    site: Project, settings: dict[str, Any], request_id: str | None
) -> None:
    headers = {"user-agent": "Grüße/1\0".encode().decode("latin-1"), "x-request-id": "r-1"}
    request = RequestFactory().get("/", headers={**headers, "x-correlation-id": "c-1"})
    with override_settings(**{SETTING: getattr(django_settings, SETTING) | settings}):
        context = RequestContext(request, configuration(), CLIENT)
    expected = {"user_agent": "Grüße/1\ufffd", "request_id": request_id}
    assert context.details == {name: text for name, text in expected.items() if text is not None}


@pytest.mark.parametrize("kind", ["", "-async"])
def test_rollback_removes_the_entry(site: Project, browser: Wsgi | Asgi, kind: str) -> None:
    browser.get("/sign-in/?name=ada")
    assert browser.get(f"/groups{kind}/?name=gone&fail=1")[0] == 409
    assert browser.get(f"/groups{kind}/?name=kept{kind}")[0] == 200
    assert [event for event, *_ in site.recorded()] == ["login", "role_changed"]
    assert not Group.objects.filter(name="gone").exists()
    assert Group.objects.filter(name=f"kept{kind}").delete()[0] == 1


def test_address_is_the_clients_behind_trusted_proxies(site: Project) -> None:
    for peer, address in (("10.0.0.1", "198.51.100.4"), ("192.0.2.9", "192.0.2.9")):
        client = Client(REMOTE_ADDR=peer)
        client.get("/sign-in/?name=grace")
        answer = client.get("/change/", headers={"x-forwarded-for": "1.2.3.4, 198.51.100.4, 10.0.0.2"})
        assert answer.content.decode() == address
    assert {name for _, name, _ in site.recorded()} == {"grace"}


def test_all_entries_of_atomic_requests_join(site: Project) -> None:
    client = Client(raise_request_exception=False)
    client.get("/sign-in/?name=ada")
    settings = connections["default"].settings_dict
    settings["ATOMIC_REQUESTS"] = True
    try:
        assert client.get("/groups/?name=atomic").status_code == 200
        assert client.get("/groups/?name=atomic").status_code == 500  # the name is taken
    finally:
        settings["ATOMIC_REQUESTS"] = False
    assert [event for event, *_ in site.recorded()] == ["login", "role_changed"]
    Group.objects.all().delete()


# --- transactions ----------------------------------------------------------------------------------


def test_savepoint_takes_its_entries_along(site: Project) -> None:
    with log.acting(Actor.system("outer")), transaction.atomic():
        project.audit.account.roles.role_changed()
        with transaction.atomic(), log.acting(Actor.system("inner")):
            project.audit.account.roles.role_changed()
            transaction.set_rollback(True)
        log.record_json(b'{"event": "account.roles.role_changed", "metadata": {}}')
    assert [name for _, name, _ in site.recorded()] == ["outer", "outer"]


def test_broken_block_refuses_entries(site: Project) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            project.audit.account.roles.role_changed(actor=Actor.system())
    assert site.recorded() == []


def test_entry_outside_of_a_transaction_is_durable(site: Project) -> None:
    Group.objects.exists()  # Django is connected, in autocommit mode
    project.audit.account.roles.role_changed(actor=Actor.system("outside"))
    with transaction.atomic():
        project.audit.account.roles.role_changed(actor=Actor.system("alone"), session=None)
        transaction.set_rollback(True)
    assert [name for _, name, _ in site.recorded()] == ["outside", "alone"]


def test_transactions_without_atomic_are_joined(site: Project) -> None:
    transaction.set_autocommit(False)
    try:
        project.audit.account.roles.role_changed(actor=Actor.system("undone"))
        transaction.rollback()
        project.audit.account.roles.role_changed(actor=Actor.system("kept"))
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert [name for _, name, _ in site.recorded()] == ["kept"]


def test_same_id_again_is_no_second_entry(site: Project) -> None:
    with transaction.atomic():
        first = project.audit.account.roles.role_changed(actor=Actor.system("once"))
        project.audit.account.roles.role_changed(actor=Actor.system("once"), id=first.id)
    assert [name for _, name, _ in site.recorded()] == ["once"]


@pytest.mark.parametrize(
    "options",
    [
        {"server_side_binding": True},
        {"isolation_level": 4},
        {"options": "-c search_path=public -c statement_timeout=5000"},
        {"prepare_threshold": 0},
    ],
    ids=str,
)
def test_joins_whatever_the_options_are(site: Project, options: dict[str, Any]) -> None:
    if site.engine == "sqlite":
        options = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous=NORMAL"}
    settings = connections["default"].settings_dict
    connections["default"].close()
    settings["OPTIONS"] = options
    try:
        with transaction.atomic():
            Group.objects.create(name="gone")
            project.audit.account.roles.role_changed(actor=Actor.system("gone"))
            transaction.set_rollback(True)
        with transaction.atomic():
            for _ in range(2):
                project.audit.account.roles.role_changed(actor=Actor.system("kept"))
    finally:
        connections["default"].close()
        settings["OPTIONS"] = {}
    assert [name for _, name, _ in site.recorded()] == ["kept", "kept"]


def test_log_with_another_url_joins_nothing_by_itself(site: Project, tmp_path: Any) -> None:
    own = {"CATALOG": "audit_events", "ACCOUNT": "acme", "URL": f"sqlite:///{tmp_path}/own.db"}
    with override_settings(**{SETTING: own}):
        with transaction.atomic():
            project.audit.account.roles.role_changed(actor=Actor.system("own"))
            transaction.set_rollback(True)
        assert [name for _, name, _ in site.recorded()] == ["own"]
    with override_settings(**{SETTING: own | {"DATABASE": "default"}}), transaction.atomic():
        with pytest.raises(StorageError, match="joins only a transaction of its own database"):
            project.audit.account.roles.role_changed(actor=Actor.system("own"))
        transaction.set_rollback(True)
    assert site.recorded() == []


def test_actor_that_is_set_by_hand_stays(site: Project) -> None:
    from django.http import HttpResponse

    from auditwright.contrib.django.middleware import AuditMiddleware

    def view(_: Any) -> HttpResponse:
        set_actor(Actor.app("ci", "Pipeline"))
        project.audit.account.roles.role_changed()
        return HttpResponse()

    from django.test import RequestFactory

    AuditMiddleware(view)(RequestFactory(REMOTE_ADDR=CLIENT).get("/"))
    assert site.recorded() == [("role_changed", "Pipeline", CLIENT)]
