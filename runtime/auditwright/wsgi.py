"""`AuditWsgiMiddleware`: the audit context of each web request. Pure WSGI (PEP 3333), standard library only.

A server calls the application and then takes the response from it, piece by piece. Each of these steps enters
the request's context and leaves it again, so that nothing stays behind in the server's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import IOBase
from typing import TYPE_CHECKING, TypeVar

from auditwright.context import Context, Steps
from auditwright.limits import shown
from auditwright.request_context import MARK, REQUEST_ID_HEADER, RequestContexts, wsgi_key

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_Result = TypeVar("_Result")


class AuditWsgiMiddleware:
    """WSGI middleware that gives each request of `app` its own context, also while its response is streamed.

    The context has the client's address, and no actor until `set_actor` is called; it inherits nothing from
    outside of the server. `account_id` is the default tenant; `set_actor` may override it. `trusted_proxies`
    are the addresses and CIDRs of your own proxies, and "unix" for connections through a Unix socket.
    X-Forwarded-For is trusted from these only. `Forwarded` (RFC 7239) and X-Real-IP are not read. Entries get
    the User-Agent of the request, and its id from the header `request_id_header`, both as the client says
    them. Install it outside of what calls `set_actor`; a nested one does nothing. The server reads a list, a
    tuple or a `wsgi.file_wrapper` without a context, because it may have a faster way for them.

    Raises `ValueError` for invalid proxies, an invalid account or an invalid header, `TypeError` where `app`
    is not callable.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        trusted_proxies: Iterable[str] = (),
        account_id: str | None = None,
        request_id_header: str | None = REQUEST_ID_HEADER,
    ) -> None:
        if not callable(app):
            raise TypeError(f"AuditWsgiMiddleware needs app: a WSGI application, not {shown(app)}")
        self.app = app
        self._contexts = RequestContexts(trusted_proxies, account_id, request_id_header)
        named = self._contexts.request_id_header
        self._request_id = wsgi_key(named) if named is not None else ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        if MARK in environ:
            return self.app(environ, start_response)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        context = self._contexts.new(
            environ.get("REMOTE_ADDR") or None,
            [forwarded] if forwarded else [],
            environ.get("HTTP_USER_AGENT"),
            environ.get(self._request_id),
        )
        steps = _Steps(environ, context)
        body = steps.run(self.app, environ, start_response)
        return body if _is_sent_by_the_server(body, environ) else _Body(steps, body)


def _is_sent_by_the_server(body: object, environ: WSGIEnvironment) -> bool:
    """Whether the server has a better way than iterating: by its length, or with sendfile.

    No code of the application runs when it takes these. Some servers' `wsgi.file_wrapper` is a function that
    returns the file itself.
    """
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper):
        return True
    return type(body) in (list, tuple) or isinstance(body, IOBase)


class _Steps:
    """Runs the steps of one request, and marks its environ meanwhile."""

    def __init__(self, environ: WSGIEnvironment, context: Context) -> None:
        self._environ = environ
        self._request = context
        self._steps = Steps(context)

    def run(self, step: Callable[..., _Result], *arguments: object) -> _Result:
        """The result of `step`, which runs in the context of the request."""
        # The mark is in the environ only meanwhile: the server's next request may be given the same one.
        self._environ[MARK] = self._request
        try:
            with self._steps.step():
                return step(*arguments)
        finally:
            self._environ.pop(MARK, None)


class _Body:
    """The application's iterable; iterating and closing it are steps of the request."""

    def __init__(self, steps: _Steps, body: Iterable[bytes]) -> None:
        self._steps = steps
        self._body = body
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = self._steps.run(iter, self._body)
        chunk: bytes = self._steps.run(next, self._iterator)
        return chunk

    def close(self) -> None:
        """Close the application's iterable, as every server does after the response or an error."""
        close: Callable[[], object] | None = getattr(self._body, "close", None)
        if close is not None:
            self._steps.run(close)
