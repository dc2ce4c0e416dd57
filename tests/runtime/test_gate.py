"""A replica is reached privately at once, publicly only through its gate, and lets go of both at once."""

import contextlib
import http.client
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.runtime.replicas import gone

APP = """
import os, pathlib, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path(__file__).with_name("begun").touch()
        time.sleep(1)
    body = f"{os.environ['PUSHLIVE_REPLICA']} {os.getpid()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture(autouse=True)
def _app(site):
    (site / "app.py").write_text(APP)


def ask(public, timeout=20):
    connection = http.client.HTTPConnection(*public.getsockname(), timeout=timeout)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


def test_closed_gate_leaves_public_connections_in_the_queue(replica, public):
    one = replica(public=public).start().ready()
    client = socket.create_connection(public.getsockname(), timeout=0.5)
    with client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert one.get("/").status == 200
        one.admit()
        client.settimeout(20)
        assert client.recv(12) == b"HTTP/1.1 200"


def test_open_gate_answers_in_public(replica, public):
    one = replica(public=public).start().ready()
    one.admit()
    assert ask(public).startswith("v7-1 ")


def test_worker_that_takes_a_dead_ones_place_finds_the_gate_open(replica, public):
    one = replica(public=public).start().ready()
    one.admit()
    (first,) = one.workers()
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert ask(public) == f"v7-1 {one.workers()[0]}"


def test_worker_that_takes_a_dead_ones_place_finds_the_gate_closed(replica, public):
    one = replica(public=public).start().ready()
    os.kill(one.workers()[0], signal.SIGKILL)
    one.ready()
    with pytest.raises(TimeoutError):
        ask(public, timeout=0.5)


def test_stopping_refuses_in_private_while_a_request_is_still_answered(replica, public, site):
    one = replica(public=public).start().ready()
    one.admit()
    client = http.client.HTTPConnection(*public.getsockname(), timeout=20)
    with contextlib.closing(client):
        client.request("GET", "/slow")
        while not (site / "begun").exists():
            assert one.process.poll() is None
        one.terminate()
        while not one.refuses():
            assert one.process.poll() is None
        response = client.getresponse()
        assert response.status == 200
        assert response.getheader("Connection") == "close"
        assert response.read().startswith(b"v7-1")
    assert one.wait() == 0
    assert not Path(one.socket).exists()


def test_stopping_leaves_the_shared_public_socket_to_others(replica, public):
    old = replica(public=public).start().ready()
    old.admit()
    old.terminate()
    assert old.wait() == 0
    with socket.create_connection(public.getsockname(), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        new = replica(public=public, name="v8-1").start().ready()
        new.admit()
        assert client.recv(12) == b"HTTP/1.1 200"


def test_a_public_unix_socket_is_not_unlinked(replica, tmp_path):
    path = tmp_path / "public.sock"
    with socket.socket(socket.AF_UNIX) as public:
        public.bind(str(path))
        public.listen()
        one = replica(public=public).start().ready()
        one.admit()
        one.terminate()
        assert one.wait() == 0
        assert path.exists()


def test_stop_while_the_site_is_still_being_imported(replica, public, site):
    (site / "app.py").write_text("import time\ntime.sleep(1)\n" + APP)
    one = replica(public=public).start()
    one.admit()
    while not one.workers():
        assert one.process.poll() is None
    one.terminate()
    assert one.wait() == 0
    with pytest.raises(TimeoutError):
        ask(public, timeout=0.5)


def test_killed_arbiter_takes_its_worker_along(replica, public):
    one = replica(public=public).start().ready()
    one.admit()
    (worker,) = one.workers()
    one.process.kill()
    one.process.wait()
    while not one.refuses():
        pass
    assert gone(worker)
    with pytest.raises(TimeoutError):
        ask(public, timeout=0.5)
