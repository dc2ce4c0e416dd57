"""Bring a release from its image to the folder it runs from: layers, interpreter, kept data, launch.json."""

import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from pushlive.model.errors import MachineError, SettingsError
from pushlive.model.home import SiteHome
from pushlive.model.image import Layer
from pushlive.model.release import Release
from pushlive.rollout.local import launch, places
from pushlive.rollout.local.files import acting_as, check_reach, lay_out
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.system import process
from pushlive.system.files import explained, remove_tree, sync_folder
from pushlive.system.process import Account

Unpack = Callable[[Layer, Path], object]
"""Unpacks a layer as a folder, whole or not at all; does nothing when the folder is there."""

_VERSIONED = re.compile(r"python(\d+\.\d+)")
_SHOW_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
_INNER = "opt/pushlive"


def prepare(home: SiteHome, release: Release, spec: LaunchSpec, unpack: Unpack, python: Path) -> None:
    """Make the release's folder, complete or not at all; does nothing when it is there.

    `python` is the interpreter the release was built for. Raises MachineError (disk full, no right, no such
    interpreter), SettingsError for a data path that leads out of the tree, and what `unpack` raises.
    """
    lay_out(home, spec.account)
    if places.launch_file(home, release.name).exists():
        return
    *shared, app = release.image.layers
    for layer in shared:
        unpack(layer, layer_folder(home, layer))
    fresh = home.releases / f".{release.name}.new"
    with explained(fresh):
        remove_tree(fresh)
        fresh.mkdir()
        unpack(app, fresh / "root")
        _complete(home, fresh, [layer_folder(home, layer) / _INNER for layer in shared], release)
        make_venv(fresh / "venv", home.releases / release.name / "venv", python, _packages(home, shared))
        if spec.account:
            check_reach(python.resolve(), "use a Python that stands in an open one")
        _write_launch(fresh, spec)
        _put_in_place(fresh, places.release_folder(home, release.name))


def layer_folder(home: SiteHome, layer: Layer) -> Path:
    """Where a layer that releases share is unpacked."""
    return home.layers / layer.diff_id.hex


def make_venv(folder: Path, final: Path, python: Path, packages: Path | None) -> None:
    """A virtual environment's skeleton: `python`, and the dependency layer as its site-packages.

    `final` is where it will stand when it is used.
    """
    if not os.access(python, os.X_OK):
        raise MachineError(
            f"the Python this release was built for is gone: {python}",
            where=str(python),
            remedy="Install it again, or deliver the revision anew for a Python that is here.",
        )
    real = python.resolve()
    version = _version(real)
    site = folder / f"lib/python{version}/site-packages"
    site.parent.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "pyvenv.cfg").write_text(
        f"home = {real.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    (folder / "bin/python").symlink_to(real)
    for name in ("python3", f"python{version}"):
        (folder / "bin" / name).symlink_to("python")
    if packages is None:
        site.mkdir()
        return
    site.symlink_to(packages)
    for script in sorted((packages / "bin").glob("*")):
        _offer(script, folder / "bin", final / "bin/python")


def data_places(paths: Sequence[str]) -> tuple[PurePosixPath, ...]:
    """The paths that are kept, without those that lie in another one. Raises SettingsError."""
    wanted = sorted({_inside(path) for path in paths})
    return tuple(path for path in wanted if not any(other in path.parents for other in wanted))


def collect(home: SiteHome, keep: Sequence[str]) -> tuple[str, ...]:
    """Remove the releases that are not in `keep`, and the layers and logs that no other release needs."""
    gone = [folder for folder in home.releases.glob("*") if folder.name not in keep]
    for folder in gone:
        # A release is there or it is not, also for someone who is killed here.
        aside = folder if folder.name.startswith(".") else folder.rename(folder.with_name(f".{folder.name}.gone"))
        remove_tree(aside)
    needed = {link.resolve().parents[2].name for link in home.releases.glob(f"*/root/{_INNER}/*")}
    for layer in home.layers.glob("*"):
        if layer.name not in needed:
            remove_tree(layer)
    names = tuple(folder.name for folder in gone if not folder.name.startswith("."))
    for name in names:
        for log in home.logs.glob(f"{name}-*.log*"):
            log.unlink(missing_ok=True)
    return names


def _complete(home: SiteHome, fresh: Path, inner: Sequence[Path], release: Release) -> None:
    """Put the shared layers and the kept data where the image has them, and close the tree for writing."""
    root = fresh / "root"
    root.chmod(0o755)
    (root / _INNER).mkdir(parents=True, exist_ok=True)
    for part in (part for folder in inner for part in sorted(folder.glob("*"))):
        (root / _INNER / part.name).symlink_to(part)
    (root / "app").mkdir(exist_ok=True)
    for path in data_places(release.data):
        is_folder = not path.suffix or any(given.endswith("/") and _inside(given) == path for given in release.data)
        _keep(root / "app", path, home.data, folder=is_folder, account=None if os.geteuid() else _owner(home.data))
    if os.geteuid() != 0:
        _close(root / "app")


def _keep(app: Path, path: PurePosixPath, data: Path, *, folder: bool, account: Account | None) -> None:
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


def _close(tree: Path) -> None:
    """Take everyone's right to write from a tree."""
    for folder, _, names in os.walk(tree, topdown=False):
        for path in (*(Path(folder) / name for name in names), Path(folder)):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def _inside(text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SettingsError(
            f"[data] paths: {text[:80]!r} is not a path inside the repository", where="pushlive.toml: data.paths"
        )
    return path


def _owner(path: Path) -> Account:
    found = path.stat()
    return Account(found.st_uid, found.st_gid)


def _packages(home: SiteHome, shared: Sequence[Layer]) -> Path | None:
    found = (layer_folder(home, layer) / launch.PACKAGES[1:] for layer in shared)
    return next((path for path in found if path.is_dir()), None)


def _offer(script: Path, folder: Path, python: Path) -> None:
    """Make a program of the dependency layer callable by its name, in the release's own interpreter."""
    target = folder / script.name
    if target.is_symlink() or not script.is_file():
        return
    with script.open("rb") as file:
        first = file.readline(256)
    if first.startswith(b"#!") and b"python" in first:
        target.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} {shlex.quote(str(script))} "$@"\n')
        target.chmod(0o755)
    else:
        target.symlink_to(script)


def _version(python: Path) -> str:
    """The interpreter's version as in `3.12`: from its name, or else from itself."""
    if named := _VERSIONED.fullmatch(python.name):
        return named[1]
    shown = process.run([python, "-I", "-S", "-c", _SHOW_VERSION], env={}, timeout=30)
    if not shown.ok:
        raise MachineError(f"{python} does not run", where=str(python), evidence=shown.errors.splitlines()[-3:])
    return shown.output.strip()


def _write_launch(fresh: Path, spec: LaunchSpec) -> None:
    file = fresh / "launch.json"
    file.touch(mode=0o600)
    file.write_bytes(launch.to_json(spec))


def _put_in_place(fresh: Path, folder: Path) -> None:
    remove_tree(folder)
    fresh.rename(folder)
    sync_folder(folder.parent)
