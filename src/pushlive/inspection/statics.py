"""Collected static files, kept between inspections under the fingerprint of what they were made from."""

import os
from pathlib import Path

from pushlive.inspection.values import Collected
from pushlive.model.errors import BuildError
from pushlive.system.files import explained, remove_tree

_KEPT = 3


def known(store: Path) -> tuple[str, ...]:
    """The fingerprints that need not be collected again."""
    return tuple(sorted(path.name for path in store.iterdir())) if store.is_dir() else ()


def keep(collected: Path, store: Path, what: Collected) -> None:
    """Move what was collected into the store. Raises BuildError for anything in it that is no plain file."""
    kept = store / what.fingerprint
    if not what.unchanged:
        _refuse_links(collected)
        with explained(store):
            store.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_tree(kept)
            collected.rename(kept)
    os.utime(kept)
    _forget(store)


def count(folder: Path) -> int:
    """How many files there are."""
    return sum(len(files) for _, _, files in os.walk(folder))


def _refuse_links(folder: Path) -> None:
    """The site's code made this folder, and what runs as another user reads it next."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BuildError(
                    "collectstatic made something that is neither a file nor a folder",
                    where=str(path.relative_to(folder)),
                    remedy="Collect copies, not links.",
                )


def _forget(store: Path) -> None:
    for old in sorted(store.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        remove_tree(old)
