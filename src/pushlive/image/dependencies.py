"""The layers of installed packages: the site's own, and the server's. Made once for a lock, a Python and a platform."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from pushlive.config.site import RequirementsKind
from pushlive.image import failures, interpreter, layer, normalise, requirements, tar, uv
from pushlive.image.failures import NeedsPythonError
from pushlive.image.harvest import harvest
from pushlive.image.interpreter import Choice, Wish
from pushlive.image.layout import Layout
from pushlive.image.lines import logical_lines
from pushlive.image.plan import Lock, Plan, vetted
from pushlive.image.survey import Interpreter
from pushlive.model.events import Note, Output, Report, silent
from pushlive.model.image import Digest, Layer
from pushlive.system import locks
from pushlive.system.files import explained, remove_tree, write_atomic
from pushlive.system.process import Account, Completed

BUILDER = "1"
"""Part of every key: raised when the same inputs are to give another layer."""

PACKAGES = "opt/pushlive/packages"
SERVER = "opt/pushlive/server"
"""Where the two layers' files are in the image, without the slash in front."""

SERVER_REQUIREMENTS = Path(__file__).with_name("server-requirements.txt")
"""A lock, so that the server layer has the same digest wherever and whenever it is made."""

_SETUPTOOLS = (
    "setuptools==80.9.0"
    " --hash=sha256:062d34222ad13e0cc312a4c02d73f059e86a4acbfbdea8f8f76b28c99f306922"
    " --hash=sha256:f36b47402ecde768dbfafc46e8e4207b4360c654f1f3bb84475f0a28628fb19c"
)


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


def provide(wish: Wish, lock: Lock, place: Place, report: Report = silent) -> tuple[Choice, Dependencies]:
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
        wish = Wish(error.specifier, error.package)
    choice = interpreter.choose(wish, cache=place.cache, account=place.account, report=report)
    return choice, install(lock, choice.interpreter, place, report)


def install(lock: Lock, python: Interpreter, place: Place, report: Report = silent) -> Dependencies:
    """Install a site's packages, unless they are: a change of code alone runs nothing.

    No package's code runs as us: wheels are unpacked, and a source is built as `place.account`, when there is one,
    with nothing in its environment. Raises BuildError (NeedsPythonError among them) and MachineError.
    """
    material = requirements.key_material(lock)
    return _Maker(_key(b"site", material, python), python, place, report).dependencies(
        lambda: _plan(lock, python, place), PACKAGES, title=f"dependencies ({lock.kind})", tree=lock.tree
    )


def install_server(runtime: Path, python: Interpreter, place: Place, report: Report = silent) -> Dependencies:
    """The server layer: gunicorn, whitenoise, and `runtime` (the folder of pushlive_runtime) with its run.py on top.

    Raises BuildError and MachineError.
    """
    text = SERVER_REQUIREMENTS.read_text()
    material = json.dumps([text, _content(runtime)]).encode()
    return _Maker(_key(b"server", material, python), python, place, report).dependencies(
        lambda: Plan(tuple(logical_lines(text)), complete=True),
        SERVER,
        title="server",
        also=partial(_add_runtime, runtime),
    )


def forget(cache: Path, *, unused_for: float, now: float) -> None:
    """Remove cached installations that nobody has asked for in `unused_for` seconds; `now` in seconds since 1970."""
    kept = cache / "dependencies"
    for record in kept.glob("*/record.json"):
        if now - record.stat().st_mtime > unused_for:
            known = json.loads(record.read_bytes())
            if "layer" in known:
                Layout(cache / "layers").blob(Digest(known["layer"]["digest"])).unlink(missing_ok=True)
            remove_tree(record.parent)


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
    if (runtime / "run.py").exists():
        shutil.copyfile(runtime / "run.py", folder / "run.py")


def _plan(lock: Lock, python: Interpreter, place: Place) -> Plan:
    if lock.kind is RequirementsKind.UV_LOCK:
        return _export(lock, python, place)
    return requirements.plan_of(lock, markers(python))


def markers(python: Interpreter) -> dict[str, str]:
    """The environment of PEP 508 markers for a Python on this machine."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python.version,
        "os_name": "posix",
        "platform_machine": os.uname().machine,
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
    with _scratch(place.cache / "work") as scratch:
        for name in lock.files:
            shutil.copyfile(lock.tree / name, scratch / Path(name).name)
        groups = [part for group in lock.groups for part in ("--group", group)]
        argv = ("export", "--frozen", "--no-dev", "--no-emit-local", "--no-header", "--no-annotate", *groups)
        env = uv.environment(home=Path.home(), cache_folder=place.cache / "uv", secrets=True)
        completed = uv.run((*argv, "--python", python.path), env=env, cwd=scratch)
    if not completed.ok:
        raise failures.explain(completed.errors, python.version)
    return requirements.exported(completed.output)


@contextmanager
def _scratch(parent: Path, account: Account | None = None) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        if account:
            os.chown(folder, account.uid, account.gid)
        yield folder
    finally:
        remove_tree(folder)


class _Maker(Struct, frozen=True):
    """Makes one installation below `cache/dependencies/KEY`, or finds it there."""

    key: str
    python: Interpreter
    place: Place
    report: Report
    notes: list[str] = field(default_factory=list)

    def dependencies(
        self,
        plan: Callable[[], Plan],
        at: str,
        *,
        title: str,
        tree: Path | None = None,
        also: Callable[[Path], None] | None = None,
    ) -> Dependencies:
        known = self._recall()
        if known:
            return known
        with explained(self._folder), locks.held(self._folder.with_suffix(".lock")):
            return self._recall() or self._make(plan(), at, title, tree or Path("/"), also or _nothing)

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
        except (FileNotFoundError, ValueError):
            return None
        if "needs" in known:
            raise NeedsPythonError(**known["needs"])
        found = _layer(known["layer"])
        if not self._store.has(found.digest) and not self.place.layout.has(found.digest):
            return None
        os.utime(record)
        self._share(found)
        installed = tuple((name, version) for name, version in known["packages"])
        return Dependencies(self.key, self._folder / "files", found, installed, True, tuple(known["notes"]))

    def _make(self, plan: Plan, at: str, title: str, tree: Path, also: Callable[[Path], None]) -> Dependencies:
        with _scratch(self.place.cache / "work") as scratch:
            files = scratch / "files"
            try:
                self._install(plan, files, scratch, tree)
            except NeedsPythonError as error:
                self._remember_need(error)
                raise
            also(files)
            normalise.normalise(files, f"/{at}", self.python)
            made = layer.write(_members(files, at), self._store, title=title)
            scratch.chmod(0o755)
            installed = normalise.packages(files)
            notes = (*plan.notes, *self.notes)
            record = {"layer": _layer_json(made), "packages": installed, "notes": notes}
            remove_tree(self._folder)
            self._folder.mkdir(parents=True)
            files.rename(self._folder / "files")
            write_atomic(self._folder / "record.json", json.dumps(record).encode())
        self._share(made)
        return Dependencies(self.key, self._folder / "files", made, installed, False, notes)

    def _share(self, made: Layer) -> None:
        self.place.layout.adopt(self._store.blob(made.digest), made.digest)

    def _remember_need(self, error: NeedsPythonError) -> None:
        needs = {"package": error.package, "specifier": error.specifier, "version": self.python.version}
        write_atomic(self._folder / "record.json", json.dumps({"needs": needs}).encode())

    def _install(self, plan: Plan, files: Path, scratch: Path, tree: Path) -> None:
        if not plan.lines:
            files.mkdir()
            return
        self._wheels_or_builds(plan, files, scratch, tree)
        asker = normalise.wants_setuptools(files, self.python)
        if not asker:
            return
        if "setuptools" not in dict(normalise.packages(files)):
            self.notes.append(f"setuptools is installed too: {asker} imports it and nothing asks for it")
            self._uv(Plan((_SETUPTOOLS,), complete=True), files, scratch, tree, "--no-build")
        elif not plan.complete:
            self.notes.append(f"setuptools is kept below 81: {asker} imports pkg_resources, which later ones lack")
            remove_tree(files)
            older = replace(plan, constraints=(*plan.constraints, "setuptools<81"))
            self._wheels_or_builds(older, files, scratch, tree)

    def _wheels_or_builds(self, plan: Plan, files: Path, scratch: Path, tree: Path) -> None:
        files.mkdir()
        first = self._uv(plan, files, scratch, tree, "--no-build")
        if first.ok:
            return
        if not failures.wants_builds(first.errors):
            raise failures.explain(first.errors, self.python.version)
        self.report(Note("some packages have no wheel for this Python: building them from source"))
        remove_tree(files)
        self._build(plan, files, tree)

    def _build(self, plan: Plan, files: Path, tree: Path) -> None:
        whose = str(self.place.account.uid) if self.place.account else "own"
        with _scratch(self.place.cache / "builds" / whose, self.place.account) as scratch:
            target = scratch / "files"
            run = partial(self._uv, plan, target, scratch, tree, account=self.place.account)
            completed, tried = run(), ""
            while not completed.ok and (older := failures.old_setuptools(completed.errors)) not in {"", tried}:
                (scratch / "build.txt").write_text(older)
                completed, tried = run("--build-constraints", str(scratch / "build.txt")), older
            if not completed.ok:
                raise failures.explain(completed.errors, self.python.version)
            harvest(target, files)

    def _uv(
        self,
        plan: Plan,
        target: Path,
        scratch: Path,
        tree: Path,
        *more: str,
        account: Account | None = None,
    ) -> Completed:
        argv = ["pip", "install", "--target", str(target), "--python", str(self.python.path), "--link-mode", "copy"]
        argv += [*_files(plan, scratch, tree), *more]
        argv += ["--require-hashes"] if plan.hashed else []
        argv += ["--no-deps"] if plan.complete else []
        home = scratch if account else Path.home()
        downloads = scratch.parent / "uv" if account else self.place.cache / "uv"
        if account and not downloads.exists():
            downloads.mkdir()
            os.chown(downloads, account.uid, account.gid)
        env = uv.environment(home=home, cache_folder=downloads, secrets=account is None) | {"TMPDIR": str(scratch)}
        completed = uv.run(argv, env=env, cwd=scratch, account=account, on_line=_Progress(self.report))
        return replace(completed, errors=completed.errors.replace(f"{scratch}/", ""))


class _Progress:
    """Tells what uv does; what it says of a failure is for the diagnosis."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._failed = False

    def __call__(self, line: str) -> None:
        self._failed = self._failed or line.lstrip().startswith(("error:", "\u00d7"))
        if not self._failed and not line.startswith("Using CPython"):
            self._report(Output(line))


def _files(plan: Plan, scratch: Path, tree: Path) -> list[str]:
    vetted(plan)
    wanted = scratch / "requirements.txt"
    lines = (line.replace("{tree}", str(tree)) for line in (*plan.options, *plan.lines))
    wanted.write_text("\n".join((*lines, "")))
    limits = scratch / "constraints.txt"
    limits.write_text("\n".join((*plan.constraints, "")))
    return ["-r", str(wanted), *(["-c", str(limits)] if plan.constraints else [])]


def _members(files: Path, at: str) -> Sequence[tar.Entry]:
    return (*tar.entries(files, at), tar.Folder(at))


def _nothing(_folder: Path) -> None:
    return


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
