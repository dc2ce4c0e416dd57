"""Unpack a layer where processes run from it. Every member is judged here, before anything of it is written."""

import os
import posixpath
import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct, field

from pushlive.image.layout import Layout, damaged
from pushlive.image.stream import Verified
from pushlive.model.errors import BuildError
from pushlive.model.image import Layer
from pushlive.system.files import explained, remove_tree

_CHUNK = 1024 * 1024
_STREAM = 32 * 1024
"""How much tarfile takes at a time; it copies what is left of it at every read."""


class Limits(Struct, frozen=True):
    """What a layer may unpack to: members, bytes, and bytes for each compressed byte once it is large."""

    members: int = 250_000
    size: int = 8 * 1024**3
    ratio: int = 200
    small: int = 256 * 1024**2


class _Judge(Struct):
    """Says which members may be written. It allows nothing but folders, files and links that stay inside."""

    layer: Layer
    limits: Limits
    folders: set[str] = field(default_factory=lambda: {""})
    names: set[str] = field(default_factory=set)
    size: int = 0

    def allow(self, member: tarfile.TarInfo) -> None:
        """Raise BuildError unless `member` may be written."""
        name = member.name
        self.size += member.size
        if self._too_much():
            raise self._refusal("it would unpack to more than a site can be")
        if posixpath.normpath(name) != name or name.startswith(("/", "..")) or "\0" in name:
            raise self._refusal(f"{name!r} is not a path inside of it")
        if name in self.names:
            raise self._refusal(f"{name!r} is in it twice")
        if posixpath.dirname(name) not in self.folders:
            raise self._refusal(f"{name!r} is in a folder that it does not have")
        self.names.add(name)
        self._allow_kind(member)

    def _allow_kind(self, member: tarfile.TarInfo) -> None:
        if member.isdir():
            self.folders.add(member.name)
        elif member.issym():
            landed = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
            if member.linkname.startswith("/") or landed.split("/", 1)[0] == "..":
                raise self._refusal(f"the link {member.name!r} leaves it")
        elif not member.isreg() or member.issparse():
            raise self._refusal(f"{member.name!r} is neither a file, a folder nor a link")

    def _too_much(self) -> bool:
        ratio = self.size > self.limits.small and self.size > self.limits.ratio * self.layer.size
        return ratio or self.size > self.limits.size or len(self.names) >= self.limits.members

    def _refusal(self, why: str) -> BuildError:
        return BuildError(f"the layer {self.layer.digest} is refused: {why}", where=self.layer.title)


def unpack(layout: Layout, layer: Layer, into: Path, *, limits: Limits | None = None) -> Path:
    """Unpack `layer` as the folder `into`, whole or not at all; nothing is done when it is there. Returns `into`.

    All of it is read-only: files 0644 or 0755, folders 0755 when root owns them and 0555 otherwise. Raises
    StateError when the blob is not what its digest says, BuildError for a member that has no place in a layer, and
    MachineError when the disk is full.
    """
    if into.is_dir():
        return into
    with explained(into):
        into.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name[:16]}-"))
        try:
            _fill(fresh, layout, layer, limits or Limits())
            _rename(fresh, into)
        except BaseException:
            remove_tree(fresh)
            raise
    return into


def _rename(fresh: Path, into: Path) -> None:
    try:
        fresh.rename(into)
    except OSError:
        if not into.is_dir():
            raise
        remove_tree(fresh)


def _fill(fresh: Path, layout: Layout, layer: Layer, limits: Limits) -> None:
    judge = _Judge(layer, limits)
    blob = layout.require(layer.digest)
    folders: list[Path] = []
    try:
        with blob.open("rb") as file:
            stream = Verified(file, layer)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_STREAM) as archive:
                folders += [fresh / member.name for member in _written(archive, judge, fresh) if member.isdir()]
            stream.finish()
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise damaged(blob) from error
    mode = 0o755 if os.geteuid() == 0 else 0o555
    for folder in (*reversed(folders), fresh):
        folder.chmod(mode)


def _written(archive: tarfile.TarFile, judge: _Judge, fresh: Path) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        judge.allow(member)
        _write(archive, member, f"{fresh}/{member.name}")
        yield member


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    if member.isdir():
        os.mkdir(path, 0o700)  # noqa: PTH102 - a layer has thousands of members, and a Path costs more than the call
    elif member.issym():
        os.symlink(member.linkname, path)  # noqa: PTH211
    else:
        _write_file(archive, member, path)


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    source = archive.extractfile(member)
    assert source is not None
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.writelines(iter(partial(source.read, _CHUNK), b""))
        os.fchmod(descriptor, 0o755 if member.mode & 0o100 else 0o644)
        os.utime(descriptor, (member.mtime, member.mtime))
