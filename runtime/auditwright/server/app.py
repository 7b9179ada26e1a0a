"""The application: routes, middleware, and errors as responses."""

from __future__ import annotations

import http
import importlib.resources
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from auditwright.addresses import TrustedProxies
from auditwright.errors import AuditwrightError
from auditwright.limits import shown, text_of
from auditwright.log import AuditLog
from auditwright.middleware import AuditMiddleware
from auditwright.server import api, audit_page
from auditwright.server.headers import HEADERS, SecurityHeadersMiddleware
from auditwright.server.long_reads import LongReads
from auditwright.server.openapi import DESCRIPTION, describe
from auditwright.server.problems import HttpProblem, problem_of
from auditwright.server.render import base_of, error_page
from auditwright.server.stalled_clients import StalledClientsMiddleware, check_seconds
from auditwright.system_events import READ_WINDOW, ReadRecord
from auditwright.text import printable

if TYPE_CHECKING:
    from auditwright.server.access import Authorize

_logger = logging.getLogger("auditwright.server")

FRAMEWORK_PROBLEMS = {
    400: ("invalid-request", "The request is not complete, or not in the form that is expected here."),
    401: ("not-signed-in", "Sign in to see the audit log."),
    403: ("not-allowed", "You may not see this part of the audit log."),
    404: ("not-found", "There is nothing at this address. Check it for a typing mistake."),
    405: ("wrong-method", "This address does not answer requests of this kind."),
    413: ("too-large", "The request is too large."),
    422: ("invalid-request", "The request has values that are not allowed."),
    429: ("too-many-requests", "There are too many requests at the moment. Try again in a little while."),
    503: ("unavailable", "The audit log cannot do this now. Try again, or ask its operator."),
}
"""Kind and detail of errors by status: those of the framework, and of an `authorize` that gives no detail."""


def create_app(
    log: AuditLog,
    authorize: Authorize,
    *,
    trusted_proxies: Iterable[str] = (),
    allowed_hosts: Iterable[str] | None = None,
    max_exports_per_principal: int = 2,
    max_exports: int = 8,
    stall_seconds: float = 30,
    record_reads: bool = False,
    read_window: int = READ_WINDOW,
) -> FastAPI:
    """The Audit Logs page and its JSON API over a log, as an ASGI application to run or to mount.

    `authorize(request)` returns the `Principal` of a request, an awaitable of one, or None. It is called at
    every request. It may raise Starlette's `HTTPException`, for example a redirect to sign in.
    `trusted_proxies` are the addresses or CIDRs of proxies whose X-Forwarded-For is trusted; an
    `AuditMiddleware` around the application takes precedence. `allowed_hosts` are the accepted host names,
    all by default. The caller closes the log.

    `max_exports_per_principal` and `max_exports` are how many exports and exact counts run at once in this
    process, for each principal and in all, 1 to 12; more get a 429 problem. `stall_seconds`, 1 to 3,600,
    is how long a client may read nothing of a response, or send nothing of a request, before it is cut off.

    `record_reads` records who looks at the log: one `audit.log.viewed` for each principal, account and
    selection in a window of `read_window` seconds, 60 to 86,400. It is stored before anything is shown; where
    that fails, the answer is a 503 problem.

    Raises `TypeError` where `log` is no `AuditLog`, `authorize` is not callable or `record_reads` is no bool,
    `ValueError` for invalid proxies, hosts or bounds.
    """
    if not isinstance(log, AuditLog):
        raise TypeError(f"create_app needs log: an AuditLog, not {shown(log)}")
    if not callable(authorize):
        raise TypeError("create_app needs authorize: a callable that returns the principal of a request")
    # Middleware is created at the first request; invalid settings must fail now.
    proxies = (
        trusted_proxies
        if isinstance(trusted_proxies, (str, list))
        else _list("trusted_proxies", trusted_proxies)
    )
    TrustedProxies(proxies)
    hosts = _hosts(allowed_hosts) if allowed_hosts is not None else None
    long_reads = LongReads(max_exports_per_principal, max_exports)
    check_seconds(stall_seconds)
    if type(record_reads) is not bool:  # "false" would record, and None would not
        raise TypeError(f"record_reads is True or False, not {shown(record_reads)}")
    reads = ReadRecord(log, read_window)
    app = FastAPI(
        title="Audit Logs",
        description=DESCRIPTION,
        version=log.catalog.version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
    )
    app.state.log = log
    app.state.authorize = authorize
    app.state.long_reads = long_reads
    app.state.reads = reads if record_reads else None
    app.include_router(api.router)
    app.include_router(audit_page.router)
    static = importlib.resources.files("auditwright.server") / "static"
    app.mount("/static", StaticFiles(directory=str(static)), "static")
    describe(app, log.catalog)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    # The middleware added last is the outermost.
    if hosts is not None:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    app.add_middleware(AuditMiddleware, trusted_proxies=proxies)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(StalledClientsMiddleware, seconds=stall_seconds)
    return app


def _hosts(names: Iterable[str]) -> list[str]:
    hosts = [] if isinstance(names, str) else [text_of(name) for name in _list("allowed_hosts", names)]
    if isinstance(names, str) or not all(
        host == "*" or (host and "*" not in host.removeprefix("*.")) for host in hosts
    ):
        got = shown(names) if isinstance(names, str) else ", ".join(map(shown, names))
        raise ValueError(f"allowed_hosts: expected a list of names such as *.example.com, got {got}")
    return [host for host in hosts if host]


def _list(name: str, values: Iterable[Any]) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise ValueError(f"{name}: expected a list, got {shown(values)}") from None


async def _on_problem(request: Request, problem: HttpProblem) -> Response:
    path = request.scope["path"].removeprefix(base_of(request))
    if not path.startswith("/api/"):
        response: Response = error_page(request, problem)
    else:
        content = problem.to_json()
        response = JSONResponse(content, problem.status, media_type="application/problem+json")
    response.headers.update(problem.headers)
    return response


async def _on_error(request: Request, error: AuditwrightError) -> Response:
    problem = problem_of(error)
    if problem.status == 503:
        _logger.error("%s", printable(f"{request.method} {request.scope['path']}: {error}"))
    return await _on_problem(request, problem)


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    if 300 <= error.status_code < 400:  # `authorize` redirects to sign in
        return Response(status_code=error.status_code, headers=error.headers)
    kind, detail = FRAMEWORK_PROBLEMS.get(error.status_code, ("failed", "The request was refused."))
    phrase = http.HTTPStatus(error.status_code).phrase if error.status_code in _STATUSES else ""
    problem = HttpProblem(
        error.status_code, kind, detail if error.detail in (phrase, "", None) else str(error.detail)
    )
    problem.headers.update(error.headers or {})
    return await _on_problem(request, problem)


async def _on_bad_request(request: Request, error: RequestValidationError) -> Response:
    faults = [
        {
            "path": ".".join(map(str, each["loc"])),
            "expected": each["msg"],
            "got": type(each["input"]).__name__,
        }
        for each in error.errors()
    ]
    detail = "; ".join(f"{each['path']}: {each['expected']}" for each in faults)
    return await _on_problem(request, HttpProblem(422, "invalid-request", detail, faults))


async def _on_failure(request: Request, _: Exception) -> Response:
    """An unexpected error: the traceback goes to the operator's log, and no detail to the client."""
    problem = HttpProblem(500, "failed", "Something went wrong here. It was logged.")
    response = await _on_problem(request, problem)
    # This handler runs outside of SecurityHeadersMiddleware.
    response.headers.update({name.decode(): value.decode() for name, value in HEADERS.items()})
    response.headers["cache-control"] = "no-store"
    return response


_STATUSES = frozenset(http.HTTPStatus)
_HANDLERS: dict[type[Exception], Any] = {
    HttpProblem: _on_problem,
    AuditwrightError: _on_error,
    HTTPException: _on_http_error,
    RequestValidationError: _on_bad_request,
    Exception: _on_failure,
}
