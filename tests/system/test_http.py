"""One request over real sockets, to servers that do their worst."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pushlive.system import http
from pushlive.system.http import Address, NotHttpError


@pytest.fixture
def talk() -> Iterator[Callable[..., Address]]:
    """talk(pieces, pause) -> an address that sends the pieces to whoever asks, then closes."""
    threads: list[threading.Thread] = []

    def start(*pieces: bytes, pause: float = 0.0) -> Address:
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=_send, args=(listener, pieces, pause))
        thread.start()
        threads.append(thread)
        return Address("127.0.0.1", listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join()


def _send(listener: socket.socket, pieces: tuple[bytes, ...], pause: float) -> None:
    with listener, listener.accept()[0] as link:
        link.recv(65536)
        try:
            for piece in pieces:
                link.sendall(piece)
                time.sleep(pause)
        except ConnectionError:
            return


def get(address: Address, path: str = "/", **options: object) -> http.Answer:
    return http.get(address, path, headers={"Host": "x"}, **options)


def test_reads_status_headers_and_body(talk: Callable[..., Address]) -> None:
    answer = get(talk(b"HTTP/1.1 201 Made\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello and more"))
    assert (answer.status, answer.reason, answer.headers["x-a"], answer.body) == (201, "Made", "1", b"hello")
    assert answer.whole


def test_reads_chunks(talk: Callable[..., Address]) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert get(talk(*(raw[n : n + 1] for n in range(len(raw))))).body == b"abcde"


def test_reads_http_1_0_until_the_end(talk: Callable[..., Address]) -> None:
    assert get(talk(b"HTTP/1.0 200 OK\r\n\r\nab", b"cd")).body == b"abcd"


def test_passes_over_early_hints(talk: Callable[..., Address]) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    assert get(talk(early, b"HTTP/1.1 204 No Content\r\n\r\n")).status == 204


def test_an_answer_without_a_body_ends_at_once(talk: Callable[..., Address]) -> None:
    assert get(talk(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n")).body == b""


def test_asks_over_a_unix_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=_send, args=(listener, (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), 0))
        thread.start()
        assert get(Address(socket=tmp_path / "s")).status == 200
        thread.join()


def test_reads_no_more_of_a_body_than_the_limit(talk: Callable[..., Address]) -> None:
    answer = get(talk(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65536] * 100), limit=1000)
    assert (len(answer.body), answer.whole) == (1000, False)


def test_headers_without_end_are_refused(talk: Callable[..., Address]) -> None:
    with pytest.raises(NotHttpError):
        get(talk(b"HTTP/1.1 200 OK\r\n", *[b"X-A: " + b"y" * 65536 + b"\r\n"] * 100))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX-A",
        b"\x16\x03\x01\x00\xa5",
        b"\x00" * 1000,
    ],
)
def test_what_is_not_whole_http_is_refused(talk: Callable[..., Address], raw: bytes) -> None:
    with pytest.raises(NotHttpError):
        get(talk(raw))


def test_a_dripping_answer_ends_with_the_time_for_all_of_it(talk: Callable[..., Address]) -> None:
    with pytest.raises(TimeoutError):
        get(talk(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 20, pause=0.1), timeout=0.5)


def test_nobody_there_is_a_refused_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        get(Address("127.0.0.1", port))


@pytest.mark.parametrize("path", ["/a b", "/\r\nX-Injected: 1", "/é", ""])
def test_a_path_that_no_request_can_carry_is_an_error(talk: Callable[..., Address], path: str) -> None:
    address = talk(b"")
    with pytest.raises(ValueError, match="no request can carry"):
        get(address, path)


def test_addresses_read_as_urls() -> None:
    assert str(Address("127.0.0.1", 80)) == "http://127.0.0.1:80"
    assert str(Address("::1", 80)) == "http://[::1]:80"
    assert str(Address(socket=Path("/run/a.sock"))) == "unix:/run/a.sock"
