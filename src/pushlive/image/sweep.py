"""Remove from the machine's cache what nobody asks for any more, and what was being made when its maker was killed."""

import json
from collections.abc import Iterator
from pathlib import Path

from pushlive.image.installer import builds, whose
from pushlive.system import locks
from pushlive.system.files import remove_tree
from pushlive.system.process import Account

ABANDONED = 86400.0
"""Seconds after which nobody works in a scratch folder any more; an installation is stopped after half an hour."""

_RECORD = "record.json"


def forget(cache: Path, *, unused_for: float, now: float) -> None:
    """Remove cached installations and bytecode that nobody has asked for in `unused_for` seconds; `now` since 1970.

    Their layers go with them after a day, and so does what killed deliveries left. Copied Pythons stay: a release
    that is kept may run on one.
    """
    kept = cache / "dependencies"
    for key in sorted({path.name.removesuffix(".lock") for path in _within(kept)}):
        _forget(kept / key, before=now - unused_for)
    used = {name for record in kept.glob(f"*/{_RECORD}") for name in _layers(record)}
    for path in _left(cache):
        if path.name not in used and _changed(path) < now - ABANDONED:
            remove_tree(path)
    for run in _within(cache / "bytecode"):
        if _changed(run) < now - unused_for:
            run.unlink(missing_ok=True)


def forget_account(cache: Path, account: Account) -> None:
    """Remove what was built as `account`: another site may get its number, and is not to run what this one made."""
    for folder in (cache / "dependencies").glob(f"*-{whose(account)}"):
        discard(folder)
    remove_tree(builds(cache, account))


def discard(folder: Path) -> None:
    """Remove an installation, its record first: a kill in between leaves none that says it is whole."""
    (folder / _RECORD).unlink(missing_ok=True)
    remove_tree(folder)


def _forget(folder: Path, *, before: float) -> None:
    """Remove the installation, or what is left of one, unless somebody makes it or has asked for it since."""
    lock = folder.with_suffix(".lock")
    with locks.held(lock, wait=False) as mine:
        if mine and max(_changed(folder / _RECORD), _changed(folder)) < before:
            discard(folder)
            lock.unlink()


def _left(cache: Path) -> Iterator[Path]:
    """Scratch folders, half a Python, and layers."""
    yield from _within(cache / "work")
    yield from (cache / "builds").glob("*/tmp*")
    yield from (cache / "pythons").glob(".new-*")
    yield from _within(cache / "layers" / "blobs" / "sha256")


def _layers(record: Path) -> Iterator[str]:
    layer = json.loads(record.read_bytes()).get("layer")
    if layer:
        yield str(layer["digest"]).partition(":")[2]


def _within(folder: Path) -> Iterator[Path]:
    yield from folder.iterdir() if folder.is_dir() else ()


def _changed(path: Path) -> float:
    """When it was, in seconds since 1970; 0 for what is not there."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
