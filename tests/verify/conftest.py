"""A small real server whose answers each test writes down, on TCP and on a unix socket."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pushlive.system.http import Address
from pushlive.verify import Expected
from pushlive_runtime.probe import Prover
from pushlive_runtime.settings import Identity

KEY = "the probe key of a site"
REVISION = "1f2e3d4c" * 5
OLD_REVISION = "0a0b0c0d" * 5


@dataclass
class Request:
    path: str
    headers: dict[str, str]


@dataclass
class Script:
    """Answers by path; each path's answers are used up one by one, the last of them again and again."""

    answers: dict[str, list[bytes]] = field(default_factory=dict)
    prover: Prover | None = None
    seen: list[Request] = field(default_factory=list)
    act: Callable[[Request], bytes | None] = lambda _request: None

    def answer(self, request: Request) -> bytes:
        self.seen.append(request)
        if (acted := self.act(request)) is not None:
            return self._proved(request, acted)
        left = self.answers.get(request.path, [response(404, "nothing here", kind="text/plain")])
        return self._proved(request, left.pop(0) if len(left) > 1 else left[0])

    def _proved(self, request: Request, raw: bytes) -> bytes:
        added = self.prover.prove(request.headers.get("x-pushlive-probe", "")) if self.prover else None
        lines = "".join(f"{name}: {value}\r\n" for name, value in added or ())
        head, gap, body = raw.partition(b"\r\n\r\n")
        return head + b"\r\n" + lines.encode() + b"\r\n" + body if gap else raw


def response(status: int, body: str = "", *, kind: str = "text/html; charset=utf-8", **headers: str) -> bytes:
    data = body.encode()
    fields = {"Content-Type": kind, "Content-Length": str(len(data)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Reason\r\n{lines}\r\n".encode() + data


def prover(*, revision: str = REVISION, release: str = "v7", replica: str = "v7-1", key: str = KEY) -> Prover:
    return Prover(key, Identity(revision=revision, release=release, replica=replica))


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        lines = []
        while (line := self.rfile.readline().rstrip(b"\r\n")) or not lines:
            if not line:
                return
            lines.append(line.decode("latin-1"))
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        try:
            self.wfile.write(self.server.script.answer(Request(lines[0].split()[1], headers)))
        except ConnectionError:
            return


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def serving(server: socketserver.BaseServer, script: Script) -> Iterator[None]:
    server.script = script
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Address]]:
    """serve(script) -> the TCP address that answers by it; serve(script, "a.sock") on a unix socket."""
    with ExitStack() as stack:

        def start(script: Script, name: str = "") -> Address:
            server = _Unix(str(tmp_path / name), _Handler) if name else _Tcp(("127.0.0.1", 0), _Handler)
            stack.enter_context(serving(server, script))
            if name:
                return Address(socket=tmp_path / name)
            return Address("127.0.0.1", server.server_address[1])

        yield start


@pytest.fixture
def nobody() -> Address:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", taken.getsockname()[1])


def expected(**changes: object) -> Expected:
    settings = {"revision": REVISION, "release": "v7", "key": KEY, "host": "shop.example", "timeout": 5.0}
    return Expected(**(settings | changes))
