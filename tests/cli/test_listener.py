import os
import threading
from collections.abc import Iterator

import pytest

from pushlive.cli.listener import listener

LONG = "é" * 200_000
"""More than a pipe holds."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def speaking(end: int, patience: float):
    return listener(os.fdopen(end, "w", encoding="utf-8", closefd=False), patience=patience)


def test_what_is_printed_arrives_whole(pipe):
    read, write = pipe
    got = bytearray()

    def listen() -> None:
        while len(got) < len(LONG.encode()):
            got.extend(os.read(read, 1 << 16))

    thread = threading.Thread(target=listen)
    thread.start()
    speaking(write, patience=60).write(LONG)
    thread.join()
    assert got.decode() == LONG


def test_who_listens_no_more_is_spoken_to_no_more(pipe):
    read, write = pipe
    stream = speaking(write, patience=0.05)
    with pytest.raises(BrokenPipeError):
        stream.write(LONG)
    os.read(read, 1 << 20)
    with pytest.raises(BrokenPipeError):
        stream.write("short")


def test_it_is_a_terminal_where_the_stream_is_one(pipe):
    ours, theirs = os.openpty()
    try:
        assert speaking(theirs, patience=1).isatty()
        assert not speaking(pipe[1], patience=1).isatty()
    finally:
        os.close(ours)
        os.close(theirs)
