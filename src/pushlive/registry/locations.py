"""Where a registry may send us: what is followed, and with which rights. DNS is asked, nothing else is done."""

import ipaddress
import socket
from urllib.parse import urlencode, urljoin, urlsplit

from pushlive.model.errors import RegistryError
from pushlive.registry.errors import redacted

_PORTS = {"http": 80, "https": 443}


def same_origin(one: str, other: str) -> bool:
    """Both are of one scheme, host and port: what is secret for one may be told to the other."""
    return _origin(one) == _origin(other)


def followed(base: str, location: str) -> str:
    """Where `location`, an answer of `base`, leads. Raises RegistryError where it must not be followed.

    Another host is allowed, as uploads and blobs often lie in a store of their own. What is not: leaving TLS, and a
    public registry that names an address of our own network, whose services may trust whoever is inside.
    """
    url = urljoin(base, location)
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _refused(base, url, "it is no http address")
    if urlsplit(base).scheme == "https" and parts.scheme == "http":
        raise _refused(base, url, "it leaves TLS")
    if not same_origin(base, url) and is_private(parts.hostname) and not is_private(urlsplit(base).hostname or ""):
        raise _refused(base, url, "it is an address of this network")
    return url


def trusted_realm(registry: str, realm: str) -> str:
    """Where tokens are asked for. Raises RegistryError for a realm to which a login must not be told.

    `registry` is the registry's URL. Any host may give its tokens, but not without TLS where it has TLS itself.
    """
    parts = urlsplit(realm)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _refused(registry, realm, "the realm of its tokens is no http address")
    return followed(registry, realm)


def with_query(url: str, **more: str) -> str:
    """The URL with these in its query, and what it had there before as it stood: it may be signed."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in more]
    return parts._replace(query="&".join([*kept, urlencode(more)])).geturl()


def is_loopback(host: str) -> bool:
    """The host is this machine, by its name or its address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_private(host: str) -> bool:
    """Some address of the host is one that the world does not route to; a name that nobody knows is not."""
    return any(not address.is_global for address in _addresses(host))


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        return [ipaddress.ip_address(host.strip("[]"))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def _refused(base: str, url: str, why: str) -> RegistryError:
    return RegistryError(
        f"the registry {urlsplit(base).netloc} points to {redacted(url)}, which is not followed: {why}",
        where=redacted(base),
        remedy="Look whether the registry's own address is configured right; nothing was sent there.",
    )
