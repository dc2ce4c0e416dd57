"""Tar archives that are the same bytes for the same content, wherever and by whomever they are made.

Members are sorted and unique, every parent folder has its own member, owners are 0 without names, modes are 0755
or 0644, and nothing else of the file system (links' counts, extended attributes, set-uid bits, holes) gets in.
"""

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from msgspec import Struct

from pushlive.model.errors import BuildError

_CHUNK = 1024 * 1024
_WHOLE = 8 * 1024 * 1024
"""Files up to this many bytes are read in one go, so that one that grows meanwhile cannot tear the archive."""

EPOCH = 315_532_800
"""1980-01-01, in seconds: the time of files that have none of their own. Zip files cannot say anything earlier."""


class Folder(Struct, frozen=True):
    """A folder; `name` is the path in the image, without a slash in front, as everywhere here."""

    name: str


class File(Struct, frozen=True):
    """A file copied from `source`, which must be a plain file when it is read."""

    name: str
    source: Path | str
    executable: bool = False


class Link(Struct, frozen=True):
    """A symbolic link; `target` is relative and stays inside the folder it was taken from."""

    name: str
    target: str


Entry = Folder | File | Link


class Sink(Protocol):
    """What takes the bytes of an archive."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


def entries(folder: Path, at: str) -> Iterator[Entry]:
    """Every file, folder and link below `folder`, named as below `at`. Raises BuildError for anything else."""
    waiting = [(str(folder), at)]
    while waiting:
        place, above = waiting.pop()
        with os.scandir(place) as found:
            for each in found:
                name = f"{above}/{each.name}" if above else each.name
                member = entry(each.path, name, at)
                yield member
                if isinstance(member, Folder):
                    waiting.append((each.path, name))


def entry(path: Path | str, name: str, root: str) -> Entry:
    """The member for what is at `path`. Raises BuildError for a link that leaves `root`, a device, a socket or a pipe.

    `root` is the folder of the image, as it stands in `name`, that a link may not leave.
    """
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return Link(name, _inside(name, str(Path(path).readlink()), root))
    if stat.S_ISDIR(mode):
        return Folder(name)
    if stat.S_ISREG(mode):
        return File(name, path, executable=bool(mode & stat.S_IXUSR))
    raise BuildError(
        f"{name} is neither a file, a folder nor a link",
        where=name,
        remedy="Remove it from the repository, or name it in .dockerignore.",
    )


def _inside(name: str, target: str, root: str) -> str:
    landed = os.path.normpath(f"{PurePosixPath(name).parent}/{target}")
    inside = landed == root or landed.startswith(f"{root}/") if root else landed.partition("/")[0] != ".."
    if target.startswith("/") or not inside:
        raise BuildError(
            f"the link {name} points outside of its folder, to {target}",
            where=name,
            remedy="Put the file itself into the repository, or name the link in .dockerignore.",
        )
    return target


def write(members: Iterable[Entry], sink: Sink, *, mtime: int = EPOCH) -> None:
    """Write an archive of `members` with their parents; `mtime` in seconds since 1970 is the time of every one.

    Raises BuildError when two members have one name, or a file cannot be read as it was found.
    """
    for member in ordered(members):
        _write_one(member, sink, mtime)
    sink.write(bytes(2 * tarfile.BLOCKSIZE))


def ordered(members: Iterable[Entry]) -> tuple[Entry, ...]:
    """The members by name, with a folder for each parent that has none. Raises BuildError for a name given twice."""
    named: dict[str, Entry] = {}
    for member in members:
        known = named.setdefault(member.name, member)
        if known is not member and not (isinstance(known, Folder) and isinstance(member, Folder)):
            raise BuildError(f"two files want the place {member.name} in the image", where=member.name)
    for parent in {parent for name in named for parent in _parents(name)}:
        if not isinstance(named.setdefault(parent, Folder(parent)), Folder):
            raise BuildError(f"{parent} is a file in one place and a folder in another", where=parent)
    return tuple(named[name] for name in sorted(named))


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _write_one(member: Entry, sink: Sink, mtime: int) -> None:
    match member:
        case Folder():
            sink.write(_header(member.name, mtime, kind=tarfile.DIRTYPE, executable=True))
        case Link():
            sink.write(_header(member.name, mtime, kind=tarfile.SYMTYPE, executable=True, target=member.target))
        case File():
            _copy(member, sink, mtime)


def _header(
    name: str,
    mtime: int,
    *,
    kind: bytes = tarfile.REGTYPE,
    size: int = 0,
    executable: bool = False,
    target: str = "",
) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mtime = kind, size, target, mtime
    info.mode = 0o755 if executable else 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _pad(sink: Sink, content: bytes) -> None:
    sink.write(content)
    sink.write(bytes(-len(content) % tarfile.BLOCKSIZE))


def _copy(member: File, sink: Sink, mtime: int) -> None:
    descriptor = os.open(member.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BuildError(f"{member.name} changed while the image was made", where=str(member.source))
        if status.st_size <= _WHOLE:
            content = file.read()
            sink.write(_header(member.name, mtime, size=len(content), executable=member.executable))
            _pad(sink, content)
            return
        sink.write(_header(member.name, mtime, size=status.st_size, executable=member.executable))
        left = status.st_size
        while left and (chunk := file.read(min(_CHUNK, left))):
            sink.write(chunk)
            left -= len(chunk)
        if left:
            raise BuildError(f"{member.name} shrank while the image was made", where=str(member.source))
        sink.write(bytes(-status.st_size % tarfile.BLOCKSIZE))
