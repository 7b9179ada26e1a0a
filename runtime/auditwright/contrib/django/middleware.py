"""Django middleware: the audit context of each request, under WSGI and ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from auditwright.actor import Actor
from auditwright.context import Context, Steps, enter
from auditwright.contrib.django.conf import Configuration, configuration, trusted_proxies
from auditwright.entry_context import parts_of_headers
from auditwright.request_context import wsgi_key

Answer = HttpResponseBase | Awaitable[HttpResponseBase]
ATTRIBUTE = "audit_context"
"""The attribute of the request that has its context."""


class RequestContext(Context):
    """The context of a request; actor and account are looked up when an entry needs them.

    So an anonymous page of a sync view reads no session, and a user who signs in inside the view is the actor
    from then on.
    """

    def __init__(self, request: HttpRequest, settings: Configuration, address: str | None) -> None:
        self._request, self._settings = request, settings
        self._is_final = False
        self._actor: Actor | None = None
        self._account_id: str | None = None
        self._is_account_set = False
        super().__init__(ip_address=address, origin=address, details=_details(request, settings))
        self._is_final = False  # the setter of `actor` has set it meanwhile

    @property
    def actor(self) -> Actor | None:
        """The actor that was set, or the one of the request."""
        if self._actor is None and not self._is_final:
            self._actor = self._settings.actor_of(self._request)
        return self._actor

    @actor.setter
    def actor(self, actor: Actor | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._actor, self._is_final = actor, True

    @property
    def account_id(self) -> str | None:
        """The account that was set, or the one of the request."""
        if self._account_id is None:
            self._account_id = self._settings.account_of(self._request)
        return self._account_id

    @account_id.setter
    def account_id(self, account_id: str | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._account_id, self._is_account_set = account_id, account_id is not None

    def look_up(self) -> None:
        """Look actor and account up now, as the database may be needed for it.

        Where there is none, it may still become known inside the view.
        """
        _ = self.actor, self.account_id

    def look_up_again(self) -> None:
        """Look them up anew, as another user is signed in; an account that was set stays."""
        self._actor, self._is_final = None, False
        if not self._is_account_set:
            self._account_id = None
        self.look_up()


def refresh_actor(request: HttpRequest | None = None, **_: object) -> None:
    """Receiver of `user_logged_in` and `user_logged_out`: the user of now is the actor from now on.

    After signing out it remains the actor of the request, so that signing out can be recorded.
    """
    context = getattr(request, ATTRIBUTE, None)
    if isinstance(context, RequestContext):
        context.look_up_again()


def client_address(request: HttpRequest) -> str | None:
    """The address of the client, behind the trusted proxies of the settings."""
    peer, forwarded = request.META.get("REMOTE_ADDR"), request.META.get("HTTP_X_FORWARDED_FOR")
    return trusted_proxies().client_address(peer or None, [forwarded] if forwarded else [])


def _details(request: HttpRequest, settings: Configuration) -> dict[str, str]:
    header = settings.request_id_header
    request_id = None if header is None else request.META.get(wsgi_key(header))
    return parts_of_headers(request.META.get("HTTP_USER_AGENT"), request_id)


class AuditMiddleware:
    """Gives each request a context for what is recorded inside it: who acts, in which account, from where.

    Place it first in MIDDLEWARE: what is outside of it has no context. It needs no order otherwise, as the
    user is looked up when an entry is recorded, which is after AuthenticationMiddleware.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Answer a request inside its context."""
        context = RequestContext(request, configuration(), client_address(request))
        setattr(request, ATTRIBUTE, context)
        if self._is_async:
            return self._answer(request, context)
        with enter(context):
            response = cast("HttpResponseBase", self.get_response(request))
        return _with_context(response, context)

    async def _answer(self, request: HttpRequest, context: Context) -> HttpResponseBase:
        with enter(context):
            response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        return _with_context(response, context)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: object) -> None:
        """Look up the actor for an async view: it cannot use the database by itself."""
        if iscoroutinefunction(view):
            cast("RequestContext", getattr(request, ATTRIBUTE)).look_up()


def _with_context(response: HttpResponseBase, context: Context) -> HttpResponseBase:
    """The response, whose body is generated and closed inside the context too: that is after the view."""
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        steps = Steps(context)
        content: Any = response.streaming_content
        response.streaming_content = (
            _async_parts(content, steps) if response.is_async else _parts(content, steps)
        )
        response.close = _closing(response.close, steps)  # type: ignore[method-assign]
    return response


def _closing(close: Callable[[], None], steps: Steps) -> Callable[[], None]:
    def closed() -> None:
        with steps.step():
            close()

    return closed


def _parts(content: Iterator[bytes], steps: Steps) -> Iterator[bytes]:
    while True:
        with steps.step():  # not around the `yield`: what is outside would see the context
            try:
                part = next(content)
            except StopIteration:
                return
        yield part


async def _async_parts(content: AsyncIterator[bytes], steps: Steps) -> AsyncIterator[bytes]:
    while True:
        with steps.step():
            try:
                part = await anext(content)
            except StopAsyncIteration:
                return
        yield part
