"""What clients do with their connections, and what a stopping replica owes them."""

import os
import signal
import socket

import pytest

from tests.runtime.replicas import gone
from tests.runtime.sites import SITES

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(params=SITES)
def interface(request, site):
    (site / "app.py").write_text(SITES[request.param])
    return request.param


@pytest.fixture
def started(interface, replica, public):
    one = replica(public=public, interface=interface).start().ready()
    one.admit()
    return one


@pytest.fixture
def client(started, public):
    with socket.create_connection(public.getsockname(), timeout=20) as client:
        yield client


def answer(client) -> tuple[int, dict[str, str]]:
    """One response, its body read and left."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, f"cut off after {head!r}"
        head += byte
    first, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    left = int(fields["content-length"])
    while left:
        left -= len(client.recv(left))
    return int(first.split()[1]), fields


def stop_accepting(started):
    started.terminate()
    while not started.refuses():
        assert started.process.poll() is None


def test_a_kept_connection_is_answered_once_more_by_a_stopping_replica(started, client):
    client.sendall(GET)
    assert answer(client)[0] == 200
    stop_accepting(started)
    client.sendall(GET)
    status, fields = answer(client)
    assert (status, fields["connection"].lower()) == (200, "close")
    assert client.recv(1) == b""
    assert started.wait() == 0


def test_a_connection_that_was_accepted_and_silent_is_answered_by_a_stopping_replica(started, client):
    started.get("/")
    stop_accepting(started)
    client.sendall(GET)
    assert answer(client)[0] == 200
    assert started.wait() == 0


def test_half_a_request_is_finished_with_a_stopping_replica(started, client):
    client.sendall(GET[:20])
    started.get("/")
    stop_accepting(started)
    client.sendall(GET[20:])
    assert answer(client)[0] == 200


def test_a_silent_client_does_not_hold_up_the_stop(interface, replica, public):
    one = replica(public=public, interface=interface, env={"PUSHLIVE_KEEPALIVE": "1"}).start().ready()
    one.admit()
    with socket.create_connection(public.getsockname(), timeout=20) as silent:
        one.get("/")
        one.terminate()
        assert one.wait() == 0
        assert silent.recv(1) == b""


def test_slow_and_silent_clients_take_no_thread_from_others(started, public):
    slow = [socket.create_connection(public.getsockname(), timeout=20) for _ in range(20)]
    for number, one in enumerate(slow):
        one.sendall(GET[: number + 1])
    assert started.get("/").status == 200
    for number, one in enumerate(slow):
        one.sendall(GET[number + 1 :])
        assert answer(one)[0] == 200
        one.close()


def test_requests_sent_in_one_go_are_answered_one_after_another(client):
    client.sendall(GET * 5)
    assert [answer(client)[0] for _ in range(5)] == [200] * 5


def test_the_answer_to_an_upload_that_nobody_reads_arrives(client):
    size = 3_000_000
    client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
    client.sendall(bytes(size))
    assert answer(client)[0] == 200


def test_an_upload_that_is_small_leaves_the_connection_usable(client):
    client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello" + GET)
    assert [answer(client)[0] for _ in range(2)] == [200, 200]


def test_what_is_not_http_is_refused(client):
    client.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    assert client.recv(12) == b"HTTP/1.1 400"


def test_a_worker_that_is_told_to_stop_is_replaced_and_loses_nothing(started, client):
    client.sendall(GET)
    assert answer(client)[0] == 200
    (worker,) = started.workers()
    os.kill(worker, signal.SIGTERM)
    client.sendall(GET)
    assert answer(client)[0] == 200
    client.close()
    assert gone(worker)
    assert started.get("/").status == 200
