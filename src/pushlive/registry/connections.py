"""Connections to hosts: kept and shared by threads, through the proxies and with the certificates of this machine."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib import request
from urllib.parse import urlsplit

import urllib3
from msgspec import Struct

from pushlive import __version__
from pushlive.model.errors import MachineError

PARALLEL = 4
"""Blobs on their way at once, docker's number."""

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
"""Seconds without a byte until a connection counts as cut."""

_CERTIFICATES = Path("/etc/docker/certs.d")
_BODIES = {"POST", "PUT", "PATCH"}


class Body(Struct, frozen=True):
    """What a request carries: `blocks` gives it from its beginning each time it is called; `size` in bytes."""

    size: int
    blocks: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, content: bytes) -> "Body":
        """A small one."""
        return cls(len(content), lambda: iter([content]))


class Connections:
    """Sends requests as they are: no sign-in, no second try, no redirect."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Send one request; the answer's body is left to be read. Raises urllib3's HTTPError."""
        length = {"Content-Length": str(body.size if body else 0)} if body or method in _BODIES else {}
        ours = {"User-Agent": f"pushlive/{__version__}", "Accept-Encoding": "identity"}
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

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = _proxy(parts.scheme, parts.hostname or "")
        with self._lock:
            if (proxy, parts.netloc) not in self._pools:
                self._pools[proxy, parts.netloc] = _new_pool(proxy, parts.netloc)
            return self._pools[proxy, parts.netloc]


def _new_pool(proxy: str, host: str) -> urllib3.PoolManager:
    shared: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
        "maxsize": PARALLEL + 1,
        "ssl_context": _context(host),
    }
    return urllib3.ProxyManager(proxy, **shared) if proxy else urllib3.PoolManager(**shared)


def _proxy(scheme: str, host: str) -> str:
    """The proxy for a host, by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; "" for none."""
    known = request.getproxies()
    if request.proxy_bypass(host):
        return ""
    return known.get(scheme) or known.get("all") or ""


def _context(host: str) -> ssl.SSLContext:
    """What is trusted: the machine's authorities, SSL_CERT_FILE's, and those docker trusts for this registry."""
    context = ssl.create_default_context()
    for file in sorted((_CERTIFICATES / host).glob("*.crt")):
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise MachineError(
                f"the certificate in {file} cannot be used: {error}", where=str(file), remedy="Replace or remove it."
            ) from error
    return context
