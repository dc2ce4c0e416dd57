"""HTTP for probes: one connection, one answer, over TCP or a unix socket, no redirect followed."""

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens: a unix socket, or a host and port."""

    host: str = ""
    port: int = 0
    socket: Path | None = None

    def __str__(self) -> str:
        return f"unix:{self.socket}" if self.socket else f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case, `seconds` from connecting to the last byte."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def get(
    address: Address,
    path: str,
    *,
    headers: Mapping[str, str],
    timeout: float = 10.0,
    limit: int = 4 * 1024 * 1024,
) -> Answer:
    """GET `path` and read at most `limit` bytes of the body. Raises OSError or http.client.HTTPException."""
    connection = (
        _UnixConnection(address.socket, timeout)
        if address.socket
        else http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    )
    began = time.monotonic()
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        body = response.read(limit)
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, body, time.monotonic() - began)
    finally:
        connection.close()
