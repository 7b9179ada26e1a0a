"""The token of the page's export form: only a form of this page starts an export, no link and no other site.

The token is in the form and in a cookie, and both must be equal (a double submit). Another site can neither
read nor set the cookie. The server keeps nothing, so any number of workers can share the requests.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.responses import Response

COOKIE = "auditwright-export"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""With this prefix (RFC 6265bis) no other host of the domain can set it; browsers require HTTPS for it."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")

NO_COOKIE = (
    "The browser has sent no cookie. The export needs one, so that no other site can start it in your name: "
    "allow cookies for this site, and export again."
)
STALE_FORM = (
    "The form is not the newest one that this browser got: perhaps the audit log was opened in another "
    "tab since. Export again."
)


def token_of(request: Request) -> str:
    """The token that the browser has, or a new one."""
    return _token_in_cookie(request) or secrets.token_urlsafe()


def send_token(request: Request, response: Response, token: str) -> None:
    """Set the cookie, unless the browser has it."""
    if token == _token_in_cookie(request):
        return
    is_secure = _is_https(request)
    response.set_cookie(
        SECURE_COOKIE if is_secure else COOKIE, token, secure=is_secure, httponly=True, samesite="strict"
    )


def refusal(request: Request, token: str) -> str | None:
    """Why a form with this token is refused; None if it is one of this page."""
    expected = _token_in_cookie(request)
    if expected is None:
        return NO_COOKIE
    return None if secrets.compare_digest(token.encode(), expected.encode()) else STALE_FORM


def _token_in_cookie(request: Request) -> str | None:
    """The token in the cookie; None also if it is no token, or if there are several cookies of this name."""
    name = SECURE_COOKIE if _is_https(request) else COOKIE
    values = []
    for line in request.headers.getlist("cookie"):
        for part in line.split(";"):
            found, _, value = part.strip().partition("=")
            if found == name:
                values.append(value)
    return values[0] if len(values) == 1 and _TOKEN.fullmatch(values[0]) else None


def _is_https(request: Request) -> bool:
    """Whether the browser uses HTTPS. A client that lies in the header gets a cookie that it cannot use."""
    proxy, _, _ = request.headers.get("x-forwarded-proto", "").partition(",")
    return request.scope.get("scheme") == "https" or proxy.strip().lower() == "https"
