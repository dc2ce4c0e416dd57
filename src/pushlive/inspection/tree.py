"""Lend the site's tree to its own code, and have it back as it was: the image is made from it next."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field

from pushlive.inspection.records import inside
from pushlive.system.files import explained, hand_over, remove_tree, take_back
from pushlive.system.process import Account

_ASIDE = ".pushlive-aside"
_LEFT_OUT = {"node_modules", ".git"}
"""Large, and nothing that a site's settings write to."""

Mark = tuple[int, int, int]
_UNSEEN = (0, 0, 0)


class Lent(Struct):
    """What became of the tree, once it is back. `changed` are files of the repository that are no longer the same."""

    changed: list[str] = field(default_factory=list)


@contextmanager
def lent(tree: Path, account: Account | None, kept: Mapping[str, Path] | None = None) -> Iterator[Lent]:
    """Let `account` make files in the tree; afterwards, remove every one that was not there before.

    Meanwhile the files and folders that are `kept` across releases are in their places in it, where they exist.

    The same revision must give the same image, whatever a site writes while it is imported: a log, a database. The
    tree is ours before and after, folder by folder, since what its owner still runs could make any path lead elsewhere.
    Raises StateError where it cannot be made so.
    """
    if account:
        with explained(tree):
            take_back(tree)
    before = _marks(tree)
    result = Lent()
    try:
        with (
            _in_place(tree, kept or {}),
            _given(tree, account, {name for name, mark in before.items() if mark is None}),
        ):
            yield result
    finally:
        result.changed += _restore(tree, before)


@contextmanager
def _given(tree: Path, account: Account | None, folders: Collection[str]) -> Iterator[None]:
    hand_over(tree, account, folders=folders)
    try:
        yield
    finally:
        if account:
            take_back(tree, folders=folders)


@contextmanager
def _in_place(tree: Path, kept: Mapping[str, Path]) -> Iterator[None]:
    places = {tree / name: place for name, place in kept.items() if inside(name) == name and place.exists()}
    aside = {path: path.with_name(f"{path.name}{_ASIDE}") for path in places if not _is_behind_link(path, tree)}
    for path, other in aside.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            path.rename(other)
        path.symlink_to(places[path])
    try:
        yield
    finally:
        for path, other in aside.items():
            if not _is_behind_link(path, tree) and os.path.lexists(other):
                remove_tree(path)
                other.rename(path)


def _is_behind_link(path: Path, tree: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if parent.is_relative_to(tree) and parent != tree)


def _restore(tree: Path, before: Mapping[str, Mark | None]) -> list[str]:
    """Remove what is new, whole and unseen: it may be its maker's still."""
    after = _marks(tree, before)
    for name in sorted(after.keys() - before.keys()):
        remove_tree(Path(name))
    changed = sorted(name for name, mark in before.items() if after.get(name, ()) != mark)
    return [os.path.relpath(name, tree) for name in changed]


def _marks(tree: Path, known: Mapping[str, Mark | None] | None = None) -> dict[str, Mark | None]:
    """Each path's inode, size and time of change; None for a folder. Only folders that are `known` are looked into."""
    found: dict[str, Mark | None] = {str(tree): None}
    waiting = [str(tree)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                found[entry.path] = mark = _mark(entry)
                if mark is None and (known is None or known.get(entry.path, _UNSEEN) is None):
                    waiting.append(entry.path)
    return found


def _mark(entry: "os.DirEntry[str]") -> Mark | None:
    if entry.is_dir(follow_symlinks=False):
        return _UNSEEN if entry.name in _LEFT_OUT else None
    status = entry.stat(follow_symlinks=False)
    return status.st_ino, status.st_size, status.st_mtime_ns
