"""A client of the web application in this process, and who is signed in: whoever a header names."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from starlette.requests import Request

from auditwright import Actor, AuditLog
from auditwright.server import Principal
from auditwright.server.export_token import COOKIE

ADA = Actor.user("u-17", "Ada Lovelace")
GRACE = Actor.user("u-18", "Grace Hopper")
AUDITOR = Actor.user("u-90", "Frances Allen")
PIPELINE = Actor.app("app-ci", "Pipeline")

PRINCIPALS = {
    "auditor": Principal(AUDITOR, ("acme",), may_export=True),
    "reader": Principal(GRACE, ("acme",)),
    "service": Principal(PIPELINE, ("acme",), may_record=True, may_impersonate=True),
    "program": Principal(PIPELINE, ("acme",), may_record=True),
    "owner": Principal(ADA, ("acme", "globex"), may_export=True, may_record=True, may_impersonate=True),
    "outsider": Principal(GRACE, ("globex",), may_export=True, may_record=True),
    "nowhere": Principal(GRACE, ()),
}


async def authorize(request: Request) -> Principal | None:
    """Whoever the header X-User names; `auditor` without one, nobody for an unknown name."""
    return PRINCIPALS.get(request.headers.get("x-user", "auditor"))


TOKEN = "a-token_of-the-form-for-exports-of-43-bytes"
EXPORTING = {"cookie": f"{COOKIE}={TOKEN}", "x-requested-with": "tests"}
"""The headers that an export needs: the cookie of the form on the page, and the header of a program."""


class Client:
    """A browser without a browser: requests to an application in this process, no redirect followed.

    It sends the headers of `EXPORTING`, or instead those that are given.
    """

    def __init__(
        self,
        app: FastAPI,
        portal: BlockingPortal,
        headers: Mapping[str, str] = EXPORTING,
        base_url: str = "http://audit.example",
    ) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("203.0.113.9", 4711))
        self._portal = portal
        self._client = httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """The whole answer; `user` among the options is the X-User header."""
        if (user := options.pop("user", None)) is not None:
            options["headers"] = {**options.get("headers", {}), "x-user": user}
        return self._portal.call(partial(self._client.request, method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        """See `request`."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """See `request`."""
        return self.request("POST", url, **options)

    def export(
        self, form: Mapping[str, str] | None = None, url: str = "/export", **options: Any
    ) -> httpx.Response:
        """Submit the export form of the page, with its token."""
        return self.post(url, data={"token": TOKEN, **(form or {})}, **options)


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread."""
    with start_blocking_portal() as opened:
        yield opened


def fill(log: AuditLog, count: int = 5, account_id: str = "acme", actor: Actor = ADA) -> list[str]:
    """Record so many logins; their ids, oldest first."""
    with log.acting(actor, account_id=account_id, ip_address="203.0.113.7"):
        return [
            str(log.record_event("account.login_logout.login", {"email_id": f"u{number}@example.com"}, {}).id)
            for number in range(count)
        ]
