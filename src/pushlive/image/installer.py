"""Have uv install a plan: wheels as us, for those are only unpacked; sources as the site's account."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from pushlive.image import failures, normalise, uv
from pushlive.image.elsewhere import no_wheel
from pushlive.image.harvest import harvest
from pushlive.image.plan import Plan, vetted
from pushlive.image.survey import Interpreter
from pushlive.model.events import Note, Output, Report
from pushlive.system.files import hand_over, remove_tree
from pushlive.system.process import Account, Completed

_SETUPTOOLS = (
    "setuptools==80.9.0"
    " --hash=sha256:062d34222ad13e0cc312a4c02d73f059e86a4acbfbdea8f8f76b28c99f306922"
    " --hash=sha256:f36b47402ecde768dbfafc46e8e4207b4360c654f1f3bb84475f0a28628fb19c"
)


class NeedsBuildError(Exception):
    """Some packages have no wheel. What is made of them is for the account alone that builds them."""


class Installer(Struct, frozen=True):
    """Installs for `python`, from sources too with `builds`. `notes` gathers what the user should know.

    `tree` is what local paths in a plan are in, `cache` the machine's.
    """

    python: Interpreter
    cache: Path
    tree: Path
    report: Report
    account: Account | None = None
    builds: bool = False
    notes: list[str] = field(default_factory=list)

    def install(self, plan: Plan, files: Path, scratch: Path) -> None:
        """Make the folder `files` of what the plan names. Raises NeedsBuildError, BuildError and MachineError."""
        if not plan.lines:
            files.mkdir()
            return
        self._fill(vetted(plan), files, scratch)
        asker = normalise.wants_setuptools(files, self.python)
        if not asker:
            return
        if "setuptools" not in dict(normalise.packages(files)):
            self.notes.append(f"setuptools is installed too: {asker} imports it and nothing asks for it")
            self._wheels(Plan((_SETUPTOOLS,), options=plan.options, complete=True), files, scratch)
        elif not plan.complete:
            self.notes.append(f"setuptools is kept below 81: {asker} imports pkg_resources, which later ones lack")
            remove_tree(files)
            older = replace(plan, constraints=(*plan.constraints, "setuptools<81"))
            self._fill(older, files, scratch)

    def _fill(self, plan: Plan, files: Path, scratch: Path) -> None:
        if self.builds:
            self._build(plan, files)
            return
        files.mkdir()
        self._wheels(plan, files, scratch)

    def _wheels(self, plan: Plan, files: Path, scratch: Path) -> None:
        done = self._uv(plan, files, scratch, self.tree, "--no-build")
        if done.ok:
            return
        if self.python.target and failures.wants_wheels(done.errors):
            raise no_wheel(done.errors, self.python)
        if failures.wants_builds(done.errors) and not self.builds:
            raise NeedsBuildError
        raise failures.explain(done.errors, self.python.version)

    def _build(self, plan: Plan, files: Path) -> None:
        self.report(Note("some packages have no wheel for this Python: building them from source"))
        with scratch_folder(builds(self.cache, self.account), self.account) as scratch:
            home = _home(scratch)
            copy = _copied(plan.local, self.tree, home / "tree")
            hand_over(home, self.account)
            run = partial(self._uv, plan, home / "files", scratch, copy, account=self.account)
            completed, tried = run(), ""
            while not completed.ok and (older := failures.old_setuptools(completed.errors)) not in {"", tried}:
                limits = _written(scratch / "build.txt", [older])
                completed, tried = run("--build-constraints", str(limits)), older
            if not completed.ok:
                raise failures.explain(completed.errors, self.python.version)
            harvest(home / "files", files)

    def _uv(
        self, plan: Plan, target: Path, scratch: Path, tree: Path, *more: str, account: Account | None = None
    ) -> Completed:
        argv = ["pip", "install", "--target", str(target), "--python", str(self.python.path)]
        argv += ["--link-mode", "copy" if account else "hardlink", *self.python.target]
        argv += [*_files(plan, scratch, tree), *more]
        argv += ["--require-hashes"] if plan.hashed else []
        argv += ["--no-deps"] if plan.complete else []
        argv += ["--prerelease", "allow"] if plan.previews else []
        home = target.parent if account else Path.home()
        downloads = _downloads(self.cache, account) if account else self.cache / "uv"
        env = uv.environment(home=home, cache_folder=downloads, secrets=account is None)
        env["TMPDIR"] = str(target.parent)
        completed = uv.run(argv, env=env, cwd=scratch, account=account, on_line=_Progress(self.report))
        return replace(completed, errors=completed.errors.replace(f"{target.parent}/", "").replace(f"{scratch}/", ""))


class _Progress:
    """Tells what uv does; what it says of a failure is for the diagnosis."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._failed = False

    def __call__(self, line: str) -> None:
        self._failed = self._failed or line.lstrip().startswith(("error:", "\u00d7"))
        if not self._failed and not line.startswith("Using CPython"):
            self._report(Output(line))


def whose(account: Account | None) -> str:
    """What tells the builds of one account from those of another."""
    return str(account.uid) if account else "own"


def builds(cache: Path, account: Account | None) -> Path:
    """Where the sources for an account are built."""
    return cache / "builds" / whose(account)


@contextmanager
def scratch_folder(parent: Path, account: Account | None = None) -> Iterator[Path]:
    """A new folder of ours that `account` may enter but not write, removed at the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        if account:
            os.chown(folder, -1, account.gid)
            folder.chmod(0o750)
        yield folder
    finally:
        remove_tree(folder)


def _home(scratch: Path) -> Path:
    """A folder for the account in the scratch folder: we write nothing where its code could put a link."""
    home = scratch / "home"
    home.mkdir(mode=0o700)
    return home


def _copied(local: Iterable[str], tree: Path, target: Path) -> Path:
    """A copy of the paths that a plan refers to: setuptools writes beside what it builds."""
    for name in local:
        source, copy = tree / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, copy)
    return target


def _downloads(cache: Path, account: Account) -> Path:
    """The folder for what uv downloads as an account."""
    folder = builds(cache, account) / "uv"
    folder.mkdir(exist_ok=True)
    os.chown(folder, account.uid, account.gid)
    return folder


def _files(plan: Plan, scratch: Path, tree: Path) -> list[str]:
    lines = [line.replace("{tree}", str(tree)) for line in (*plan.options, *plan.lines)]
    wanted = ["-r", str(_written(scratch / "requirements.txt", lines))]
    limits = ["-c", str(_written(scratch / "constraints.txt", plan.constraints))] if plan.constraints else []
    return [*wanted, *limits]


def _written(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("\n".join((*lines, "")))
    path.chmod(0o644)
    return path
