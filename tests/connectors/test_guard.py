"""Which addresses the server may call: every way to write a private one is refused."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.guard import check_address, check_allowed, check_url, is_public
from inbox.domain.errors import Permanent


def refused(url: str, allow: frozenset[tuple[str, int]] = frozenset()) -> bool:
    with pytest.raises(Permanent) as refusal:
        check_url(url, allow)
    assert not url or url not in str(refusal.value)
    return refusal.value.code == "address_refused"


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.facebook.com/v26.0/1/messages",
        "https://api.twilio.com:443/2010-04-01/Accounts.json",
        "https://GRAPH.facebook.com/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
    ],
)
def test_public_addresses_may_be_called(url: str) -> None:
    assert check_url(url).scheme == "https"


@pytest.mark.parametrize(
    "host",
    [
        # loopback, private, link-local and metadata, carrier-grade, multicast
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        # documentation, benchmarking, reserved, unspecified, broadcast
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "192.88.99.1",
        "240.0.0.1",
        "0.0.0.0",  # noqa: S104  # called, not bound
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        # IPv4-mapped, -compatible, translated, NAT64, 6to4, Teredo
        "[::ffff:8.8.8.8]",
        "[::8.8.8.8]",
        "[::ffff:0:8.8.8.8]",
        "[64:ff9b::8.8.8.8]",
        "[64:ff9b:1::8.8.8.8]",
        "[2002:808:808::1]",
        "[2001::1]",
        # short, decimal, octal, hex
        "127.1",
        "127.0.1",
        "2130706433",
        "134744072",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "8.8.8.010",
        "8.8.8.0x8",
        # a trailing dot, a zone, other digits
        "8.8.8.8.",
        "example.com.",
        "[fe80::1%25eth0]",
        "[2606:4700:4700::1111%25eth0]",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "١٢٧.0.0.1",
        "%31%32%37.0.0.1",
        # names that are no full domain name
        "localhost",
        "metadata",
        "a_b.example.com",
        "-a.example.com",
        "a..example.com",
        "",
        ".",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    assert refused(f"https://{host}/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://example.com:8443/",
        "https://example.com:80/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///x",
        "//example.com/",
        "example.com",
        "",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://exa\tmple.com/",
        "https://example.com/\r\nHost: x",
        "https://example.com\\@127.0.0.1/",
        "https://example.com:99999/",
        "https://[::1/",
    ],
)
def test_other_forms_are_refused(url: str) -> None:
    assert refused(url)


def test_an_allowed_address_is_its_host_and_port_alone() -> None:
    allow = frozenset({("127.0.0.1", 9000)})
    assert check_url("http://127.0.0.1:9000/x", allow).port == 9000
    assert refused("http://127.0.0.1:9001/x", allow)
    assert refused("http://127.0.0.2:9000/x", allow)
    assert refused("http://localhost:9000/x", allow)
    assert refused("http://a@127.0.0.1:9000/x", allow)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.com", "::", "169.254.169.254"])
def test_nothing_but_loopback_can_be_allowed(host: str) -> None:
    with pytest.raises(ValueError):
        check_allowed(frozenset({(host, 9000)}))


PRIVATE = st.sampled_from(
    [
        ip_network(net)
        for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "0.0.0.0/8")
    ]
).flatmap(lambda net: st.integers(int(net[0]), int(net[-1])))


@given(PRIVATE)
def test_no_way_to_write_a_private_address_gets_through(number: int) -> None:
    a, b, c, d = number.to_bytes(4, "big")
    for host in (
        f"{a}.{b}.{c}.{d}",
        f"{a}.{b}.{c * 256 + d}",
        f"{a}.{b * 65536 + c * 256 + d}",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"[::ffff:{a}.{b}.{c}.{d}]",
        f"[::{a}.{b}.{c}.{d}]",
        f"[64:ff9b::{a}.{b}.{c}.{d}]",
        f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]",
    ):
        assert refused(f"https://{host}/")


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_public_only_among_the_global_ones(address: IPv6Address) -> None:
    if is_public(address):
        assert address in ip_network("2000::/3")
        assert address.is_global
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_that_is_not_global_is_refused(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        with pytest.raises(Permanent):
            check_address(str(address))


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with suppress(Permanent):
        url = check_url(f"https://{text}/")
        assert (url.scheme, url.port) == ("https", 443)
