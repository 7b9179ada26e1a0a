"""The Audit Logs page as a view, with the users and permissions of Django."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from auditwright.contrib.django.asgi_bridge import AsyncParts, Bridge, Exchange, Parts, Scope
from auditwright.contrib.django.conf import configuration
from auditwright.contrib.django.django_log import log
from auditwright.contrib.django.middleware import client_address
from auditwright.contrib.django.models import EXPORT, VIEW
from auditwright.server import Principal, create_app

PRINCIPAL = "auditwright.principal"
"""The key of the ASGI scope for who is signed in."""


async def _authorize(request: Any) -> Principal | None:
    principal: Principal | None = request.scope[PRINCIPAL]
    return principal


def _application() -> Any:
    settings = configuration()
    return create_app(log, _authorize, record_reads=settings.record_reads, read_window=settings.read_window)


_bridge = Bridge(_application)


# The page itself redirects to the login, and its forms have a token of their own.
@login_not_required
@csrf_exempt
@non_atomic_requests
def page(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer a request to the page or its API, below the path where the URLs are included.

    A user needs the permission `auditwright.view_auditlog`, and `auditwright.export_auditlog` for exports.
    """
    principal = _principal(request)
    is_page = not path.startswith(("api/", "static/"))
    if principal is None and is_page and request.method == "GET":
        return redirect_to_login(request.get_full_path())
    exchange = _bridge.exchange(_scope(request, path, principal), request.body)
    return _response(exchange, is_async=hasattr(request, "scope"))


def _principal(request: HttpRequest) -> Principal | None:
    settings = configuration()
    user: Any = request.user  # the stubs know no permissions
    actor = settings.actor_of(request) if user.is_authenticated else None
    if actor is None:
        return None
    accounts = settings.accounts_of(request) if user.has_perm(f"auditwright.{VIEW}") else ()
    return Principal(actor, accounts, may_export=user.has_perm(f"auditwright.{EXPORT}"))


def _scope(request: HttpRequest, path: str, principal: Principal | None) -> Scope:
    address = client_address(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = request.get_host()
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "root_path": request.path.removesuffix(path).rstrip("/"),
        "query_string": request.META.get("QUERY_STRING", "").encode("latin-1", "replace"),
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()
        ],
        "client": None if address is None else (address, 0),
        "server": None,
        PRINCIPAL: principal,
    }


def _response(exchange: Exchange, is_async: bool) -> HttpResponseBase:
    """The response of the application: whole if it says how long it is, otherwise as a stream."""
    try:
        start = exchange.next()
        pairs = [
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]
        ]
        headers = {name: value for name, value in pairs if name != "set-cookie"}
        response: HttpResponseBase
        if "content-length" in headers:
            body = b"".join(Parts(exchange))
            exchange.close()
            response = HttpResponse(body, status=start["status"], headers=headers)
        else:
            content = AsyncParts(exchange) if is_async else Parts(exchange)
            response = StreamingHttpResponse(content, status=start["status"], headers=headers)
        for name, value in pairs:
            if name == "set-cookie":
                response.cookies.load(value)
        return response
    except BaseException:
        exchange.close()
        raise
