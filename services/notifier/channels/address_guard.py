"""Where a webhook may go: never to the operator's own network (SSRF).

Owns the check of resolved addresses. The caller connects to the address that was checked, not
to the name again, so that a second answer of the name server cannot slip past.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddress(Exception):
    """The host resolves to an address that nobody outside may make us call."""


async def checked_address(host: str, port: int, *, allow_local: bool) -> str:
    """An IP address of `host` that may be called.

    Raises `ForbiddenAddress` if any of its addresses is not public, and `OSError` if it has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not allow_local and not all(is_public(address) for address in addresses):
        raise ForbiddenAddress
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when wrapped into IPv6."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = _wrapped(parsed) if isinstance(parsed, ipaddress.IPv6Address) else None
    reached = inner or parsed
    return reached.is_global and not reached.is_multicast


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, 6to4 or NAT64 (RFC 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour
