"""The client address of a web request behind trusted proxies.

A client can send any X-Forwarded-For; only what trusted proxies appended is reliable. The list is therefore
read from the right, past trusted addresses, to the first untrusted one. `AuditMiddleware` uses it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from auditwright.actor import ip_address
from auditwright.errors import ValidationError
from auditwright.limits import shown, text_of, truncate
from auditwright.text import printable

Network = IPv4Network | IPv6Network

UNIX = "unix"
"""The name for a peer that connects through a Unix socket and has no address."""


class TrustedProxies:
    """The trusted proxies: addresses, CIDRs and "unix", as in `["10.0.0.0/8", "2001:db8::1"]`.

    Raises `ValueError` for anything else. `*` and equivalent networks are refused: every client would be
    trusted.
    """

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        wanted = "trusted proxies are a list of addresses and CIDRs"
        if issubclass(type(proxies), str):
            raise ValueError(f"{wanted}, not the string {shown(proxies)}")
        try:
            given = list(proxies)
        except TypeError:
            raise ValueError(f"{wanted}, not {shown(proxies)}") from None
        every = [text_of(each) for each in given]
        self._unix = UNIX in every
        self._networks = [
            _network(text, value) for text, value in zip(every, given, strict=True) if text != UNIX
        ]
        four = [network for network in self._networks if isinstance(network, IPv4Network)]
        six = [network for network in self._networks if isinstance(network, IPv6Network)]
        merged: list[Network] = [
            *collapse_addresses(four),
            *collapse_addresses(six),
        ]  # halves merge
        for network in merged:
            if network.prefixlen == 0:
                raise _everybody(network)

    def client_address(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """The client's address in normal form; None if it is unknown.

        `peer` is the address of the connection, None for a Unix socket. `forwarded` has the values of
        X-Forwarded-For, one for each header line, in order. If the list ends, or a trusted proxy appended no
        address ("unknown", an obfuscated identifier, nothing), it is the address of that proxy.
        """
        address = _address(peer)
        if not (self._unix if peer is None else self._trusts(address)):
            return address
        for part in reversed([part for line in forwarded for part in line.split(",")]):
            appended = _address(_without_port(part.strip(" \t")))
            if appended is None:
                break
            address = appended
            if not self._trusts(address):
                break
        return address

    def _trusts(self, address: str | None) -> bool:
        if address is None or not self._networks:
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._networks)


def _network(text: str | None, given: object) -> Network:
    if text == "*":
        raise _everybody(text)
    wanted = f'a trusted proxy is an address, a CIDR or "{UNIX}"'
    if text is None and isinstance(given, (IPv4Network, IPv6Network)):
        text = str(given)
    if text is None:  # a number is a valid address for ip_network
        raise ValueError(f"{wanted}: {shown(given)} is no text")
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"{wanted}: {truncate(printable(str(error)), 200)}") from None
    # `actor.ip_address` returns IPv4-mapped addresses as IPv4, so networks are converted as well.
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network[0].ipv4_mapped:
        return IPv4Network((str(network[0].ipv4_mapped), network.prefixlen - 96))
    return network


def _everybody(what: object) -> ValueError:
    return ValueError(
        f"{what}: every client would be a trusted proxy; name the addresses of your own proxies"
    )


def _without_port(text: str) -> str:
    """The address without a port, which some proxies append: `203.0.113.7:4711`, `[2001:db8::7]:4711`."""
    if text.startswith("["):
        text, bracket, rest = text[1:].partition("]")
        return text if bracket and (not rest or _is_port(rest)) else ""
    host, colon, port = text.rpartition(":")
    return host if "." in host and _is_port(colon + port) else text


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit()


def _address(text: str | None) -> str | None:
    """The normal form without a zone (`fe80::7%eth0`), which is local to one machine."""
    try:
        return ip_address(text and text.partition("%")[0])
    except ValidationError:
        return None
