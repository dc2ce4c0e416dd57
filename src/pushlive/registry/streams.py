"""What comes of an answer, as it comes, and no slower than it is worth waiting for."""

import time
from collections.abc import Iterator

import urllib3
from urllib3.exceptions import HTTPError

LEAST, WINDOW = 1024, 60.0
"""Bytes a second over so many seconds. A connection that brings less counts as cut, as by curl's --speed-limit: each
byte comes in time, and all of them never would."""


class TooSlowError(HTTPError):
    """It drips."""


def blocks(response: urllib3.BaseHTTPResponse, size: int) -> Iterator[bytes]:
    """An answer's body in blocks of at most `size` bytes. Raises urllib3's HTTPError when it is cut or drips."""
    came, since = 0, time.monotonic()
    while block := response.read1(size):
        yield block
        came += len(block)
        seconds = time.monotonic() - since
        if came >= LEAST * WINDOW:
            came, since = 0, time.monotonic()
        elif seconds > WINDOW:
            raise TooSlowError(f"{came} bytes came in {seconds:.0f} seconds")
