"""The application: its routes, and errors as answers."""

from __future__ import annotations

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
from auditwright.middleware import AuditMiddleware
from auditwright.server import api, page
from auditwright.server.headers import HEADERS, SecurityHeadersMiddleware
from auditwright.server.openapi import DESCRIPTION, describe
from auditwright.server.problems import Problem, problem_of
from auditwright.server.render import base_of, error_page

if TYPE_CHECKING:
    from auditwright.log import AuditLog
    from auditwright.server.access import Authorize

_logger = logging.getLogger("auditwright.server")

KINDS = {401: "not-signed-in", 403: "not-allowed", 404: "not-found", 405: "wrong-method"}
"""The kinds of the problems that the framework raises."""


def create_app(
    log: AuditLog,
    authorize: Authorize,
    *,
    trusted_proxies: Iterable[str] = (),
    allowed_hosts: Iterable[str] | None = None,
) -> FastAPI:
    """The Audit Logs page and its JSON API over a log, as an application to run or to mount.

    `authorize(request)` says who is behind a request: a `Principal`, an awaitable of one, or None for nobody.
    There is no default, and it is asked at every request; it may raise Starlette's `HTTPException`, such as a
    redirect to a page to sign in. `trusted_proxies` are the addresses or CIDRs of proxies whose
    X-Forwarded-For is believed; where an `AuditMiddleware` is around the application already, that one's
    count. `allowed_hosts` are the host names it answers to, all by default. The log stays the caller's to
    close.

    Raises `TypeError` where `authorize` is not callable, `ValueError` for proxies or hosts that cannot be.
    """
    if not callable(authorize):
        raise TypeError("create_app needs authorize: a callable that says who is behind a request")
    # Middleware is made when the first request comes; what cannot be is to be known now.
    proxies = trusted_proxies if isinstance(trusted_proxies, str) else list(trusted_proxies)
    TrustedProxies(proxies)
    hosts = _hosts(allowed_hosts) if allowed_hosts is not None else None
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
    app.include_router(api.router)
    app.include_router(page.router)
    static = importlib.resources.files("auditwright.server") / "static"
    app.mount("/static", StaticFiles(directory=str(static)), "static")
    describe(app, log.catalog)
    handlers: dict[type[Exception], Any] = {
        Problem: _on_problem,
        AuditwrightError: _on_error,
        HTTPException: _on_http_error,
        RequestValidationError: _on_bad_request,
        Exception: _on_failure,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    # The last one is the outermost.
    if hosts is not None:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    app.add_middleware(AuditMiddleware, trusted_proxies=proxies)
    app.add_middleware(SecurityHeadersMiddleware)
    return app


def _hosts(names: Iterable[str]) -> list[str]:
    hosts = [names] if isinstance(names, str) else list(names)
    for host in hosts:
        if isinstance(names, str) or (host != "*" and "*" in host.removeprefix("*.")):
            raise ValueError(f"allowed hosts are a list of names such as *.example.com, not {names!r}")
    return hosts


async def _on_problem(request: Request, problem: Problem) -> Response:
    path = request.scope["path"].removeprefix(base_of(request))
    if not path.startswith("/api/"):
        answer: Response = error_page(request, problem)
    else:
        form = problem.to_json()
        answer = JSONResponse(form, problem.status, media_type="application/problem+json")
    answer.headers.update(problem.headers)
    return answer


async def _on_error(request: Request, error: AuditwrightError) -> Response:
    problem = problem_of(error)
    if problem.status == 503:
        _logger.error("%s %s: %s", request.method, request.scope["path"], error)
    return await _on_problem(request, problem)


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    if 300 <= error.status_code < 400:  # `authorize` sends people to sign in
        return Response(status_code=error.status_code, headers=error.headers)
    problem = Problem(error.status_code, KINDS.get(error.status_code, "failed"), str(error.detail))
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
    return await _on_problem(request, Problem(422, "invalid-request", detail, faults))


async def _on_failure(request: Request, _: Exception) -> Response:
    """An error of ours: its traceback goes to the operator's log, and nothing of it to the reader."""
    answer = await _on_problem(request, Problem(500, "failed", "Something went wrong here. It was logged."))
    answer.headers.update({name.decode(): value.decode() for name, value in HEADERS.items()})
    answer.headers["cache-control"] = "no-store"
    return answer
