"""The client address of a request: trusted proxies, forged headers, unreadable values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditwright.actor import ip_address
from auditwright.addresses import TrustedProxies

OURS = ["10.0.0.0/8", "2001:db8:f::/48"]
CLIENT, LIE = "203.0.113.7", "198.51.100.66"


@pytest.mark.parametrize("forwarded", [[], [LIE], [f"{LIE}, 10.0.0.1"], ["unknown"], [""]])
def test_untrusted_peer_is_the_client_despite_the_header(forwarded: list[str]) -> None:
    for proxies in ([], OURS, ["unix"]):
        assert TrustedProxies(proxies).client_address(CLIENT, forwarded) == CLIENT


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([CLIENT], CLIENT),
        ([f"{LIE}, {CLIENT}"], CLIENT),
        ([LIE, CLIENT], CLIENT),
        ([f"{LIE}, {CLIENT}, 10.0.0.2", "10.0.0.3,10.0.0.4"], CLIENT),
        ([f" {CLIENT}\t"], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        (["2001:DB8::0:7"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["[2001:db8::7]:4711, [2001:db8:f::1]:80"], "2001:db8::7"),
        (["fe80::7%eth0"], "fe80::7"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        ([f"[::ffff:{CLIENT}]:4711, ::ffff:10.0.0.2"], CLIENT),
        ([f"::ffff:{CLIENT}:4711"], CLIENT),
    ],
)
def test_client_is_the_rightmost_untrusted_address(forwarded: list[str], address: str) -> None:
    assert TrustedProxies(OURS).client_address("10.0.0.1", forwarded) == address


@pytest.mark.parametrize("forwarded", [[], [""], ["10.0.0.1"]])
def test_a_trusted_proxy_may_be_the_client_itself(forwarded: list[str]) -> None:
    assert TrustedProxies(OURS).client_address("10.0.0.1", forwarded) == "10.0.0.1"


def test_host_in_a_trusted_network_can_be_the_client() -> None:
    assert TrustedProxies(OURS).client_address("10.0.0.1", ["10.0.0.9, 10.0.0.2"]) == "10.0.0.9"


HIDDEN = ["unknown", "_obf", "_SEVKISEK", "", " ", "unix:", "client.example.com", "203.0.113.7:", "203.0.113"]
HIDDEN += [
    "203.0.113.7.8",
    "203.0.113.7:x",
    "203.0.113.7:²",
    "[2001:db8::7",
    "[2001:db8::7]x",
    "[]",
    '"',
    "é\0",
]
HIDDEN += [
    "<script>",
    "203.0.113.7 203.0.113.8",
    "203.0.113.7;for=203.0.113.8",
    "0x7f.1",
    "2130706433",
    "%eth0",
]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_nothing_is_trusted_beyond_a_proxy_hiding_its_client(hidden: str) -> None:
    proxies = TrustedProxies(OURS)
    assert proxies.client_address("10.0.0.1", [f"{LIE}, {hidden}"]) == "10.0.0.1"
    assert proxies.client_address("10.0.0.1", [LIE, hidden, "10.0.0.2"]) == "10.0.0.2"


def test_header_is_not_read_beyond_the_client_address() -> None:
    for junk in HIDDEN:
        assert TrustedProxies(OURS).client_address("10.0.0.1", [junk, f"{junk},{CLIENT}"]) == CLIENT


def test_a_peer_on_a_unix_socket_is_trusted_by_its_name() -> None:
    assert TrustedProxies(OURS).client_address(None, [CLIENT]) is None
    proxies = TrustedProxies([*OURS, "unix"])
    assert proxies.client_address(None, [f"{LIE}, {CLIENT}, 10.0.0.2"]) == CLIENT
    assert proxies.client_address(None, []) is None
    assert proxies.client_address(None, [f"{LIE}, unknown"]) is None


@pytest.mark.parametrize("peer", ["testclient", "unix", "", "localhost", "unknown", "é", "203.0.113.7:80"])
def test_peer_without_an_address_is_not_trusted(peer: str) -> None:
    assert TrustedProxies(["unix", *OURS]).client_address(peer, [CLIENT]) is None


@pytest.mark.parametrize(
    ("proxy", "peer"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.9.9.9"),
        ("10.0.0.0/255.0.0.0", "10.9.9.9"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::/10", "fe80::1%eth0"),
        ("::1", "::1"),
    ],
)
def test_an_address_is_trusted_in_each_of_its_spellings(proxy: str, peer: str) -> None:
    assert TrustedProxies([proxy]).client_address(peer, [CLIENT]) == CLIENT


@pytest.mark.parametrize(
    ("proxies", "whole"),
    [
        (["*"], "*"),
        (["10.0.0.0/8", "0.0.0.0/0"], "0.0.0.0/0"),
        (["::/0"], "::/0"),
        (["128.0.0.0/1", "10.0.0.0/8", "0.0.0.0/1"], "0.0.0.0/0"),
        (["::ffff:0:0/96"], "0.0.0.0/0"),
    ],
)
def test_trusting_every_address_is_refused(proxies: list[str], whole: str) -> None:
    with pytest.raises(ValueError, match="every client") as caught:
        TrustedProxies(proxies)
    assert str(caught.value) == (
        f"{whole}: every client would be a trusted proxy; name the addresses of your own proxies"
    )


@pytest.mark.parametrize(
    ("proxy", "fault"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("proxy.example.com", "'proxy.example.com' does not appear to be an IPv4 or IPv6 network"),
        ("UNIX", "'UNIX' does not appear to be an IPv4 or IPv6 network"),
        ("", "'' does not appear to be an IPv4 or IPv6 network"),
        (1, "1 is no text"),
    ],
)
def test_invalid_proxy_is_refused(proxy: str, fault: str) -> None:
    with pytest.raises(ValueError, match="proxy") as caught:
        TrustedProxies(["10.0.0.0/8", proxy])
    assert str(caught.value) == f'a trusted proxy is an address, a CIDR or "unix": {fault}'


def test_one_string_is_no_list_of_proxies() -> None:
    with pytest.raises(ValueError, match="list") as caught:
        TrustedProxies("10.0.0.1")
    assert str(caught.value) == (
        "trusted proxies are a list of addresses and CIDRs, not the string '10.0.0.1'"
    )


# --- whatever a client writes ------------------------------------------------------------------------


@dataclass(frozen=True)
class Hop:
    """A trusted proxy on the way: its address, and what it does with the header."""

    address: str
    does: str
    write: Callable[[str], str] = str

    def forward(self, peer: str, lines: Sequence[str]) -> list[str]:
        """The header lines that it forwards, given its peer."""
        match self.does, [*lines]:
            case "removes", _:
                return []
            case "overwrites", _:
                return [self.write(peer)]
            case "extends", [*before, last]:
                return [*before, f"{last}, {self.write(peer)}"]
            case "hides", before:
                return [*before, self.write("unknown")]
            case _, before:
                return [*before, self.write(peer)]

    def known(self, peer: str, known: str) -> str:
        """The address that is known behind it, given its peer and the address known before."""
        return {"removes": self.address, "hides": self.address, "overwrites": peer}.get(self.does, known)


def _with_port(address: str) -> str:
    return f"[{address}]:4711" if ":" in address else f"{address}:4711"


def _mapped(address: str) -> str:
    return address if ":" in address else f"::ffff:{address}"


NETWORKS = [ip_network(text) for text in OURS]
_trusted = st.one_of([st.ip_addresses(network=network) for network in NETWORKS])
_spelling = st.sampled_from([str, _with_port, _mapped, lambda text: f"\t{_with_port(_mapped(text))} "])
_does = st.sampled_from(["appends", "extends", "overwrites", "removes"])
_honest = st.builds(Hop, _trusted.map(str), _does, _spelling)
_hiding = st.builds(
    Hop, _trusted.map(str), st.just("hides"), st.sampled_from(HIDDEN).map(lambda h: lambda _: h)
)
loose_index_scan = st.lists(_honest | _honest | _hiding, max_size=4)

clients = st.ip_addresses().filter(
    lambda address: (
        not (isinstance(address, IPv6Address) and address.ipv4_mapped)
        and not any(address in network for network in NETWORKS)
    )
)
_part = st.one_of(
    st.builds(
        lambda address, write: write(str(address)), _trusted | st.ip_addresses() | st.just(LIE), _spelling
    ),
    st.sampled_from(HIDDEN),
    st.text(st.characters(max_codepoint=255), max_size=8),
)
written = st.lists(st.lists(_part, max_size=4).map(", ".join), max_size=3)


@given(clients.map(str), written, loose_index_scan, st.booleans())
@example(CLIENT, [LIE], [Hop("10.0.0.1", "appends"), Hop("10.0.0.2", "extends")], False)
@example(
    CLIENT, [f"{LIE}, 10.0.0.9"], [Hop("10.0.0.1", "hides", lambda _: ""), Hop("10.0.0.2", "appends")], True
)
def test_no_client_chooses_its_address(client: str, lines: list[str], through: list[Hop], unix: bool) -> None:
    """The client address never depends on what the client sent.

    The request passes any number of trusted proxies. Each appends its peer to the header, replaces the list,
    hides the peer or removes the list. The result is the client's address, or the last known one if a proxy
    hides it. A proxy that forwards the list and appends nothing must not be trusted.
    """
    peer = known = client
    for hop in through:
        lines, known, peer = hop.forward(peer, lines), hop.known(peer, known), hop.address
    over_unix = unix and bool(through)
    proxies = TrustedProxies([*OURS, "unix"])
    expected = None if over_unix and through[-1].does in ("hides", "removes") else known
    assert proxies.client_address(None if over_unix else peer, lines) == expected


@given(st.none() | st.text(max_size=8) | st.ip_addresses().map(str) | _trusted.map(str), written)
def test_result_is_always_an_address_or_none(peer: str | None, lines: list[str]) -> None:
    found = TrustedProxies([*OURS, "unix"]).client_address(peer, lines)
    assert ip_address(found) == found
