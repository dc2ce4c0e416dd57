"""Bring a release from its image to the folder it runs from: layers, interpreter, kept data, launch.json."""

import os
import re
import shlex
import stat
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from pushlive.model.errors import MachineError
from pushlive.model.home import SiteHome
from pushlive.model.image import PACKAGES, Layer
from pushlive.model.release import Release
from pushlive.rollout.local import data, launch, places
from pushlive.rollout.local.files import check_reach, lay_out
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
        _complete(home, fresh, [layer_folder(home, layer) / _INNER for layer in shared], release, spec.account)
        make_venv(fresh / "venv", home.releases / release.name / "venv", python, shared_part(home, shared, PACKAGES))
        if spec.account:
            check_reach(python.resolve(), "use a Python that stands in an open one")
        if spec.warm:
            _make_warm(Path(spec.warm), python, shared_part(home, shared, PACKAGES))
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


def _make_warm(folder: Path, python: Path, packages: Path | None) -> None:
    """The virtual environment of the fork server, unless an earlier release has the same."""
    if folder.is_dir():
        return
    fresh = folder.with_name(f".{folder.name}.new")
    remove_tree(fresh)
    fresh.mkdir(parents=True)
    make_venv(fresh, folder, python, packages)
    fresh.rename(folder)


def collect(home: SiteHome, keep: Collection[str | None]) -> None:
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
    shared = {launch.read(file).warm for file in home.releases.glob("*/launch.json")}
    for place in places.warm(home).glob("*"):
        if str(place) not in shared:
            remove_tree(place)
    for folder in gone:
        for log in home.logs.glob(f"{folder.name}-*.log*"):
            log.unlink(missing_ok=True)


def _complete(home: SiteHome, fresh: Path, inner: Sequence[Path], release: Release, account: Account | None) -> None:
    """Put the shared layers and the kept data where the image has them, and close the tree for writing."""
    root = fresh / "root"
    root.chmod(0o755)
    (root / _INNER).mkdir(parents=True, exist_ok=True)
    for part in (part for folder in inner for part in sorted(folder.glob("*"))):
        (root / _INNER / part.name).symlink_to(part)
    (root / "app").mkdir(exist_ok=True)
    data.keep(root / "app", home.data, release.data, account)
    if os.geteuid() != 0:
        _close(root / "app")


def _close(tree: Path) -> None:
    """Take everyone's right to write from a tree."""
    for folder, _, names in os.walk(tree, topdown=False):
        for path in (*(Path(folder) / name for name in names), Path(folder)):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def shared_part(home: SiteHome, shared: Sequence[Layer], name: str) -> Path | None:
    """Where what `name` is in the image (`/opt/pushlive/packages`) lies, in one of the unpacked layers; or None."""
    found = (layer_folder(home, layer) / name[1:] for layer in shared)
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
