"""Small HTTP servers for what no real registry does: each test says how it answers."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.servers.registry import Certificate


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query)

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(frozen=True)
class Reply:
    """An answer. `length` is what Content-Length says, if it is not the truth; -1 for none.

    With a `pause`, the body comes byte by byte, so many seconds apart.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    pause: float = 0.0


@dataclass
class Stub:
    """A running server: where, and what it was asked."""

    host: str
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"


Answer = Callable[[Asked], Reply]


@contextmanager
def stub(answer: Answer, *, tls: Certificate | None = None, name: str = "localhost") -> Iterator[Stub]:
    """Serve what `answer` says. HEAD gets no body."""

    class Handler(QuietHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, self.headers, body)
            found.asked.append(asked)
            self.reply(answer(asked))

    with serving(Handler, tls=tls) as server:
        found = Stub(f"{name}:{server.server_port}", "https" if tls else "http")
        server.found = found  # type: ignore[attr-defined]
        yield found


class QuietHandler(BaseHTTPRequestHandler):
    """All methods are `handle_any`; nothing is printed; connections are kept and counted."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        if found := getattr(self.server, "found", None):
            found.connections += 1

    def handle_any(self) -> None:
        raise NotImplementedError

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = lambda self: self.handle_any()  # noqa: N815

    def reply(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        length = len(reply.body) if reply.length is None else reply.length
        if length >= 0:
            self.send_header("Content-Length", str(length))
        if length != len(reply.body):
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        if not reply.pause:
            self.wfile.write(reply.body)
            return
        for at in range(len(reply.body)):
            self.wfile.write(reply.body[at : at + 1])
            time.sleep(reply.pause)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what many tests are about."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], *, tls: Certificate | None = None) -> Iterator[ThreadingHTTPServer]:
    """Run a server on loopback, in threads."""
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.file, tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
