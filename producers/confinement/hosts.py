"""Which hosts may be asked: every address that a name stands for is looked at, in whatever form it was written."""

import re
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from producers.confinement.refused import SourceRefused

IPAddress = IPv4Address | IPv6Address
Resolve = Callable[[str], list[str]]

_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z_](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_PUBLIC = "public"
_THIS_NETWORK = ip_network("0.0.0.0/8")  # Linux takes 0.0.0.0 for itself; RFC 791 lets nobody else have these
_SITE_LOCAL = ip_network("fec0::/10")  # RFC 3879: no longer private, but not global either
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = ip_network("::/96")  # RFC 4291 2.5.5.1


class HostRules:
    """Hosts that a service may connect to for its users.

    Args:
        text: ``item,item``, each a name, ``.name`` (every name below it), an address, a network such as 10.0.7.0/24,
            or ``public``: every host whose addresses are all of the public internet. A name lets through private
            addresses too; loopback, link-local (where clouds keep their metadata) and other special ones are let
            through only by a network that holds them. Empty: none.
        resolve: All addresses of a name; OSError where it has none.

    Raises:
        ValueError: An item is none of these.
    """

    def __init__(self, text: str, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or _addresses_of
        self._names: list[str] = []
        self._public = False
        self._networks: list[IPv4Network | IPv6Network] = []
        for item in (part.strip().lower() for part in text.split(",")):
            if item:
                self._take(item)

    def pinned(self, host: str, *, trusted: bool = False) -> IPAddress:
        """An address to connect to, once every one that the host stands for was found good.

        Whoever connects must use this very address: a name that is asked for twice may change its mind.

        Args:
            host: As it stands in a URL, IPv6 in brackets.
            trusted: It must be named itself; to be public is not enough.

        Raises:
            SourceRefused: One of them is not let through, the name has none, or it is no plain name or address.
        """
        literal = _literal(host)
        found = [literal] if literal is not None else self._resolved(host.lower())
        for address in found:
            if not all(self._good(host.lower(), one, trusted=trusted) for one in _meant(address)):
                msg = f"host {host}: expected one that this service may connect to"
                raise SourceRefused(msg)
        return found[0]

    def _take(self, item: str) -> None:
        if item == _PUBLIC:
            self._public = True
            return
        try:
            self._networks.append(ip_network(item, strict=False))
        except ValueError as error:
            if not _NAME.fullmatch(item.removeprefix(".")):
                msg = f"host {item!r}: expected a name, .name, an address, a network or {_PUBLIC}"
                raise ValueError(msg) from error
            self._names.append(item)

    def _resolved(self, host: str) -> list[IPAddress]:
        if not _NAME.fullmatch(host):
            msg = f"host {host!r}: expected a name or an address as 192.0.2.1 or [2001:db8::1]"
            raise SourceRefused(msg)
        try:
            return [ip_address(text) for text in self._resolve(host)]
        except (OSError, ValueError) as error:
            # the same words as for one that is not let through: which names exist inside is nobody's business
            msg = f"host {host}: expected one that this service may connect to"
            raise SourceRefused(msg) from error

    def _good(self, host: str, address: IPAddress, *, trusted: bool) -> bool:
        if any(address in network for network in self._networks):
            return True
        special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
        if special or address.is_reserved or address in _THIS_NETWORK or address in _SITE_LOCAL:
            return False
        if any(host == name or (name[0] == "." and host.endswith(name)) for name in self._names):
            return True
        return not trusted and self._public and address.is_global


def _literal(host: str) -> IPAddress | None:
    """An address as it is written in URLs; None for a name. Python takes no octal, hex, short or decimal forms."""
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") and "%" not in host else IPv4Address(host)
    except ValueError:
        return None


def _meant(address: IPAddress) -> Iterator[IPAddress]:
    """An address and those that routers or the system would make of it."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def _addresses_of(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(one[4][0]).partition("%")[0] for one in found]
