"""Text to a pusher who may be gone without a sign.

git-receive-pack hands on what its hook prints. When its own reader goes away it reads no more and keeps the pipe open:
a hook that prints on would wait in write(2) for ever, and with it everybody who waits for the site's turn.
"""

import io
import os
import select
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATIENCE = 10.0
"""Seconds for which a listener may take nothing: a network's stall is over by then."""

_PIECE = 4096
"""Bytes written at once: a pipe that is called writable takes so many without waiting (pipe(7), PIPE_BUF)."""


def listener(stream: TextIO, *, patience: float = PATIENCE) -> TextIO:
    """The same stream, whose writing raises BrokenPipeError once its reader has taken nothing for `patience` seconds.

    From then on it raises at once. The stream needs a file descriptor, which is left open.
    """
    raw = _Descriptor(stream.fileno(), patience)
    return io.TextIOWrapper(raw, encoding=stream.encoding, errors="backslashreplace", write_through=True)


class _Descriptor(io.BufferedIOBase):
    def __init__(self, number: int, patience: float) -> None:
        self._number = number
        self._patience = patience
        self._gone = False
        self._lock = threading.Lock()

    @property
    def name(self) -> int:
        return self._number

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of it; what is written at once may be less than what was asked for."""
        left = memoryview(data)
        with self._lock:
            while left:
                self._wait()
                left = left[os.write(self._number, left[:_PIECE]) :]
        return memoryview(data).nbytes

    def _wait(self) -> None:
        self._gone = self._gone or not select.select([], [self._number], [], self._patience)[1]
        if self._gone:
            raise BrokenPipeError("nobody reads what is printed")
