"""The plain bytes of a layer's blob, read as a stream, and checked against both of its digests."""

import hashlib
import io
from typing import IO

from pushlive.image.packing import LARGEST_WINDOW, is_too_large, packing
from pushlive.model.errors import BuildError
from pushlive.model.image import Layer

_CHUNK = 1024 * 1024


class Verified(io.RawIOBase):
    """The plain bytes of a layer, read as a file; `finish` says whether they are what the digests promise.

    What the blob begins with decides how it is read, as gzip, as zstd or as it is: media types are others' word.
    """

    def __init__(self, file: IO[bytes], layer: Layer) -> None:
        self._file, self._layer = file, layer
        self._packing = packing(file.read(4))
        file.seek(0)
        self._unpacker = self._packing.new()
        self._packed, self._plain = hashlib.sha256(), hashlib.sha256()
        self._drained = self._ended = False

    def read(self, size: int = _CHUNK, /) -> bytes:
        """At most `size` bytes, none at the end; who wants more asks again.

        Raises ValueError for a damaged blob, BuildError for one that takes too much memory to read.
        """
        while not self._ended:
            packed = self._input()  # which may change the unpacker: a blob may have several parts
            if data := self._unpacked(packed, size):
                self._plain.update(data)
                return bytes(data)
            self._ended = self._drained
        return b""

    def finish(self) -> None:
        """Read to the end. Raises ValueError unless both digests are right."""
        while self.read():
            pass
        digests = (self._packed.hexdigest(), self._plain.hexdigest())
        if digests != (self._layer.digest.hex, self._layer.diff_id.hex):
            raise ValueError("digest mismatch")

    def _unpacked(self, packed: bytes, size: int) -> bytes | memoryview:
        try:
            return self._unpacker.decompress(packed, size)
        except self._packing.error as error:
            if not is_too_large(error):
                raise ValueError(str(error)) from error
            raise BuildError(
                f"the layer {self._layer.digest} is refused: reading it takes more than {2**LARGEST_WINDOW >> 20} MiB "
                "of memory, for a window of zstd",
                where=self._layer.title,
                remedy="Name a base image whose layers are packed without zstd's --long: [build] base.",
            ) from error

    def _input(self) -> bytes:
        """What the unpacker is to be given; nothing while it has some left, or at the end."""
        if not self._unpacker.eof:
            return self._more() if self._unpacker.needs_input else b""
        rest = self._unpacker.unused_data or self._more()
        self._unpacker = self._packing.new()
        return rest

    def _more(self) -> bytes:
        chunk = self._file.read(_CHUNK)
        self._packed.update(chunk)
        self._drained = not chunk
        return chunk
