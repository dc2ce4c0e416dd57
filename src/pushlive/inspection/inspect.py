"""Inspect a site: ask, decide, ask again until it is settled what it runs with. The loop, and what comes of it."""

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from pushlive.inspection import asking, failures, hosts, modules, reach, remarks, statics, supply, tree
from pushlive.inspection.asking import Question, Runtime
from pushlive.inspection.goals import Policy
from pushlive.inspection.placeholder import is_ordinary
from pushlive.inspection.supply import Again, Broken, Lacking, Settled, Stumbled, Trial
from pushlive.inspection.values import App, Inspection, Job, Level, Media, Observation, Remark, Settings, Static
from pushlive.model.errors import PushliveError
from pushlive.model.events import Output, Report
from pushlive.model.events import silent as quiet
from pushlive.model.release import CACHE_VARIABLE, SuppliedSetting
from pushlive.system.files import remove_tree

PROVIDED = {CACHE_VARIABLE: "127.0.0.1:11211"}
"""What every engine will set when it starts a site, in a form that does for asking it."""

_SHORT = (Job.SETTINGS, Job.CHECK)
_MOST = 60
"""Askings before it is given up; a site that lacks everything takes about twenty."""
_MOST_TOLD = 20
"""Lines of what a site printed that are told when it fails."""
_TRACEBACK = "Traceback (most recent call last):"


class Wishes(Struct, frozen=True):
    """What the site is to be run with, and for.

    `env` are the user's own values; `secrets` their names with something of the same shape in place of the value
    (see `placeholder`). `hosts` are those the site shall answer to, the public one first. `data` is the folder that
    is kept, as the running site sees it; `kept` are the files and folders in it by their path in the tree: with them
    in place the site is also asked which migrations are pending (None: it is not). `remembered` is what was supplied
    last time, values of secrets included. `provided` are names that the engine sets when it starts the site, with an
    example of a value. `store` keeps collected static files between inspections. `probe` asks whether database
    servers answer from here.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")
    data: str = "/app/data"
    remembered: Sequence[SuppliedSetting] = ()
    supply: bool = True
    static: bool = True
    kept: Mapping[str, Path] | None = None
    store: Path | None = None
    provided: Mapping[str, str] = field(default_factory=lambda: dict(PROVIDED))
    probe: bool = True


def inspect(app: App, runtime: Runtime, wishes: Wishes, report: Report = quiet) -> Inspection:
    """Find out what the site is and what it needs, and collect its static files.

    Takes one process when what is remembered still does, a few the first time. The remarks are for the caller to
    tell. Raises ReleaseError when a setting is lacking that nobody but the user can give, BuildError when the site's
    own code fails, MachineError when its Python cannot be started. What the site printed is reported only then.
    """
    with _scratch(runtime) as own:
        loop = _Loop(app, own, wishes, _policy(app, wishes))
        try:
            with tree.lent(app.tree, runtime.account, wishes.kept or {}) as lent:
                seen, trial = loop.settle()
            _refuse_what_cannot_run(seen, loop.policy, wishes)
        except PushliveError as error:
            _tell_output(error, report)
            raise
    static = _static(app, seen, loop.store)
    found = _result(seen, trial, loop, static)
    return replace(found, remarks=(*found.remarks, *_changes(lent)))


class _Loop:
    """The asking of one inspection."""

    def __init__(self, app: App, runtime: Runtime, wishes: Wishes, policy: Policy) -> None:
        self.app = app
        self.policy = policy
        self.store = wishes.store or runtime.scratch.parent / "static"
        self.asked = 0
        self.made: set[str] = set()
        self.module = _served_module(app, policy)
        self._runtime = runtime
        self._wishes = wishes
        self._whole = _whole(wishes)

    def settle(self) -> tuple[Observation, Trial]:
        """Ask until it is decided. Raises ReleaseError and BuildError."""
        trial = supply.begin([each for each in self._wishes.remembered if not _is_module(each)], self.policy)
        jobs = self._whole
        while True:
            seen = self._ask(trial, jobs)
            match supply.decide(seen, trial, self.policy):
                case Again(again) if self.asked < _MOST:
                    trial, jobs = again, _SHORT
                case Again() | Lacking() | Broken() | Stumbled() as end:
                    raise self._error(seen, trial, end)
                case Settled(settled) if jobs == self._whole:
                    return seen, settled
                case Settled(settled):
                    trial, jobs = settled, self._whole

    def _ask(self, trial: Trial, jobs: tuple[Job, ...]) -> Observation:
        self.asked += 1
        question = Question(
            jobs=tuple(job for job in jobs if not (trial.unchecked and job is Job.CHECK)),
            env=self._environment(trial),
            known=statics.known(self.store),
            static=_collected_in(self._runtime),
            folders=trial.folders,
        )
        seen = asking.ask(self.app, self._runtime, question)
        self.made.update(seen.made)
        if not seen.ended:
            raise failures.silent(seen, self._runtime.timeout)
        if seen.static and seen.static.fingerprint and not seen.static.lost:
            statics.keep(_collected_in(self._runtime), self.store, seen.static)
            _make(_collected_in(self._runtime), self._runtime)
        return seen

    def _environment(self, trial: Trial) -> dict[str, str]:
        return {
            **self._wishes.provided,
            **trial.stand_ins,
            **{each.name: each.value for each in (*self.module, *trial.supplied)},
            **self._wishes.env,
            **self._wishes.secrets,
        }

    def _error(self, seen: Observation, trial: Trial, end: Again | Lacking | Broken | Stumbled) -> PushliveError:
        match end:
            case Lacking(names):
                return failures.lacking(names, seen, self.policy)
            case Stumbled(names, failure):
                return failures.stumbled(names, failure, seen)
            case Broken(failure):
                return failures.broken(failure, seen)
            case Again():
                return self._unsettled(seen, trial)

    def _unsettled(self, seen: Observation, trial: Trial) -> PushliveError:
        if trial.stand_ins:
            return failures.lacking(tuple(trial.stand_ins), seen, self.policy)
        return failures.unsettled(self.asked, [each.name for each in reversed(trial.supplied)], seen)


def _whole(wishes: Wishes) -> tuple[Job, ...]:
    migrations = () if wishes.kept is None else (Job.MIGRATIONS,)
    return (*_SHORT, *migrations, *((Job.STATIC,) if wishes.static else ()))


def _policy(app: App, wishes: Wishes) -> Policy:
    kept = next((each.value for each in wishes.remembered if each.secret), "")
    return Policy(
        app=app,
        supply=wishes.supply,
        own=frozenset((*wishes.env, *wishes.secrets, *wishes.provided)),
        hosts=wishes.hosts,
        key=kept or secrets.token_urlsafe(50),
        data=wishes.data,
        stood_in={name: value for name, value in wishes.secrets.items() if not is_ordinary(value)},
    )


def _served_module(app: App, policy: Policy) -> tuple[SuppliedSetting, ...]:
    """Where manage.py and the callable name different settings modules, the one that is served is meant by both."""
    served, managed = modules.served(app), modules.managed(app)
    if app.settings or not policy.supply or "DJANGO_SETTINGS_MODULE" in policy.own:
        return ()
    if served is None or managed is None or served.module == managed.module:
        return ()
    reason = f"the pages are served with it ({served.where}); manage.py names {managed.module} ({managed.where})"
    return (SuppliedSetting("DJANGO_SETTINGS_MODULE", served.module, reason),)


def _is_module(setting: SuppliedSetting) -> bool:
    return setting.name == "DJANGO_SETTINGS_MODULE"


def _refuse_what_cannot_run(seen: Observation, policy: Policy, wishes: Wishes) -> None:
    settings = seen.settings
    if settings is None:
        return
    if settings.secret_key.empty:
        raise failures.empty_key(seen, settings)
    if hosts.choose(policy.hosts, settings.allowed_hosts, debug=settings.debug) is None:
        raise failures.no_host(policy, settings)
    if wishes.probe:
        _refuse_unreachable(seen, settings, policy)
    if any(check.level >= Level.ERROR for check in seen.checks):
        raise failures.refused(seen.checks)


def _refuse_unreachable(seen: Observation, settings: Settings, policy: Policy) -> None:
    """Only where the settings fell back on their own default: what the user set is migrate's to judge."""
    reads = [read for read in seen.reads if "DATABASES" in read.flows]
    if any(read.name in policy.own for read in reads):
        return
    environment = policy.own | seen.written.keys()
    for database in settings.databases:
        if not (database.is_sqlite or database.is_none or reach.answers(database, environment)):
            raise failures.unreachable(database, reads, settings)


def _static(app: App, seen: Observation, store: Path) -> Static | None:
    settings, collected = seen.settings, seen.static
    if settings is None or collected is None:
        return None
    folder = app.in_tree(settings.static_root or "/") or os.path.normpath(f"{app.root}/staticfiles")
    plain = Static(
        url=settings.static_url,
        folder=folder,
        served_by_site=collected.served_by_site,
        skipped=collected.skipped,
    )
    if collected.skipped:
        return plain
    if collected.lost:
        lost = ", ".join(collected.lost)
        return replace(
            plain, skipped=f"{folder} in the repository is a build that collecting again would break: {lost}"
        )
    files = store / collected.fingerprint
    return replace(plain, files=files, count=statics.count(files))


def _result(seen: Observation, trial: Trial, loop: _Loop, static: Static | None) -> Inspection:
    settings = seen.settings
    supplied = (*loop.module, *trial.supplied)
    if settings is None:
        return Inspection(supplied=supplied)
    policy = loop.policy
    variables = tuple(_cache_variables(seen))
    return Inspection(
        supplied=supplied,
        django=seen.django,
        settings=settings,
        static=static,
        media=Media(settings.media_url, policy.app.in_tree(settings.media_root)) if settings.media_root else None,
        data=_data(settings, (*loop.made, *trial.folders), policy.app),
        migrations=seen.migrations,
        databases=settings.databases,
        remarks=(*remarks.remarks(seen, trial, policy), *_static_remark(static)),
        cache_wanted=bool(variables) or any(".memcached." in cache.backend for cache in settings.caches),
        cache_variables=variables,
        host=hosts.choose(policy.hosts, settings.allowed_hosts, debug=settings.debug) or "localhost",
    )


def _data(settings: Settings, made: Sequence[str], app: App) -> tuple[str, ...]:
    """What the site writes in its tree: database files, uploads, and the folders of its log files.

    Folders end in a slash, since a database's file may have no suffix that tells it from one.
    """
    databases = [database.path for database in settings.databases if database.path]
    logs = [_folder_of(file, app) for file in map(app.in_tree, settings.log_files) if file]
    media = app.in_tree(settings.media_root or "/")
    folders = [f"{path}/" for path in (*made, media) if path and not Path(path).suffix]
    files = [path for path in made if Path(path).suffix]
    found = sorted({*databases, *logs, *folders, *files})
    return tuple(
        path for path in found if not any(path != other and path.startswith(_slashed(other)) for other in found)
    )


def _slashed(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _folder_of(file: str, app: App) -> str:
    """The file's folder, so that it can be rotated; the file alone where the folder is the application's own."""
    folder = str(Path(file).parent)
    return file if folder in (".", app.root) else f"{folder}/"


def _cache_variables(seen: Observation) -> Iterator[str]:
    for read in seen.reads:
        if read.name == CACHE_VARIABLE or ("CACHES" in read.flows and "MEMCACHE" in read.name.upper()):
            yield read.name


def _changes(lent: tree.Lent) -> Iterator[Remark]:
    if lent.changed:
        files = ", ".join(lent.changed[:5])
        yield Remark(f"the site's code changed {files} while it was imported; the image has it so", warning=True)


def _static_remark(static: Static | None) -> Iterator[Remark]:
    if static and static.skipped:
        yield Remark(f"no static files were collected: {static.skipped}")


def _tell_output(error: PushliveError, report: Report) -> None:
    """What the site itself printed; its traceback is for the diagnosis."""
    printed = error.output.partition(_TRACEBACK)[0].splitlines()
    for line in [line for line in printed if line.strip()][-_MOST_TOLD:]:
        report(Output(line))


@contextmanager
def _scratch(runtime: Runtime) -> Iterator[Runtime]:
    """A folder of this inspection alone; the site's user may write in those that lie in it, and cannot replace them."""
    runtime.scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="inspect-", dir=runtime.scratch))
    own = replace(runtime, scratch=folder)
    try:
        folder.chmod(0o711)
        for path in (asking.home(own), _collected_in(own)):
            _make(path, runtime)
        yield own
    finally:
        remove_tree(folder)


def _make(path: Path, runtime: Runtime) -> None:
    path.mkdir(exist_ok=True, parents=True)
    if runtime.account:
        os.chown(path, runtime.account.uid, runtime.account.gid)


def _collected_in(runtime: Runtime) -> Path:
    return runtime.scratch / "static"
