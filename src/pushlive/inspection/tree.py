"""Lend the site's tree to its own code, and have it back as it was: the image is made from it next."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field

from pushlive.system.files import remove_tree
from pushlive.system.process import Account

_ASIDE = ".pushlive-aside"
_LEFT_OUT = {"node_modules", ".git"}
"""Large, and nothing that a site's settings write to."""

Mark = tuple[int, int, int]


class Lent(Struct):
    """What became of the tree, once it is back. `changed` are files of the repository that are no longer the same."""

    changed: list[str] = field(default_factory=list)


@contextmanager
def lent(tree: Path, account: Account | None, kept: Mapping[str, Path] | None = None) -> Iterator[Lent]:
    """Let `account` make files in the tree; afterwards, remove every one that was not there before.

    Meanwhile the files and folders that are `kept` across releases are in their places in it, where they exist.

    The same revision must give the same image, whatever a site writes while it is imported: a log, a database.
    """
    before = _marks(tree)
    folders = [Path(name) for name, mark in before.items() if mark is None]
    _give(folders, account.uid, account.gid) if account else None
    result = Lent()
    try:
        with _in_place(tree, kept or {}):
            yield result
    finally:
        _give(folders, os.getuid(), os.getgid()) if account else None
        result.changed += _restore(tree, before)


@contextmanager
def _in_place(tree: Path, kept: Mapping[str, Path]) -> Iterator[None]:
    aside = {tree / name: tree / f"{name}{_ASIDE}" for name in kept if kept[name].exists()}
    for path, other in aside.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(other)
        path.symlink_to(kept[str(path.relative_to(tree))])
    try:
        yield
    finally:
        for path, other in aside.items():
            if other.exists():
                remove_tree(path)
                other.rename(path)


def _restore(tree: Path, before: dict[str, Mark | None]) -> list[str]:
    after = _marks(tree)
    for name in sorted(after.keys() - before.keys()):
        remove_tree(Path(name))
    changed = sorted(name for name, mark in before.items() if after.get(name, ()) != mark)
    return [os.path.relpath(name, tree) for name in changed]


def _marks(tree: Path) -> dict[str, Mark | None]:
    """Each path's inode, size and time of change; None for a folder."""
    found: dict[str, Mark | None] = {str(tree): None}
    waiting = [str(tree)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    found[entry.path] = _mark(entry)
                elif entry.name not in _LEFT_OUT:
                    found[entry.path] = None
                    waiting.append(entry.path)
    return found


def _mark(entry: "os.DirEntry[str]") -> Mark:
    status = entry.stat(follow_symlinks=False)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _give(folders: list[Path], uid: int, gid: int) -> None:
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            os.chown(folder, uid, gid, follow_symlinks=False)
