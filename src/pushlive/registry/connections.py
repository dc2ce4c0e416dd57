"""Connections to hosts: kept and shared by threads, through the proxies and with the certificates of this machine."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib import request
from urllib.parse import unquote, urlsplit

import urllib3
from msgspec import Struct
from urllib3.exceptions import HTTPError

from pushlive import __version__
from pushlive.model.errors import MachineError
from pushlive.registry import heads, locations

PARALLEL = 4
"""Blobs on their way at once, docker's number."""

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
"""Seconds without a byte until a connection counts as cut."""

_TLS_PORT = 443
_NAMED = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_CERTIFICATES = Path("/etc/docker/certs.d")
_BODIES = {"POST", "PUT", "PATCH"}

_SOME = 64 * 1024
"""Bytes of an answer that are read for the connection's sake alone."""


class Body(Struct, frozen=True):
    """What a request carries: `blocks` gives it from its beginning each time it is called; `size` in bytes."""

    size: int
    blocks: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, content: bytes) -> "Body":
        """A small one."""
        return cls(len(content), lambda: iter([content]))


class UnansweredError(HTTPError):
    """A request to `url` got no answer, for a `reason`: with redirects it need not be the one that was asked first."""

    def __init__(self, url: str, reason: HTTPError) -> None:
        super().__init__(str(reason))
        self.url = url
        self.reason = reason


class Connections:
    """Sends requests as they are: no sign-in, no second try, no redirect."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str, str], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Send one request; the answer's body is left to be read. Raises UnansweredError."""
        length = {"Content-Length": str(body.size if body else 0)} if body or method in _BODIES else {}
        ours = {"User-Agent": f"pushlive/{__version__}", "Accept-Encoding": "identity"}
        try:
            return self._pool(url).urlopen(
                method,
                url,
                headers={**ours, **headers, **length},
                body=body.blocks() if body else None,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            raise UnansweredError(url, error) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = _proxy(parts.scheme, parts.hostname or "")
        key = (proxy, parts.scheme, parts.netloc)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = _new_pool(*key)
            return self._pools[key]


def discard(response: urllib3.BaseHTTPResponse) -> None:
    """Be done with an answer. Its connection is kept when what is left of it is short."""
    with suppress(HTTPError):
        response.read(_SOME)
    response.close()


def speaks_tls(host: str) -> bool:
    """Whether a TLS handshake comes about with `host`. Its certificate is not looked at, and nothing is told."""
    parts = urlsplit(f"https://{host}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or _TLS_PORT), CONNECT_TIMEOUT) as link,
            context.wrap_socket(link),
        ):
            return True
    except OSError:
        return False


def _new_pool(proxy: str, scheme: str, host: str) -> urllib3.PoolManager:
    shared: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
        "maxsize": PARALLEL + 1,
        "ssl_context": _context(host) if scheme == "https" else None,
    }
    if not proxy:
        return heads.only_whole(urllib3.PoolManager(**shared))
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return heads.only_whole(urllib3.ProxyManager(proxy, proxy_headers=headers, **shared))


def _proxy(scheme: str, host: str) -> str:
    """The proxy for a host, by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; "" for none, and for this machine."""
    if locations.is_loopback(host) or request.proxy_bypass(host):
        return ""
    known = request.getproxies()
    found = known.get(scheme) or known.get("all") or ""
    return found if "://" in found or not found else f"http://{found}"


def _context(host: str) -> ssl.SSLContext:
    """What is trusted: the machine's authorities, SSL_CERT_FILE's, and those docker trusts for this registry."""
    own = sorted((_CERTIFICATES / host).glob("*.crt"))
    if not own:
        return _machines_own(*map(os.environ.get, _NAMED))
    context = ssl.create_default_context()
    for file in own:
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise MachineError(
                f"the certificate in {file} cannot be used: {error}", where=str(file), remedy="Replace or remove it."
            ) from error
    return context


@cache
def _machines_own(*_named: str | None) -> ssl.SSLContext:
    """What the machine trusts, by these variables; reading that takes 40 ms, so it is read once for all hosts."""
    return ssl.create_default_context()
