"""What a site keeps across releases: paths of its tree that lead to its `data` folder."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pushlive.model.errors import SettingsError
from pushlive.rollout.local.files import acting_as
from pushlive.system.files import remove_tree
from pushlive.system.process import Account


def keep(app: Path, data: Path, paths: Sequence[str], account: Account | None) -> None:
    """Have each of `paths` in the tree `app` lead to its place in `data`, filled from the tree the first time.

    A path is a folder when it ends in a slash (`media/`), and else a file that the site makes itself (`db.sqlite3`).
    Raises SettingsError for a path that leads out of the tree.
    """
    folders = {_inside(given) for given in paths if given.endswith("/")}
    for path in kept_places(paths):
        _keep_one(app, path, data, folder=path in folders, account=account)


def kept_places(paths: Sequence[str]) -> tuple[PurePosixPath, ...]:
    """The paths that are kept, without those that lie in another one. Raises SettingsError."""
    wanted = sorted({_inside(path) for path in paths})
    return tuple(path for path in wanted if not any(other in path.parents for other in wanted))


def _keep_one(app: Path, path: PurePosixPath, data: Path, *, folder: bool, account: Account | None) -> None:
    """Have `path` of the tree lead to its place in `data`, which is filled from the tree the first time."""
    inside, place = app / path, data / path
    _open_parents(app, inside)
    with acting_as(account):
        _seed(inside, place, folder=folder)
    remove_tree(inside)
    inside.symlink_to(place)


def _open_parents(app: Path, inside: Path) -> None:
    for parent in [app, *reversed([one for one in inside.parents if app in one.parents])]:
        if parent.is_symlink():
            raise SettingsError(
                f"[data] paths: {inside.relative_to(app)} lies behind a link",
                where="pushlive.toml: data.paths",
                remedy="Name the folder that the link leads to.",
            )
        parent.mkdir(exist_ok=True)
        parent.chmod(0o755)


def _seed(inside: Path, place: Path, *, folder: bool) -> None:
    if os.path.lexists(place):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.new")
    if inside.exists():
        remove_tree(fresh)
        _copy(inside, fresh)
        fresh.rename(place)
    elif folder:
        place.mkdir()


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder so that its owner may write all of it."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir()
        for child in source.iterdir():
            _copy(child, target / child.name)
    else:
        shutil.copyfile(source, target)


def _inside(text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SettingsError(
            f"[data] paths: {text[:80]!r} is not a path inside the repository", where="pushlive.toml: data.paths"
        )
    return path
