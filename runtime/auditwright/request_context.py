"""`RequestContexts`: the first context of each web request, which the ASGI and the WSGI middleware enter.

It checks the settings that both have; each middleware reads the peer and the headers in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditwright.actor import identifier
from auditwright.addresses import TrustedProxies
from auditwright.context import Context

MARK = "auditwright.context"
"""The key of the request's context in the ASGI scope and in the WSGI environ."""


class RequestContexts:
    """Makes a context for each request: the client's address, the default account, and no actor.

    Raises `ValueError` for invalid proxies or an invalid account.
    """

    def __init__(self, trusted_proxies: Iterable[str], account_id: str | None) -> None:
        self._proxies = TrustedProxies(trusted_proxies)
        self._account_id = identifier("account_id", account_id) if account_id is not None else None

    def new(self, peer: str | None, forwarded: Sequence[str]) -> Context:
        """The context of one request; the parameters are those of `TrustedProxies.client_address`."""
        address = self._proxies.client_address(peer, forwarded)
        return Context(None, self._account_id, address, origin=address)
