"""Answers that are short enough to be read whole."""

from collections.abc import Mapping
from contextlib import closing

import urllib3
from msgspec import Struct

from pushlive.registry.streams import blocks

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer that is read whole: manifests may have four mebibytes (distribution-spec)."""

_BLOCK = 64 * 1024


class Answer(Struct, frozen=True):
    """An answer that was read whole. Names of headers are looked up without regard to case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def read(url: str, response: urllib3.BaseHTTPResponse) -> Answer:
    """Read an answer to its end, or a little beyond LARGEST. Raises urllib3's HTTPError when it is cut."""
    content = bytearray()
    with closing(response):
        for block in blocks(response, _BLOCK):
            content += block
            if len(content) > LARGEST:
                break
    return Answer(url, response.status, response.headers, bytes(content))
