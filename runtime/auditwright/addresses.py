"""Which address a request came from, behind proxies that are known by their addresses and nobody else.

A client writes what it likes into X-Forwarded-For; only what trusted proxies appended can be believed. So the
list is walked from its right end, over trusted addresses, to the first one that is not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from auditwright.context import ip_address
from auditwright.errors import ValidationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """The networks of our own proxies: addresses or CIDRs, `["10.0.0.0/8", "2001:db8::1"]`; by default none.

    Raises `ValueError` for anything else; `*` and networks that hold every address are refused, because who
    trusts everybody believes whatever a client writes.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: list[Network] = []
        for text in networks:
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                raise ValueError(f"a trusted proxy is an address or a CIDR, not {text!r}: {error}") from None
            if network.prefixlen == 0:
                raise ValueError(f"{text} holds every address; name the networks of your own proxies")
            self._networks.append(network)

    def __contains__(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._networks if network.version == parsed.version)

    def client_address(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """The client's address in normal form; None where the peer has none, as with a Unix socket.

        `peer` is who connected; `forwarded` the values of X-Forwarded-For, one for each line of the header,
        in order. A list with anything but addresses in the part that counts is not believed: the address is
        then the peer's.
        """
        own = _parsed(peer)
        if own is None or own not in self:
            return own
        chain = [part for line in forwarded for part in line.split(",")]
        for part in reversed(chain):
            address = _parsed(_without_port(part.strip()))
            if address is None:
                return own
            if address not in self:
                return address
        return own


def _without_port(text: str) -> str:
    """`203.0.113.7:4711` and `[2001:db8::7]:4711` without their ports, which some proxies append."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, port = text.rpartition(":")
    return host if colon and port.isdigit() and host.count(".") == 3 else text


def _parsed(text: str | None) -> str | None:
    try:
        return ip_address(text)
    except ValidationError:
        return None
