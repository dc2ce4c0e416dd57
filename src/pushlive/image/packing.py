"""How a blob is packed, told by its first bytes, and what unpacks it piece by piece.

Every unpacker has the interface of the standard library's for bz2, lzma and zstd: it keeps what it was given and could
not use yet, and `needs_input` says that all of it is used.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol

from msgspec import Struct

LARGEST_WINDOW = 27
"""How far back a zstd frame may reach, as the logarithm of bytes: 128 MiB, which `zstd` itself goes by.

It is the memory that one frame can take.
"""

_GZIP, _ZSTD, _SKIPPED = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
_TOO_LARGE = "too much memory"


class Unpacker(Protocol):
    """Unpacks one part: a gzip member, a zstd frame. There may be others behind it."""

    @property
    def eof(self) -> bool:
        """The part is at its end."""

    @property
    def needs_input(self) -> bool:
        """There is no more to come of what was given."""

    @property
    def unused_data(self) -> bytes:
        """What was given and is behind the end of the part."""

    def decompress(self, data: bytes, max_length: int) -> bytes | memoryview:
        """Take more, maybe nothing, and return at most so many plain bytes."""


class Packing(Struct, frozen=True):
    """One way of packing: `new` makes an unpacker, which raises `error` for what is damaged."""

    new: Callable[[], Unpacker]
    error: type[Exception] = ValueError


def packing(start: bytes) -> Packing:
    """How a blob is packed that begins with these four bytes: gzip (RFC 1952), zstd (RFC 8878), or not at all."""
    if start.startswith(_GZIP):
        return _gzip()
    if start == _ZSTD or (start[1:] == _SKIPPED and start[0] >> 4 == 5):  # noqa: PLR2004 - 0x184D2A50 to 5F
        return _zstd()
    return Packing(_Stored)


def is_too_large(error: Exception) -> bool:
    """A zstd frame asks for a window beyond the largest; its error says so in words alone."""
    return _TOO_LARGE in str(error)


def _gzip() -> Packing:
    from isal import igzip_lib  # noqa: PLC0415 - 3 ms that only a reader pays

    new = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP)
    return Packing(new, igzip_lib.IsalError)  # type: ignore[arg-type] # its stub takes the class for an instance


def _zstd() -> Packing:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - as above
    else:
        from backports import zstd  # noqa: PLC0415 - as above
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: LARGEST_WINDOW}
    return Packing(partial(zstd.ZstdDecompressor, options=options), zstd.ZstdError)


class _Stored:
    """What is not packed, read as if it were; views, so that nothing is copied twice."""

    eof = False
    unused_data = b""

    def __init__(self) -> None:
        self._waiting = memoryview(b"")

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    def decompress(self, data: bytes, max_length: int) -> memoryview:
        whole = memoryview(data) if data else self._waiting
        self._waiting = whole[max_length:]
        return whole[:max_length]
