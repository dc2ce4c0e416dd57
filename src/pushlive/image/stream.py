"""The plain bytes of a layer's blob, read as a stream, and checked against both of its digests."""

import hashlib
import io
from functools import partial
from typing import IO, Any

from pushlive.model.errors import BuildError
from pushlive.model.image import Layer

_CHUNK = 1024 * 1024
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Verified(io.RawIOBase):
    """The plain bytes of a layer, read as a file; `finish` says whether they are what the digests promise.

    What the blob begins with decides how it is read, gzip or nothing: media types are others' word. Raises BuildError
    for zstd.
    """

    def __init__(self, file: IO[bytes], layer: Layer) -> None:
        self._file, self._layer = file, layer
        self._new = _opener(file, layer)
        self._packer = self._new()
        self._packed, self._plain = hashlib.sha256(), hashlib.sha256()
        self._ended = False

    def read(self, size: int = _CHUNK, /) -> bytes:
        """At most `size` bytes, none at the end; who wants more asks again."""
        while not self._ended:
            packed = self._input()  # which may change the packer: a gzip file may have several parts
            if data := self._packer.decompress(packed, size):
                self._plain.update(data)
                return bytes(data)
        return b""

    def finish(self) -> None:
        """Read to the end. Raises ValueError unless both digests are right."""
        while self.read():
            pass
        digests = (self._packed.hexdigest(), self._plain.hexdigest())
        if digests != (self._layer.digest.hex, self._layer.diff_id.hex):
            raise ValueError("digest mismatch")

    def _input(self) -> Any:
        waiting = self._packer.unconsumed_tail
        if waiting or not self._packer.eof:
            return waiting or self._more()
        rest = self._packer.unused_data or self._more()
        if rest:
            self._packer = self._new()
        return rest

    def _more(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        self._packed.update(chunk)
        self._ended = not chunk
        return chunk


class _Stored:
    """What is not compressed, read as if it were; views, so that nothing is copied twice."""

    eof = False
    unused_data = b""

    def __init__(self) -> None:
        self.unconsumed_tail = memoryview(b"")

    def decompress(self, data: bytes | memoryview, size: int) -> memoryview:
        whole = memoryview(data)
        self.unconsumed_tail = whole[size:]
        return whole[:size]


def _opener(file: IO[bytes], layer: Layer) -> Any:
    start = file.read(4)
    file.seek(0)
    if start == _ZSTD:
        raise BuildError(
            f"the layer {layer.digest} is compressed with zstd, which cannot be read here",
            where=layer.title,
            remedy="Name a base image whose layers are gzip: [build] base.",
        )
    if not start.startswith(_GZIP):
        return _Stored
    from isal import isal_zlib  # noqa: PLC0415 - 3 ms that only a reader pays

    return partial(isal_zlib.decompressobj, wbits=31)
