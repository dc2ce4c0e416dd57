"""What is said to a fork server, and what may come of it."""

import os
import socket
import tempfile
import threading
from functools import partial
from pathlib import Path

import pytest

from pushlive.rollout.local import forks


@pytest.fixture
def place():
    """Where a fork server listens: paths of unix sockets are short."""
    with tempfile.TemporaryDirectory(prefix="pl-") as folder:
        yield Path(folder) / "s"


@pytest.mark.parametrize("length", [10, 1_000_000])
def test_a_refusal_before_all_was_sent_is_understood(place, length):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(place))
        listener.listen()

        def refuse():
            client, _ = listener.accept()
            with client:
                client.recv(1)
                client.sendall(b'{"refused": "not that one"}\n')
                client.shutdown(socket.SHUT_RDWR)
                done.wait(10)

        done = threading.Event()
        server = threading.Thread(target=refuse)
        server.start()
        with Path(os.devnull).open("r+b") as null:
            streams = (null.fileno(),) * 3
            ask = partial(forks.fork, place, ["x" * length], env={}, cwd="/", streams=streams, fds=())
            with pytest.raises(forks.RefusedError, match="not that one"):
                ask(accept=lambda _: True)
        done.set()
        server.join()
