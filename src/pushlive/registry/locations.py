"""Where a registry may send us: what is followed, and with which rights. DNS is asked, nothing else is done."""

import ipaddress
import socket
from enum import IntEnum
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from urllib3.util import parse_url

from pushlive.model.errors import RegistryError
from pushlive.registry.errors import host, redacted

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}


class Nearness(IntEnum):
    """Who reaches an address: all the world, those of one network, this machine and what it is plugged into."""

    WORLD = 0
    NETWORK = 1
    MACHINE = 2


def same_origin(one: str, other: str) -> bool:
    """Both are of one scheme, host and port: what is secret for one may be told to the other."""
    return _origin(one) == _origin(other)


def followed(base: str, location: str) -> str:
    """Where `location`, an answer of `base`, leads. Raises RegistryError where it must not be followed.

    Another host is allowed, as uploads and blobs often lie in a store of their own. What is not: leaving TLS, and an
    address nearer to us than the registry's own is, since services of our network, and those of this machine or its
    cloud all the more, may trust whoever can reach them.
    """
    url, parts = _read(base, location)
    if urlsplit(base).scheme == "https" and parts.scheme == "http":
        raise _refused(base, url, "it leaves TLS")
    near = nearness(parts.hostname or "")
    if not same_origin(base, url) and near > nearness(urlsplit(base).hostname or ""):
        raise _refused(base, url, f"it is an address of this {'network' if near is Nearness.NETWORK else 'machine'}")
    return url


def trusted_realm(registry: str, realm: str) -> str:
    """Where tokens are asked for. Raises RegistryError for a realm to which a login must not be told.

    `registry` is the registry's URL. Any host may give its tokens, but not without TLS where it has TLS itself.
    """
    if not realm.lower().startswith(("http://", "https://")):
        raise _refused(registry, realm, "the realm of its tokens is no http address")
    return followed(registry, realm)


def with_query(url: str, **more: str) -> str:
    """The URL with these in its query, and what it had there before as it stood: it may be signed."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in more]
    return parts._replace(query="&".join([*kept, urlencode(more)])).geturl()


def is_loopback(name: str) -> bool:
    """The host is this machine, by its name or its address."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def nearness(name: str) -> Nearness:
    """How near the nearest address of a host is; a name that nobody knows is as far as any."""
    return max(map(_nearness, _addresses(name)), default=Nearness.WORLD)


def _nearness(address: Address) -> Nearness:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return _nearness(address.ipv4_mapped)
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return Nearness.MACHINE
    return Nearness.WORLD if address.is_global else Nearness.NETWORK


def _addresses(name: str) -> list[Address]:
    try:
        return [ipaddress.ip_address(name.strip("[]"))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _read(base: str, location: str) -> tuple[str, SplitResult]:
    """The whole URL and its parts. What is judged here has to be what urllib3 connects to, which reads it anew."""
    url = ""
    try:
        url = urljoin(base, location)
        parts = urlsplit(url)
        alike = (parse_url(url).host or "").strip("[]") == parts.hostname and parts.port != 0
    except ValueError:
        alike = False
    if not alike or parts.scheme not in _PORTS or "@" in parts.netloc or not url.isprintable():
        raise _refused(base, url, "it is no http address")
    return url, parts


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def _refused(base: str, url: str, why: str) -> RegistryError:
    return RegistryError(
        f"the registry {host(base)} points to {redacted(url)}, which is not followed: {why}",
        where=redacted(base),
        remedy="Look whether the registry's own address is configured right; nothing was sent there.",
    )
