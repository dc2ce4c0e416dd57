"""The engine that runs a site on this machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pushlive.model.errors import StateError
from pushlive.model.events import Report
from pushlive.model.home import SiteHome
from pushlive.model.image import PACKAGES, SERVER, Layer
from pushlive.model.release import Release
from pushlive.rollout.engine import EngineStatus, Warm
from pushlive.rollout.local import client, files, forks, launch, live, logs, places, strays
from pushlive.rollout.local import prepare as preparation
from pushlive.rollout.local.candidate import LocalCandidate, replica
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.rollout.local.prepare import Unpack
from pushlive.rollout.local.protocol import Op
from pushlive.rollout.local.record import SiteRecord
from pushlive.rollout.local.secrets import SecretStore
from pushlive.system import proc, process
from pushlive.system.http import Address
from pushlive.system.process import Completed

STOP_PATIENCE = 40.0
"""Seconds what runs without a supervisor gets to end by itself."""


def named_interpreter(release: Release) -> Path:
    """The interpreter that `release.python` names by its path. Raises StateError."""
    if not release.python.startswith("/"):
        raise StateError(f"release {release.name} does not name its interpreter by a path: {release.python!r}")
    return Path(release.python)


class LocalEngine:
    """Runs the releases of one site; see `pushlive.rollout.engine.Engine`."""

    def __init__(
        self,
        home: SiteHome,
        record: SiteRecord,
        unpack: Unpack,
        interpreter: Callable[[Release], Path] = named_interpreter,
    ) -> None:
        self._home = home
        self._record = record
        self._unpack = unpack
        self._interpreter = interpreter

    def prepare(self, release: Release) -> None:
        """Unpack what is not there yet. Raises MachineError, SettingsError and what the unpacking raises."""
        spec = launch.specify(self._home, self._record.name, release, self._record.account)
        preparation.prepare(self._home, release, spec, self._unpack, self._interpreter(release))

    def environment(self, release: Release) -> Mapping[str, str]:
        """The environment of a prepared release's processes; memcached runs by the time it is handed out."""
        spec = self._spec(release)
        values = SecretStore(self._home.secrets).values(spec.secrets_version)
        return launch.environment(spec, values, self._cache_servers(spec))

    def run(
        self,
        release: Release,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        timeout: float | None = None,
    ) -> Completed:
        """Run a command in a prepared release; past `timeout` seconds it is killed."""
        spec = self._spec(release)
        env = dict([*self.environment(release).items(), strays.command_mark(self._home)])
        return process.stream(argv, on_line, cwd=Path(spec.cwd), env=env, account=spec.account, timeout=timeout)

    def outlast(self, patience: float) -> bool:
        """Wait for commands whose deliverer died, for `patience` seconds at most; whether none runs any more."""
        return proc.wait_all(strays.commands(self._home), patience)

    def attach(self, release: Release, argv: Sequence[str]) -> int:
        """Run a command on our own standard streams; as the site's user it has a terminal of its own."""
        from pushlive.system import terminal  # noqa: PLC0415 - a push does without it

        spec, env = self._spec(release), self.environment(release)
        return terminal.attach(argv, cwd=Path(spec.cwd), env=env, account=spec.account)

    @contextmanager
    def candidate(self, release: Release, report: Report) -> Iterator[LocalCandidate]:
        """Start a prepared release beside the live one; it is stopped on leaving, unless it was committed."""
        spec = self._spec(release)
        # What becomes live is on the disk by then, and until then nobody waits for the disk.
        syncing = files.Syncing(self._home.path)
        with client.reach(self._home) as link:
            started = LocalCandidate.start(self._home, link, spec, report=report, before_commit=syncing.wait)
            try:
                yield started
            finally:
                started.leave()

    def warm(self, python: Path, shared: Sequence[Layer]) -> Warm | None:
        """A quicker start for code that needs this interpreter and these layers; None when there is none now."""
        value = places.read_state(places.warm_file(self._home))
        folder = launch.warm_folder(self._home, str(python), shared)
        if not value or value["folder"] != folder:
            return None
        found = {name: preparation.shared_part(self._home, shared, name) for name in (PACKAGES, SERVER)}
        packages, server = found[PACKAGES], found[SERVER]
        if packages is None or server is None:
            return None
        return Warm(
            Path(folder) / "bin/python", packages, server, partial(forks.attend, places.warm_socket(self._home))
        )

    def rescue(self) -> None:
        """Start a supervisor for replicas that have lost theirs, and the keeper that would have started it."""
        if any(proc.alive(identity) for identity in strays.recorded(self._home).identities):
            client.reach(self._home).close()

    def live(self) -> str | None:
        """The live release's name, asked of the supervisor: it may just be committing one."""
        found = client.ask(self._home, Op.LIVE)
        return live.name(self._home) if found is None else found["live"]

    def status(self) -> EngineStatus:
        """What runs now; nothing is started to find out."""
        found = client.ask(self._home, Op.STATUS)
        if found is None:
            last = live.read(self._home)
            return EngineStatus(last.release if last else None, self.public, stopped=last is not None and last.stopped)
        return self._status(found)

    def logs(self, *, follow: bool, lines: int) -> Iterator[str]:
        """The last `lines` lines of each replica of the live release and of what is starting, and what follows."""
        return logs.read(self._home.logs, self._log_names, lines=lines, follow=follow)

    def collect(self, keep: Sequence[Release]) -> None:
        """Remove the files of every release that is neither in `keep` nor runs, and the secrets that none has.

        A release in `keep` may have lost its files: it can be unpacked again, so its secrets stay.
        """
        running = {replica.release for replica in self.status().replicas}
        preparation.collect(self._home, {*(release.name for release in keep), *running, live.name(self._home)})
        here = {launch.read(file).secrets_version for file in self._home.releases.glob("*/launch.json")}
        SecretStore(self._home.secrets).collect(here | {release.secrets_version for release in keep})

    def stop(self, *, forget: bool = False) -> None:
        """Stop all that runs for the site and wait until it has ended. A later start of the machine starts nothing.

        With `forget` no release is live any more.
        """
        everything = strays.everything(self._home)
        if client.ask(self._home, Op.STOP, lasts=2 * STOP_PATIENCE, forget=forget) is None:
            self._stop_without_supervisor(forget=forget)
        proc.wait_all(everything, STOP_PATIENCE)

    @property
    def public(self) -> Address:
        """The address that people use."""
        endpoint = self._record.endpoints[0]
        return Address(host=endpoint.host, port=endpoint.port)

    def _spec(self, release: Release) -> LaunchSpec:
        return launch.read(places.launch_file(self._home, release.name))

    def _cache_servers(self, spec: LaunchSpec) -> str:
        if not spec.cache:
            return ""
        if spec.cache.servers:
            return ",".join(spec.cache.servers)
        answer = client.ask(self._home, Op.CACHE, start=True, release=spec.release)
        return str(answer["servers"]) if answer else ""

    def _status(self, found: dict[str, Any]) -> EngineStatus:
        return EngineStatus(
            live=found["live"],
            public=self.public,
            replicas=tuple(replica(value) for value in found["replicas"]),
            cache=found["cache"],
            supervisor=found["supervisor"],
            warm=found["warm"],
        )

    def _log_names(self) -> list[str]:
        found = client.ask(self._home, Op.LIVE)
        if found and found["names"]:
            return list(found["names"])
        last = live.name(self._home)
        return sorted(path.stem for path in self._home.logs.glob(f"{last}-*.log")) if last else []

    def _stop_without_supervisor(self, *, forget: bool) -> None:
        (live.forget if forget else live.stop)(self._home)
        strays.stop_recorded(self._home, STOP_PATIENCE)
