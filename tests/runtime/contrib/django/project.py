"""A small Django project: its settings, its views and its URLs. Importing it configures Django."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "auditwright.contrib.django",
]
MIDDLEWARE = [
    "auditwright.contrib.django.middleware.AuditMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUDITWRIGHT: dict[str, Any] = {
    "CATALOG": "audit_events",
    "ACCOUNT": "acme",
    "TRUSTED_PROXIES": ["10.0.0.0/8"],
}
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/unset.sqlite3"}

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["testserver", "audit.example"],
        DATABASES={"default": dict(SQLITE)},
        INSTALLED_APPS=APPS,
        MIDDLEWARE=MIDDLEWARE,
        ROOT_URLCONF=__name__,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGGING_CONFIG=None,
        USE_TZ=True,
        LOGIN_URL="/login/",
        AUDITWRIGHT=AUDITWRIGHT,
    )
    django.setup()

from django.contrib.auth import aauthenticate, alogin, authenticate, login, logout  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.urls import include, path  # noqa: E402

from audit_events import AsyncAuditEvents, AuditEvents  # noqa: E402
from auditwright import Actor  # noqa: E402
from auditwright.contrib.django import log  # noqa: E402

audit, async_audit = AuditEvents(log), AsyncAuditEvents(log)


def change(request: HttpRequest) -> HttpResponse:
    entry = audit.account.roles.role_changed()
    return HttpResponse(str(entry.ip_address))


async def change_async(request: HttpRequest) -> HttpResponse:
    entry = await async_audit.account.roles.role_changed()
    return HttpResponse(str(entry.ip_address))


def add_group(request: HttpRequest) -> HttpResponse:
    """Add a group and record it in one transaction; with `fail` it is rolled back."""
    with transaction.atomic():
        Group.objects.create(name=request.GET["name"])
        audit.account.roles.role_changed()
        if "fail" in request.GET:
            return _fail()
    return HttpResponse()


async def add_group_async(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(add_group)(request)


def _fail() -> HttpResponse:
    transaction.set_rollback(True)
    return HttpResponse(status=409)


def sign_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.GET["name"], password="secret")
    assert user is not None
    login(request, user)
    audit.account.login_logout.login(email_id="ada@example.com")
    return HttpResponse()


async def sign_in_async(request: HttpRequest) -> HttpResponse:
    user = await aauthenticate(request, username=request.GET["name"], password="secret")
    assert user is not None
    await alogin(request, user)
    await async_audit.account.login_logout.login(email_id="ada@example.com")
    return HttpResponse()


def change_by_token(request: HttpRequest) -> HttpResponse:
    """Sets the user inside the view, without a session."""
    request.user = User.objects.get(username="grace")
    return change(request)


async def change_by_token_async(request: HttpRequest) -> HttpResponse:
    request.user = await User.objects.aget(username="grace")
    return await change_async(request)


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    audit.account.login_logout.logout(email_id="ada@example.com")
    return HttpResponse()


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        for _ in range(2):
            yield str(audit.account.roles.role_changed().ip_address)

    return StreamingHttpResponse(parts())


def stream_parts_of_others(request: HttpRequest) -> StreamingHttpResponse:
    """Stream two parts; the second is by the system, and the end by the user again."""

    def parts() -> Iterator[str]:
        try:
            with log.acting(Actor.system("Exporter")):
                yield "1"
                audit.account.roles.role_changed()
                yield "2"
        finally:
            audit.account.roles.role_changed()

    return StreamingHttpResponse(parts())


async def stream_parts_of_others_async(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        with log.acting(Actor.system("Exporter")):
            yield "1"
            await async_audit.account.roles.role_changed()
            yield "2"
        await async_audit.account.roles.role_changed()

    return StreamingHttpResponse(parts())


async def stream_async(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        for _ in range(2):
            entry = await async_audit.account.roles.role_changed()
            yield str(entry.ip_address)

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("change/", change),
    path("change-async/", change_async),
    path("groups/", add_group),
    path("groups-async/", add_group_async),
    path("sign-in/", sign_in),
    path("sign-in-async/", sign_in_async),
    path("sign-out/", sign_out),
    path("tokens/", change_by_token),
    path("tokens-async/", change_by_token_async),
    path("stream/", stream),
    path("stream-async/", stream_async),
    path("others/", stream_parts_of_others),
    path("others-async/", stream_parts_of_others_async),
    path("audit/", include("auditwright.contrib.django.urls")),
]
