"""The layers of installed packages: the site's own, and the server's. Made once for a lock, a Python and a platform."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from pushlive.config.site import PythonWish, RequirementsKind
from pushlive.image import failures, interpreter, layer, libraries, normalise, requirements, tar, uv
from pushlive.image.failures import NeedsPythonError
from pushlive.image.installer import Installer, NeedsBuildError, scratch_folder, whose
from pushlive.image.interpreter import Choice
from pushlive.image.layout import Layout
from pushlive.image.libraries import Need
from pushlive.image.lines import logical_lines
from pushlive.image.plan import Lock, Plan
from pushlive.image.survey import Interpreter
from pushlive.image.sweep import discard
from pushlive.model.events import Note, Report, silent
from pushlive.model.image import Digest, Layer
from pushlive.system import locks
from pushlive.system.files import explained, write_atomic
from pushlive.system.process import Account

BUILDER = "2"
"""Part of every key: raised when the same inputs are to give another layer."""

PACKAGES = "opt/pushlive/packages"
SERVER = "opt/pushlive/server"
"""Where the two layers' files are in the image, without the slash in front."""

SERVER_REQUIREMENTS = Path(__file__).with_name("server-requirements.txt")
"""A lock, so that the server layer has the same digest wherever and whenever it is made."""


class Dependencies(Struct, frozen=True):
    """Installed packages. `folder` holds what the layer has at its place in the image; `packages` are sorted.

    `reused` says that nothing was installed; `notes` what was left out of the requirements.
    """

    key: str
    folder: Path
    layer: Layer
    packages: tuple[tuple[str, str], ...]
    reused: bool = False
    notes: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """Where layers are made: the machine's `cache`, the site's image `layout`, the `account` that builds sources."""

    cache: Path
    layout: Layout
    account: Account | None = None


def provide(wish: PythonWish, lock: Lock, place: Place, report: Report = silent) -> tuple[Choice, Dependencies]:
    """Choose a Python and install the lock for it; without a wish, what the packages need is the wish.

    Raises as `interpreter.choose` and `install` do.
    """
    choice = interpreter.choose(wish, cache=place.cache, account=place.account, report=report)
    try:
        return choice, install(lock, choice.interpreter, place, report)
    except NeedsPythonError as error:
        if wish.specifier:
            raise
        report(Note(f"{error.package} needs Python {error.specifier}"))
        wish = PythonWish(error.specifier, error.package)
    choice = interpreter.choose(wish, cache=place.cache, account=place.account, report=report)
    return choice, install(lock, choice.interpreter, place, report)


def install(lock: Lock, python: Interpreter, place: Place, report: Report = silent) -> Dependencies:
    """Install a site's packages, unless they are: a change of code alone runs nothing.

    No package's code runs as us: wheels are unpacked, and a source is built as `place.account`, when there is one,
    with nothing in its environment. What was built is for that account alone: its code could write there. Raises
    BuildError (NeedsPythonError among them) and MachineError.
    """
    wanted = _Wanted(lambda: _plan(lock, python, place), PACKAGES, f"dependencies ({lock.kind})", lock.tree)
    return _provided(_Maker(_key(b"site", requirements.key_material(lock), python), python, place, report), wanted)


def install_server(runtime: Path, python: Interpreter, place: Place, report: Report = silent) -> Dependencies:
    """The server layer: gunicorn, whitenoise, and `runtime` (the folder of pushlive_runtime) with its run.py on top.

    Raises BuildError and MachineError.
    """
    text = SERVER_REQUIREMENTS.read_text()
    material = json.dumps([text, _content(runtime)]).encode()
    plan = Plan(tuple(logical_lines(text)), complete=True)
    wanted = _Wanted(lambda: plan, SERVER, "server", also=partial(_add_runtime, runtime))
    return _provided(_Maker(_key(b"server", material, python), python, place, report), wanted)


def needs(made: Dependencies) -> tuple[Need, ...]:
    """The shared libraries that installed packages want of the system; looked up once for each installation."""
    file = made.folder.with_name("libraries.json")
    try:
        return msgspec.json.decode(file.read_bytes(), type=tuple[Need, ...])
    except (FileNotFoundError, msgspec.DecodeError):
        found = libraries.needs(made.folder)
        write_atomic(file, msgspec.json.encode(found))
        return found


def _key(what: bytes, material: bytes, python: Interpreter) -> str:
    parts = (BUILDER.encode(), what, python.minor.encode(), python.platform.encode(), material)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _add_runtime(runtime: Path, folder: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__", "run.py")
    shutil.copytree(runtime, folder / runtime.name, ignore=skipped)
    shutil.copyfile(runtime / "run.py", folder / "run.py")


def _plan(lock: Lock, python: Interpreter, place: Place) -> Plan:
    if lock.kind is RequirementsKind.UV_LOCK:
        return _export(lock, python, place)
    return requirements.plan_of(lock, markers(python))


def markers(python: Interpreter) -> dict[str, str]:
    """The environment of PEP 508 markers for a Python."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python.version,
        "os_name": "posix",
        "platform_machine": python.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python.version,
        "python_version": python.minor,
        "sys_platform": "linux",
    }


def _export(lock: Lock, python: Interpreter, place: Place) -> Plan:
    """What `uv export` makes of uv.lock, from a copy of the lock and the files it was made from."""
    with scratch_folder(place.cache / "work") as scratch:
        for name in lock.files:
            shutil.copyfile(lock.tree / name, scratch / Path(name).name)
        groups = [part for group in lock.groups for part in ("--group", group)]
        argv = ("export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate", *groups)
        env = uv.environment(home=Path.home(), cache_folder=place.cache / "uv", secrets=True)
        completed = uv.run((*argv, "--python", python.path), env=env, cwd=scratch)
    if not completed.ok:
        raise failures.explain(completed.errors, python.version)
    return requirements.exported(completed.output, lock)


class _Wanted(Struct, frozen=True):
    """What is to be made: `plan`, asked for when nothing is there yet, at the place `at` of an image.

    `tree` is what local paths of the plan are in; `also` adds to what was installed.
    """

    plan: Callable[[], Plan]
    at: str
    title: str
    tree: Path = Path("/")
    also: Callable[[Path], None] = lambda _folder: None


def _provided(maker: "_Maker", wanted: _Wanted) -> Dependencies:
    """From wheels, for every site of the machine; what has to be built, for the site's account."""
    try:
        return maker.dependencies(wanted)
    except NeedsBuildError:
        own = replace(maker, key=f"{maker.key}-{whose(maker.place.account)}", builds=True)
        return own.dependencies(wanted)


class _Maker(Struct, frozen=True):
    """Makes one installation below `cache/dependencies/KEY`, or finds it there; from sources too with `builds`."""

    key: str
    python: Interpreter
    place: Place
    report: Report
    builds: bool = False

    def dependencies(self, wanted: _Wanted) -> Dependencies:
        known = self._recall()
        if known:
            return known
        with explained(self._folder), locks.held(self._folder.with_suffix(".lock")):
            return self._recall() or self._make(wanted)

    @property
    def _folder(self) -> Path:
        return self.place.cache / "dependencies" / self.key

    @property
    def _store(self) -> Layout:
        return Layout(self.place.cache / "layers")

    def _recall(self) -> Dependencies | None:
        record = self._folder / "record.json"
        try:
            known = json.loads(record.read_bytes())
            os.utime(record)
        except (FileNotFoundError, ValueError):
            return None
        if "needs" in known:
            raise NeedsPythonError(**known["needs"])
        if "builds" in known:
            raise NeedsBuildError
        found = _layer(known["layer"])
        if not (self._folder / "files").is_dir() or not self._is_stored(found.digest):
            return None
        self._share(found)
        installed = tuple((name, version) for name, version in known["packages"])
        return Dependencies(self.key, self._folder / "files", found, installed, True, tuple(known["notes"]))

    def _make(self, wanted: _Wanted) -> Dependencies:
        with scratch_folder(self.place.cache / "work") as scratch:
            files = scratch / "files"
            notes = self._install(wanted, files, scratch)
            wanted.also(files)
            normalise.normalise(files, f"/{wanted.at}", self.python, self.place.cache / "bytecode")
            made = layer.write(_members(files, wanted.at), self._store, title=wanted.title)
            installed = normalise.packages(files)
            discard(self._folder)
            self._folder.mkdir(parents=True)
            files.rename(self._folder / "files")
            self._remember({"layer": _layer_json(made), "packages": installed, "notes": notes})
        self._share(made)
        return Dependencies(self.key, self._folder / "files", made, installed, False, notes)

    def _install(self, wanted: _Wanted, files: Path, scratch: Path) -> tuple[str, ...]:
        """What the user should know of it. What it came to grief for is remembered, if that stays so."""
        plan, place = wanted.plan(), self.place
        installer = Installer(self.python, place.cache, wanted.tree, self.report, place.account, self.builds)
        try:
            installer.install(plan, files, scratch)
        except NeedsPythonError as error:
            needs = {"package": error.package, "specifier": error.specifier, "version": self.python.version}
            self._remember({"needs": needs})
            raise
        except NeedsBuildError:
            self._remember({"builds": True})
            raise
        return (*plan.notes, *installer.notes)

    def _is_stored(self, digest: Digest) -> bool:
        return self._store.has(digest) or self.place.layout.has(digest)

    def _share(self, made: Layer) -> None:
        self.place.layout.adopt(self._store.blob(made.digest), made.digest)

    def _remember(self, record: dict[str, object]) -> None:
        write_atomic(self._folder / "record.json", json.dumps(record).encode())


def _members(files: Path, at: str) -> Sequence[tar.Entry]:
    return (*tar.entries(files, at), tar.Folder(at))


def _layer_json(made: Layer) -> dict[str, object]:
    return asdict(made) | {"digest": str(made.digest), "diff_id": str(made.diff_id)}


def _layer(known: dict[str, object]) -> Layer:
    return Layer(
        digest=Digest.parse(str(known["digest"])),
        size=int(str(known["size"])),
        diff_id=Digest.parse(str(known["diff_id"])),
        title=str(known["title"]),
        media_type=str(known["media_type"]),
    )
