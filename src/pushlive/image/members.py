"""Read a layer's members as a stream: nothing is written, and nothing of a hostile layer is kept but its entries.

The headers are read by tarfile, the walk from one to the next is ours: tarfile's own keeps an extended header of any
length in memory, and calls itself anew for each of those that follow one another.
"""

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from pushlive.image.contents import Entry, Kind
from pushlive.image.layout import Layout, damaged
from pushlive.image.stream import Verified
from pushlive.image.unpack import Limits
from pushlive.model.errors import BuildError
from pushlive.model.image import Layer

_CHUNK = 256 * 1024
_LONGEST_HEADER = 1024 * 1024
_LONGEST_PATH = 4096
_KINDS = {
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.HARD,
    tarfile.CHRTYPE: Kind.DEVICE,
    tarfile.BLKTYPE: Kind.DEVICE,
    tarfile.FIFOTYPE: Kind.PIPE,
}
_DEFAULT = Limits()

Pieces = Iterator[memoryview]
"""A content, piece by piece. What is not taken before the next member is asked for is passed over."""

Note = Callable[[Entry, Pieces], Entry]
"""May read a member's content; returns the entry to keep for it."""


class Read(Struct, frozen=True):
    """A layer that was read: its entries in their order, and its tar's size in bytes."""

    entries: tuple[Entry, ...]
    size: int


def read(layout: Layout, layer: Layer, note: Note | None = None, *, limits: Limits = _DEFAULT) -> Read:
    """Read a layer whole.

    Raises StateError when the blob is not what its digest says or is no tar, and BuildError for a layer that goes
    beyond the limits or cannot be read here.
    """
    with _opened(layout, layer, limits) as source:
        found = tuple(note(entry, source.pieces(entry.size)) if note else entry for entry in _members(source))
        return Read(found, source.finish())


def content(layout: Layout, layer: Layer, entry: Entry) -> Pieces:
    """The content of a file of a layer that was read before. Raises as `read` does."""
    with _opened(layout, layer, _DEFAULT) as source:
        source.skip_to(entry.at)
        yield from source.pieces(entry.size)


@contextmanager
def _opened(layout: Layout, layer: Layer, limits: Limits) -> Iterator["_Source"]:
    blob = layout.require(layer.digest)
    try:
        with blob.open("rb") as file:
            yield _Source(Verified(file, layer), layer, limits)
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise damaged(blob) from error


class _Source:
    """The plain bytes of a layer; `position` is how many have been taken."""

    def __init__(self, stream: Verified, layer: Layer, limits: Limits) -> None:
        self._stream, self.layer, self.limits = stream, layer, limits
        self.position = 0
        self._waiting = memoryview(b"")
        self._read = 0

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes, or fewer at the end."""
        return b"".join(self.pieces(size, whole=False))

    def pieces(self, size: int, *, whole: bool = True) -> Pieces:
        """`size` bytes as they come. Raises ValueError when the layer ends before and all are wanted."""
        while size:
            piece = (self._waiting or self._more())[:size]
            if not piece:
                break
            self._waiting = self._waiting[len(piece) :]
            self.position += len(piece)
            size -= len(piece)
            yield piece
        if size and whole:
            raise ValueError("the layer ends in the middle of a file")

    def skip_to(self, position: int) -> None:
        """Pass over what is before `position`."""
        for _ in self.pieces(position - self.position):
            pass

    def finish(self) -> int:
        """Read what is left; returns how many bytes there were. Raises ValueError unless both digests are right."""
        while self._more():
            pass
        self._stream.finish()
        return self._read

    def refuse(self, why: str) -> BuildError:
        """The error for a layer that has no place in an image."""
        return BuildError(f"the layer {self.layer.digest} is refused: {why}", where=self.layer.title)

    def _more(self) -> memoryview:
        self._waiting = memoryview(self._stream.read(_CHUNK))
        self._read += len(self._waiting)
        bound = max(self.limits.small, self.limits.ratio * self.layer.size)
        if self._read > min(bound, self.limits.size):
            raise self.refuse("it would unpack to more than a site can be")
        return self._waiting


def _members(source: _Source) -> Iterator[Entry]:
    for count, (header, said) in enumerate(_headers(source), 1):
        if count > source.limits.members:
            raise source.refuse(f"it has more than {source.limits.members:,} members")
        entry = _entry(source, header, said)
        yield entry
        source.skip_to(entry.at + -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)


def _headers(source: _Source) -> Iterator[tuple[tarfile.TarInfo, dict[str, str]]]:
    """Each member's header, with what extended headers before it say of it (pax(1); GNU's @LongLink)."""
    said: dict[str, str] = {}
    while (header := _header(source)) is not None:
        match header.type:
            case tarfile.XHDTYPE | tarfile.SOLARIS_XHDTYPE:
                said |= _records(_extended(source, header))
            case tarfile.GNUTYPE_LONGNAME:
                said["path"] = _text(_extended(source, header).partition(b"\0")[0])
            case tarfile.GNUTYPE_LONGLINK:
                said["linkpath"] = _text(_extended(source, header).partition(b"\0")[0])
            case tarfile.XGLTYPE:
                _extended(source, header)
            case _:
                yield header, said
                said = {}


def _header(source: _Source) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(source.take(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
        return None


def _extended(source: _Source, header: tarfile.TarInfo) -> bytes:
    if not 0 <= header.size <= _LONGEST_HEADER:
        raise source.refuse(f"it has an extended header of {header.size:,} bytes")
    begin = source.position
    text = b"".join(source.pieces(header.size))
    source.skip_to(begin + -(-header.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
    return text


def _records(text: bytes) -> dict[str, str]:
    """The records `LENGTH KEY=VALUE` of an extended header. Raises ValueError for what is none."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text) and text[place]:
        blank = text.index(b" ", place, place + 20)
        end = place + int(text[place:blank])
        key, _, value = text[blank + 1 : end - 1].partition(b"=")
        if end <= blank:
            raise ValueError("a record of no length")
        found[key.decode(errors="replace")] = _text(value)
        place = end
    return found


def _entry(source: _Source, header: tarfile.TarInfo, said: dict[str, str]) -> Entry:
    kind = _KINDS.get(header.type, Kind.FILE)
    size = int(said.get("size", header.size)) if kind is Kind.FILE else 0
    path, target = _clean(said.get("path", header.name)), said.get("linkpath", header.linkname)
    if header.type == tarfile.GNUTYPE_SPARSE or size < 0:
        raise source.refuse(f"{path!r} has holes in it, or no size")
    if max(len(path), len(target)) > _LONGEST_PATH:
        raise source.refuse(f"it has a path of more than {_LONGEST_PATH:,} characters")
    return Entry(
        path=path,
        kind=kind,
        mode=header.mode & 0o7777,
        uid=int(said.get("uid", header.uid)),
        gid=int(said.get("gid", header.gid)),
        size=size,
        mtime=int(float(said.get("mtime", header.mtime))),
        target=_clean(target) if kind is Kind.HARD else target,
        layer=source.layer.digest,
        at=source.position,
    )


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")


def _clean(path: str) -> str:
    """A path as below the root, whatever it begins with."""
    return posixpath.normpath(f"/{path}").lstrip("/")
