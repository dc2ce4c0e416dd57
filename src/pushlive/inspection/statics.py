"""Collected static files, kept between inspections under the fingerprint of what they were made from."""

import os
import stat
from pathlib import Path

from pushlive.inspection.values import Collected
from pushlive.model.errors import BuildError
from pushlive.system.files import explained, remove_tree, take_back

_KEPT = 3
_FRESH = ".new"


def known(store: Path) -> tuple[str, ...]:
    """The fingerprints that need not be collected again."""
    return tuple(sorted(path.name for path in store.iterdir() if path.name != _FRESH)) if store.is_dir() else ()


def keep(collected: Path, store: Path, what: Collected) -> None:
    """Move what was collected into the store. Raises BuildError for anything in it that is no plain file.

    It is looked at only where its maker can no longer change it.
    """
    kept, fresh = store / what.fingerprint, store / _FRESH
    if not what.unchanged:
        with explained(store):
            store.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_tree(fresh)
            collected.rename(fresh)
            _refuse_links(fresh)
            remove_tree(kept)
            fresh.rename(kept)
    os.utime(kept)
    _forget(store)


def count(folder: Path) -> int:
    """How many files there are."""
    return sum(len(files) for _, _, files in os.walk(folder))


def _refuse_links(folder: Path) -> None:
    """The site's code made this folder, and what runs as another user reads it next."""
    if folder.is_symlink():
        raise _odd(".")
    take_back(folder)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if not _is_plain(path.lstat()):
                raise _odd(str(path.relative_to(folder)))


def _is_plain(status: os.stat_result) -> bool:
    """A second name of a file may be of one that only root can read."""
    return stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)


def _odd(where: str) -> BuildError:
    return BuildError(
        "collectstatic made something that is neither a file nor a folder",
        where=where,
        remedy="Collect copies, not links.",
    )


def _forget(store: Path) -> None:
    for old in sorted(store.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        remove_tree(old)
