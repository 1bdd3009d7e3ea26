"""Which addresses the server may call: none but public ones, by https, on the usual port.

Pure: it judges a parsed address and what a name resolved to. `http.py` asks it before each attempt
and connects to nothing else, so that no text from outside chooses where we call.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from yarl import URL

from inbox.domain.errors import Permanent

Allowed = frozenset[tuple[str, int]]

# Public by the standard library's registry, yet a way to somewhere else (relays, translations) or
# newer than its table.
_NOT_UNICAST_4 = tuple(
    IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4")
)
_NOT_UNICAST_6 = tuple(
    IPv6Network(net)
    for net in (
        "2001::/23",  # Teredo, benchmarking, ORCHID and others
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address
        "3fff::/20",
    )
)
# All global unicast lies here; mapped, compatible, translated and NAT64 forms lie outside.
_GLOBAL_6 = IPv6Network("2000::/3")

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$", re.ASCII)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def refused(why: str) -> Permanent:
    """The address itself is in no message: it may come from outside."""
    return Permanent(f"This address may not be called: {why}.", code="address_refused")


def check_allowed(allow: Allowed) -> None:
    """The allow-list is for providers on this machine; anything else in it is a mistake."""
    for host, _ in allow:
        if host not in _LOOPBACK:
            raise ValueError("only 127.0.0.1, ::1 and localhost can be allowed without https")


def check_url(text: str, allow: Allowed = frozenset()) -> URL:
    """The parsed address, or `Permanent` with code `address_refused`.

    An IP address in it is judged here; a name is judged once it is resolved (`check_address`).
    """
    if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in text) or "\\" in text:
        raise refused("it holds characters that no address has")
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except ValueError as error:
        raise refused("it is not well formed") from error
    if not host or port is None:
        raise refused("it names no host")
    if url.raw_user is not None or url.raw_password is not None:
        raise refused("it carries credentials")
    if (host, port) in allow and url.scheme in ("http", "https"):
        return url
    if url.scheme != "https" or port != 443:
        raise refused("only https on port 443 is called")
    _check_host(host)
    return url


def _check_host(host: str) -> None:
    if ":" in host or _ENDS_IN_NUMBER.search(host):
        # Octal, hex, short and single-number forms are no canonical address and fail here.
        check_address(host)
    elif not _NAME.fullmatch(host):
        raise refused("the host is not a full domain name")


def check_address(text: str) -> None:
    """Raise `Permanent` unless `text` is a canonical public unicast address."""
    try:
        address = ip_address(text)
    except ValueError as error:
        raise refused("the host is not a canonical address") from error
    if not is_public(address):
        raise refused("it is not public")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """True for global unicast only; an IPv6 form that wraps an IPv4 address never is."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in net for net in _NOT_UNICAST_4)
    if address.scope_id is not None or address not in _GLOBAL_6:
        return False
    return not any(address in net for net in _NOT_UNICAST_6)


def is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
