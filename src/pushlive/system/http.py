"""HTTP for probes: one connection, one answer, over TCP or a unix socket; no redirect is followed, nothing is trusted.

What answers may be hostile, huge or slow: the whole exchange has one deadline, headers take at most 64 KiB, and the
body has a limit.
"""

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    import h11

_HEADER_LIMIT = 64 * 1024
_CHUNK = 64 * 1024


class NotHttpError(OSError):
    """What answers does not speak HTTP, or broke off in the middle of its answer."""


class Address(Struct, frozen=True):
    """Where something listens: a unix socket, or a host and port."""

    host: str = ""
    port: int = 0
    socket: Path | None = None

    def __str__(self) -> str:
        if self.socket:
            return f"unix:{self.socket}"
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class Answer(Struct, frozen=True):
    """An HTTP answer; header names in lower case, `seconds` from connecting to the last byte.

    `whole` is False when the body was longer than the limit and reading stopped there.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    reason: str = ""
    whole: bool = True


def get(
    address: Address,
    path: str,
    *,
    headers: Mapping[str, str],
    timeout: float = 10.0,
    limit: int = 4 * 1024 * 1024,
) -> Answer:
    """GET `path` over a connection of its own and read at most `limit` bytes of the body.

    `timeout` is in seconds, from connecting to the last byte. Raises OSError: ConnectionRefusedError,
    TimeoutError, NotHttpError; ValueError for a path or a header that no request can carry.
    """
    began = time.monotonic()
    with _connected(address, timeout) as link:
        exchange = _Exchange(link, began + timeout)
        exchange.ask(path, headers)
        return exchange.answer(limit, began)


def _connected(address: Address, timeout: float) -> socket.socket:
    if address.socket is None:
        # As bytes: a name given as text would load the codec for international names, 10 ms, before anything is sent.
        host: bytes | str = address.host.encode() if address.host.isascii() else address.host
        return socket.create_connection((host, address.port), timeout)  # type: ignore[arg-type]
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(timeout)
        link.connect(str(address.socket))
    except BaseException:
        link.close()
        raise
    return link


class _Exchange:
    """A request and its answer on a connected socket, until a moment of the monotonic clock."""

    def __init__(self, link: socket.socket, until: float) -> None:
        import h11  # noqa: PLC0415  # 8 ms that only probes need

        self._h11 = h11
        self._link = link
        self._until = until
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADER_LIMIT)

    def ask(self, path: str, headers: Mapping[str, str]) -> None:
        """Send a GET and say that no more requests follow."""
        sent = {"host": "localhost", "accept-encoding": "identity", "connection": "close"}
        sent |= {name.lower(): value for name, value in headers.items()}
        try:
            request = self._h11.Request(method="GET", target=path, headers=list(sent.items()))
        except (self._h11.LocalProtocolError, UnicodeError) as error:
            raise ValueError(f"no request can carry {path[:200]!r}: {error}") from error
        data = self._protocol.send(request)
        self._protocol.send(self._h11.EndOfMessage())
        self._link.sendall(data or b"")

    def answer(self, limit: int, began: float) -> Answer:
        """Read the answer."""
        try:
            head = self._head()
            body, whole = self._body(limit)
        except self._h11.RemoteProtocolError as error:
            raise NotHttpError(f"the answer is not HTTP: {error}") from error
        names = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        reason = bytes(head.reason).decode("latin-1")
        return Answer(head.status_code, names, body, time.monotonic() - began, reason, whole)

    def _head(self) -> "h11.Response":
        while not isinstance(event := self._next(), self._h11.Response):
            if not isinstance(event, self._h11.InformationalResponse):
                raise NotHttpError("the connection was closed before an answer came")
        return event

    def _body(self, limit: int) -> tuple[bytes, bool]:
        body = bytearray()
        while isinstance(event := self._next(), self._h11.Data):
            body += event.data
            if len(body) > limit:
                return bytes(body[:limit]), False
        return bytes(body), True

    def _next(self) -> object:
        while (event := self._protocol.next_event()) is self._h11.NEED_DATA:
            self._link.settimeout(self._left())
            self._protocol.receive_data(self._link.recv(_CHUNK))
        return event

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left
