"""`RequestContexts`: the first context of each web request, which the ASGI and the WSGI middleware enter.

It checks the settings that both have; each middleware reads the peer and the headers in its own way. The
client's address comes from trusted proxies only. User agent and request id are what the client says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from auditwright.actor import identifier
from auditwright.addresses import TrustedProxies
from auditwright.context import Context
from auditwright.entry_context import parts_of_headers
from auditwright.limits import shown, text_of

MARK = "auditwright.context"
"""The key of the request's context in the ASGI scope and in the WSGI environ."""
REQUEST_ID_HEADER = "x-request-id"
"""The header with the id of a request, by default."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
"""The name of a header (RFC 9110, section 5.6.2)."""


class RequestContexts:
    """Makes a context for each request: address, user agent, request id, the default account, and no actor.

    Raises `ValueError` for invalid proxies, an invalid account, and what is no name of a header.
    """

    def __init__(
        self, trusted_proxies: Iterable[str], account_id: str | None, request_id_header: str | None
    ) -> None:
        self._proxies = TrustedProxies(trusted_proxies)
        self._account_id = identifier("account_id", account_id) if account_id is not None else None
        self.request_id_header = header_name(request_id_header)
        """In small letters; None if no header has the id."""

    def new(
        self, peer: str | None, forwarded: Sequence[str], user_agent: str | None, request_id: str | None
    ) -> Context:
        """The context of one request.

        The first two parameters are those of `TrustedProxies.client_address`, the others are headers that are
        decoded as Latin-1.
        """
        address = self._proxies.client_address(peer, forwarded)
        details = parts_of_headers(user_agent, request_id)
        return Context(None, self._account_id, address, origin=address, details=details)


def header_name(given: object) -> str | None:
    """The name of a header in small letters, or None; raises `ValueError` for anything else."""
    name = text_of(given)
    if given is not None and (name is None or not _HEADER.fullmatch(name)):
        expected = f"the name of a header, such as {REQUEST_ID_HEADER}, or None"
        raise ValueError(f"request_id_header: expected {expected}, got {shown(given)}")
    return name and name.lower()


def wsgi_key(header: str) -> str:
    """The key of a header in a WSGI environ, and in `request.META` of Django."""
    return f"HTTP_{header.upper().replace('-', '_')}"
