"""Write a revision's files out: exactly the blobs, by our own hand.

git's own checkout would run filters, honour attributes and follow what the pusher arranged. Here a name is checked
before it is used, a link before it is made, and the sizes before anything is written.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from pushlive.model.errors import SourceError
from pushlive.model.source import Revision, Tree
from pushlive.source import git, paths
from pushlive.source.revisions import records
from pushlive.system import files

_CHUNK = 1024 * 1024
_LONGEST_TARGET = 4095
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_FILE, _PROGRAM, _LINK, _SUBMODULE = b"100644", b"100755", b"120000", b"160000"


class Limits(Struct, frozen=True):
    """How much a tree may hold: bytes in all its files together, and how many files."""

    bytes: int = 2 * 1024**3
    files: int = 100_000


class Checkout(Struct, frozen=True):
    """A tree, and what is not in it: `submodules` are left as empty folders, `pointers` stand for Git LFS files."""

    tree: Tree
    submodules: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()


class _Entry(Struct, frozen=True):
    mode: bytes
    sha: bytes
    size: int
    path: bytes


_DEFAULT = Limits()


def checkout(repository: Path, revision: Revision, into: Path, *, limits: Limits = _DEFAULT) -> Checkout:
    """Write the revision's files below `into`, which must not be there yet and appears whole or not at all.

    Files are 0644 or 0755, as committed. Raises SourceError for a tree past its limits, a bad name, or a link that
    leads out of the tree; MachineError on a full disk. A kill leaves at most a folder `.NAME.*` beside `into`.
    """
    entries = _entries(repository, revision, limits)
    if (path := paths.clash(entry.path for entry in entries)) is not None:
        raise _refused(path, "is in the tree twice, or is a file and a folder at once")
    with files.explained(into), _scratch(into) as root:
        pointers = _write(repository, entries, root)
    submodules = tuple(_shown(entry.path) for entry in entries if entry.mode == _SUBMODULE)
    return Checkout(Tree(revision, into), submodules, pointers)


def _entries(repository: Path, revision: Revision, limits: Limits) -> list[_Entry]:
    """List the tree, and stop at the first entry that may not be: a small repository can name endless files."""
    entries: list[_Entry] = []
    total = 0
    arguments = ("ls-tree", "-r", "-z", "-l", "--full-tree", git.full_sha(revision.sha))
    with git.reading(repository, *arguments) as listing:
        for entry in map(_entry, records(listing.output)):
            if found := paths.fault(entry.path):
                raise _refused(entry.path, found)
            entries.append(entry)
            total += entry.size
            _check_limits(len(entries), total, limits, entry)
        done = listing.end()
    if not done.ok:
        raise git.failed(done, f"listing the files of {revision.short}", repository)
    return entries


def _entry(record: bytes) -> _Entry:
    """`<mode> SP <type> SP <object> SP <size, padded> TAB <path>` (git-ls-tree(1)); a submodule has size `-`."""
    facts, _, path = record.partition(b"\t")
    mode, _, sha, size = facts.split()
    known = mode if mode in {_LINK, _SUBMODULE} else _PROGRAM if int(mode, 8) & 0o100 else _FILE
    return _Entry(known, sha, int(size) if size.isdigit() else 0, path)


def _check_limits(count: int, total: int, limits: Limits, entry: _Entry) -> None:
    if count > limits.files:
        raise SourceError(
            f"the tree has more than {limits.files:,} files",
            remedy="Keep what is made or installed (node_modules, virtual environments, media) out of git.",
        )
    if total > limits.bytes:
        raise SourceError(
            f"the tree's files take more than {limits.bytes:,} bytes",
            evidence=[f"{_shown(entry.path)}: {entry.size:,} bytes passes the limit"],
            remedy="Keep large files (media, archives, databases) out of git.",
        )
    if entry.mode == _LINK and entry.size > _LONGEST_TARGET:
        raise _refused(entry.path, f"is a symbolic link with a target of {entry.size:,} bytes")


@contextmanager
def _scratch(into: Path) -> Iterator[Path]:
    """A folder beside `into` that takes its name at the end, or goes."""
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name}."))
    try:
        yield scratch
        scratch.chmod(0o755)
        scratch.rename(into)
    except BaseException:
        files.remove_tree(scratch)
        raise


def _write(repository: Path, entries: Sequence[_Entry], root: Path) -> tuple[str, ...]:
    """Links are read and checked first, files written next, links made last: nothing is written through one."""
    links = [entry for entry in entries if entry.mode == _LINK]
    plain = [entry for entry in entries if entry.mode in {_FILE, _PROGRAM}]
    _make_folders(root, entries)
    wanted = b"".join(entry.sha + b"\n" for entry in (*links, *plain))
    with git.reading(repository, "cat-file", "--batch", "--buffer", stdin=wanted) as blobs:
        targets = {entry.path: _read(blobs.output, entry) for entry in links}
        _check_links(targets)
        pointers = tuple(_shown(entry.path) for entry in plain if _write_file(blobs.output, entry, root))
        done = blobs.end()
    if not done.ok:
        raise git.failed(done, "reading files from the repository", repository)
    for path, target in targets.items():
        _place(root, path).symlink_to(os.fsdecode(target))
    return pointers


def _make_folders(root: Path, entries: Iterable[_Entry]) -> None:
    wanted = {folder for entry in entries for folder in paths.parents(entry.path)}
    wanted.update(entry.path for entry in entries if entry.mode == _SUBMODULE)
    for folder in sorted(wanted):
        place = _place(root, folder)
        place.mkdir()
        place.chmod(0o755)


def _place(root: Path, path: bytes) -> Path:
    return root / os.fsdecode(path)


def _check_links(targets: dict[bytes, bytes]) -> None:
    for path, target in targets.items():
        if not target or b"\0" in target:
            raise _refused(path, "is a symbolic link without a usable target")
        if paths.leaves_tree(path, targets):
            raise SourceError(
                f"{_shown(path)} is a symbolic link to {_shown(target)}, which is outside of the repository",
                where=_shown(path),
                remedy="Commit the file itself, or link to a path inside the repository.",
            )


def _read(stream: IO[bytes], entry: _Entry) -> bytes:
    content = bytearray()
    _copy(stream, entry, content.extend)
    return bytes(content)


def _write_file(stream: IO[bytes], entry: _Entry, root: Path) -> bool:
    """Write one file; returns whether it is a Git LFS pointer."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    mode = 0o755 if entry.mode == _PROGRAM else 0o644
    descriptor = os.open(_place(root, entry.path), flags, mode)
    try:
        os.fchmod(descriptor, mode)
        beginning = _copy(stream, entry, lambda part: _write_all(descriptor, part))
    finally:
        os.close(descriptor)
    return beginning.startswith(_POINTER)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _copy(stream: IO[bytes], entry: _Entry, put: Callable[[bytes], object]) -> bytes:
    """Hand one blob of `cat-file --batch` to `put`; returns its beginning."""
    if stream.readline() != b"%s blob %d\n" % (entry.sha, entry.size):
        raise _refused(entry.path, "cannot be read from the repository")
    beginning = b""
    left = entry.size
    while left:
        part = stream.read(min(left, _CHUNK))
        if not part:
            raise _refused(entry.path, "cannot be read whole from the repository")
        put(part)
        beginning = beginning or part[: len(_POINTER)]
        left -= len(part)
    stream.read(1)
    return beginning


def _refused(path: bytes, why: str) -> SourceError:
    return SourceError(
        f"{_shown(path)} {why}",
        where=_shown(path),
        remedy="Rename or remove it in the repository, commit and push again.",
    )


def _shown(path: bytes) -> str:
    """A path as people may read it: no control characters, no byte that is not text, not without end."""
    text = path[:300].decode(errors="replace")
    return text if text.isprintable() else ascii(text)[1:-1]
