"""The supervisor: runs a site's releases and its memcached, and takes requests on the control socket.

`python -I -m pushlive.rollout.local.supervisor FOLDER FD...` - a site's folder and its public listening sockets.
SIGTERM ends it and nothing else: replicas and memcached go on, and the next supervisor finds them.
"""

import sys

# asyncio does without ssl when there is none; the control socket needs none, and it is a quarter of our memory.
sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]

import asyncio  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from contextlib import suppress  # noqa: E402
from pathlib import Path  # noqa: E402

from pushlive import __version__  # noqa: E402
from pushlive.model.errors import PushliveError  # noqa: E402
from pushlive.model.home import SiteHome  # noqa: E402
from pushlive.rollout.local import children, keeper, logs, places, record  # noqa: E402
from pushlive.rollout.local.backoff import Backoff  # noqa: E402
from pushlive.rollout.local.children import Child  # noqa: E402
from pushlive.rollout.local.control import Control  # noqa: E402
from pushlive.rollout.local.rollouts import Rollouts  # noqa: E402
from pushlive.system import locks, proc  # noqa: E402
from pushlive.system.proc import Identity  # noqa: E402

EXIT_NOT_ALONE = 75
"""Another supervisor of this site is alive."""

HOUSEKEEPING = 10.0
"""Seconds between two looks at the logs' lengths."""

MOST_DESCRIPTORS = 65536

PATIENCE_WITH_KEEPER = 5.0


class Supervisor:
    """One site's supervisor: its rollouts, its keeper, its housekeeping."""

    def __init__(self, home: SiteHome, public: tuple[int, ...]) -> None:
        self._home = home
        self._public = public
        self._rollouts = Rollouts(home, record.load(home), public)
        self._control = Control(home, self._rollouts, self._stop_all)
        self._keeper: Child | None = None
        self._stopping = False
        self._done = asyncio.Event()

    async def run(self) -> None:
        """Supervise until SIGTERM or until asked to stop everything."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._done.set)
        loop.add_signal_handler(signal.SIGCHLD, _reap_orphans)
        await self._rollouts.resume()
        server = await self._control.listen()
        jobs = [asyncio.ensure_future(job) for job in (self._watch_keeper(), self._keep_house())]
        await self._done.wait()
        for job in jobs:
            job.cancel()
        server.close()

    async def _stop_all(self, forget: bool) -> None:
        self._stopping = True
        await self._rollouts.stop(forget=forget)
        if self._keeper:
            await self._keeper.finish(PATIENCE_WITH_KEEPER)
        for file in (places.control_socket(self._home), places.keeper_file(self._home)):
            file.unlink(missing_ok=True)
        # Not at once: the answer to who asked goes out first.
        asyncio.get_running_loop().call_later(0.05, self._done.set)

    async def _watch_keeper(self) -> None:
        backoff = Backoff()
        self._keeper = self._running_keeper()
        while True:
            if self._keeper:
                await self._keeper.ended()
            if self._stopping:
                return
            logs.say("the keeper ended; another one is started with the sockets")
            await asyncio.sleep(backoff.after(0))
            try:
                await self._new_keeper()
            except (PushliveError, OSError) as error:
                logs.say(f"no keeper can be started: {error}")
                self._keeper = None

    async def _new_keeper(self) -> None:
        """Start a keeper; should somebody else have started one, that is ours. Raises MachineError, OSError."""
        argv = [sys.executable, "-I", "-m", keeper.MODULE, str(self._home.path), *map(str, self._public)]
        child = self._keeper = children.start(
            [*argv, "--supervisor", str(os.getpid())],
            log=places.supervisor_log(self._home),
            env=os.environ,
            pass_fds=self._public,
        )
        if await child.ends_within(1.0):
            self._keeper = self._running_keeper()

    def _running_keeper(self) -> Child | None:
        value = places.read_state(places.keeper_file(self._home))
        return children.adopt(Identity(*value["process"])) if value else None

    async def _keep_house(self) -> None:
        while True:
            with suppress(OSError):
                logs.rotate(self._home.logs)
            _reap_orphans()
            await asyncio.sleep(HOUSEKEEPING)


def _reap_orphans() -> None:
    """Let the orphans go that ended; our own children are waited for where they were started."""
    with suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in children.OURS:
                return
            os.waitpid(found.si_pid, 0)


def allow_connections() -> None:
    """Let replicas have as many connections open as the machine allows, not the few a login shell has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _write_down(home: SiteHome) -> None:
    """Say which process we are. A full disk is told and does not stop the site."""
    me = proc.identify(os.getpid())
    assert me
    state = {"boot": proc.boot(), "process": list(me), "version": __version__}
    try:
        places.write_state(places.supervisor_file(home), state)
    except PushliveError as error:
        logs.say(str(error))


def main(argv: Sequence[str]) -> int:
    """Supervise the site whose folder and listening sockets are given."""
    home, public = SiteHome(Path(argv[0])), tuple(map(int, argv[1:]))
    with locks.held(home.run / "supervisor.lock", wait=False) as alone:
        return _supervise(home, public) if alone else EXIT_NOT_ALONE


def _supervise(home: SiteHome, public: tuple[int, ...]) -> int:
    proc.adopt_orphans()
    allow_connections()
    _write_down(home)
    logs.say(f"supervisor {os.getpid()} of {home.name} begins")
    try:
        asyncio.run(Supervisor(home, public).run())
    except PushliveError as error:
        logs.say(f"supervisor: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
