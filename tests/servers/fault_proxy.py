"""A proxy between a client and a registry that does to the n-th request of a kind what networks and registries do."""

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.servers.registry_stub import Asked, QuietHandler, Reply, Stub, serving

Headers = list[tuple[str, str]]

_BLOCK = 64 * 1024
_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection"}


@dataclass
class Fault:
    """What happens to requests whose `METHOD TARGET` matches, from the `nth` of them on, `times` times.

    `cut_request` bytes of the body reach the registry, `cut_head` bytes of the answer's status line and headers or
    `cut_answer` of its body reach the client, then both connections end; with `stall` they stay silent instead until
    the proxy ends. `drop`: the registry does all, its answer is lost. `reply` is given in place of the registry.
    `rewrite` changes the headers of the registry's answer. `rate`: so many bytes a second, of both bodies.
    """

    pattern: str
    nth: int = 1
    times: int = 1
    cut_request: int | None = None
    cut_head: int | None = None
    cut_answer: int | None = None
    drop: bool = False
    stall: bool = False
    reply: Reply | None = None
    rewrite: Callable[[Headers], Headers] | None = None
    rate: int = 0
    seen: int = 0

    def strikes(self, line: str) -> bool:
        if not re.search(self.pattern, line):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    @property
    def struck(self) -> bool:
        """It happened at least once: a test of a fault that never came shows nothing."""
        return self.seen >= self.nth


@dataclass
class Proxy(Stub):
    """A running proxy: `asked` has the requests without bodies, `faults` may be added at any time."""

    faults: list[Fault] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, asked: Asked) -> Fault | None:
        with self.lock:
            self.asked.append(asked)
            struck = [fault for fault in self.faults if fault.strikes(str(asked))]
        return struck[0] if struck else None

    def lines(self, pattern: str = "") -> list[str]:
        return [str(each) for each in self.asked if re.search(pattern, str(each))]


def rewriting(name: str, change: Callable[[str], str | None]) -> Callable[[Headers], Headers]:
    """A `rewrite` of one header: `change` gets its value ("" when it is not there) and gives a new one, or None."""

    def rewrite(headers: Headers) -> Headers:
        old = next((value for key, value in headers if key.lower() == name.lower()), "")
        new = change(old)
        kept = [(key, value) for key, value in headers if key.lower() != name.lower()]
        return kept if new is None else [*kept, (name, new)]

    return rewrite


@contextmanager
def fault_proxy(target: str, faults: Sequence[Fault] = (), *, name: str = "localhost") -> Iterator[Proxy]:
    """Stand before the registry at `target`, a host and port without TLS."""

    class Handler(QuietHandler):
        def handle_any(self) -> None:
            asked = Asked(self.command, self.path, self.headers)
            _Exchange(self, proxy, target).run(proxy.fault(asked) or Fault(""))

    with serving(Handler) as server:
        proxy = Proxy(f"{name}:{server.server_port}", faults=list(faults))
        server.found = proxy  # type: ignore[attr-defined]
        try:
            yield proxy
        finally:
            proxy.ended.set()


class _Exchange:
    """One request and its answer."""

    def __init__(self, client: QuietHandler, proxy: Proxy, target: str) -> None:
        self.client = client
        self.proxy = proxy
        self.upstream = http.client.HTTPConnection(target, timeout=30)
        self.left = int(client.headers.get("Content-Length") or 0)

    def run(self, fault: Fault) -> None:
        try:
            if fault.reply is not None:
                self._drain()
                self.client.reply(fault.reply)
            elif not self._send(fault):
                self._break_off(fault)
            else:
                self._answer(fault)
        finally:
            self.upstream.close()

    def _send(self, fault: Fault) -> bool:
        """Pass the request on; False when it was cut."""
        self.upstream.putrequest(self.client.command, self.client.path, skip_host=True, skip_accept_encoding=True)
        for key, value in self.client.headers.items():
            if key.lower() not in _HOP:
                self.upstream.putheader(key, value)
        self.upstream.endheaders()
        limit = self.left if fault.cut_request is None else fault.cut_request
        for block in self._body(limit, fault.rate):
            self.upstream.send(block)
        return fault.cut_request is None

    def _body(self, limit: int, rate: int = 0) -> Iterator[bytes]:
        while limit > 0 and self.left > 0 and (block := self.client.rfile.read(_some(rate, limit, self.left))):
            self.left -= len(block)
            limit -= len(block)
            yield block
            _take_time(block, rate)

    def _drain(self) -> None:
        for _ in self._body(self.left):
            pass

    def _answer(self, fault: Fault) -> None:
        answer = self.upstream.getresponse()
        if fault.drop:
            answer.read()
            self._break_off(fault)
            return
        head = self._head(answer, fault)
        self.client.wfile.write(head if fault.cut_head is None else head[: fault.cut_head])
        if fault.cut_head is not None:
            self._break_off(fault)
            return
        limit = fault.cut_answer
        while limit != 0 and (block := answer.read(_some(fault.rate, _BLOCK if limit is None else limit))):
            self.client.wfile.write(block)
            _take_time(block, fault.rate)
            limit = None if limit is None else limit - len(block)
        if fault.cut_answer is not None:
            self._break_off(fault)

    def _head(self, answer: http.client.HTTPResponse, fault: Fault) -> bytes:
        headers = [(key, value) for key, value in answer.getheaders() if key.lower() not in _HOP]
        headers = fault.rewrite(headers) if fault.rewrite else headers
        if answer.getheader("Content-Length") is None and answer.status != 204:
            headers = [*headers, ("Connection", "close")]
            self.client.close_connection = True
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{key}: {value}" for key, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def _break_off(self, fault: Fault) -> None:
        if fault.stall:
            self.proxy.ended.wait(60)
        self.client.close_connection = True
        with suppress(OSError):
            self.client.connection.shutdown(socket.SHUT_RDWR)


def _some(rate: int, *limits: int) -> int:
    """How much to read in one go: a tenth of a second's worth, where there is a rate."""
    return max(1, min(_BLOCK, rate // 10 or _BLOCK, *limits))


def _take_time(block: bytes, rate: int) -> None:
    if rate:
        time.sleep(len(block) / rate)
