"""Where webhooks may go: not to this machine, its neighbours on the link, or a cloud's own services.

Private networks are allowed: a police force's own receivers are on its intranet.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

_LONGEST_URL = 500
_PORTS = {"http": 80, "https": 443}
# Services that a cloud offers its machines on addresses that look like anybody's: credentials, among others.
_METADATA = tuple(map(ip_network, ("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::/32")))
# Addresses of IPv6 that lead to one of IPv4.
_NAT64 = ip_network("64:ff9b::/96")


class NotAllowed(ValueError):
    """A webhook may not be sent there; the message says why."""


@dataclass(frozen=True)
class Where:
    """What may be reached beyond the usual, as the settings say."""

    networks: Sequence[IPv4Network | IPv6Network] = ()
    plain_http: bool = False

    def require_url(self, url: str) -> None:
        """Look at a URL before anything is resolved.

        Raises:
            NotAllowed
        """
        if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise NotAllowed(f"must be a URL of at most {_LONGEST_URL} plain characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise NotAllowed("is not a URL") from error
        if parts.scheme not in _PORTS or not parts.hostname or port == 0:
            raise NotAllowed("must begin with https:// and name a host")
        if parts.scheme == "http" and not self.plain_http:
            raise NotAllowed("must begin with https://")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise NotAllowed("must have no user name, password or fragment")
        try:
            address = ip_address(parts.hostname)
        except ValueError:
            _require_name(parts.hostname)
            return
        self.require_address(address)

    def require_address(self, address: IPv4Address | IPv6Address) -> None:
        """Look at an address that is about to be connected to.

        Raises:
            NotAllowed
        """
        real = _embedded(address)
        if any(address in network or real in network for network in self.networks):
            return
        if _is_special(real) or _is_special(address) or any(real in network for network in _METADATA):
            raise NotAllowed(f"leads to {address}, where no webhook may be sent")

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, in the order to try, each of them allowed.

        Raises:
            NotAllowed: one of them is not.
            OSError: the name is not known.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        for address in addresses:
            self.require_address(ip_address(address))
        return addresses


def _require_name(host: str) -> None:
    """Refuse what no resolver takes: a label that is empty, or longer than 63 characters (RFC 1035, 2.3.4)."""
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise NotAllowed("names no host that there can be") from error


def _is_special(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.is_reserved and address not in _NAT64)
        or (isinstance(address, IPv4Address) and address in _THIS_NETWORK)
    )


_THIS_NETWORK = ip_network("0.0.0.0/8")


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside one of IPv6 that is a way to write it."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
