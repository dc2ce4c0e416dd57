"""The site's fork server: replicas start from it, since it has imported what every release of the site shares.

It serves one base interpreter, one layer of packages and one server layer: the live release's. It is a help and never
needed: what it refuses, and everything while it is not there, is executed. It ends with the supervisor.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from pushlive.model.errors import PushliveError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import children, forks, launch, logs, places, unix
from pushlive.rollout.local.backoff import Backoff
from pushlive.rollout.local.children import Child
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.system import proc
from pushlive.system.proc import Identity
from pushlive.system.process import Account

DELAY = 1.0
"""Seconds after a commit until a fork server is started: the deliverer is not to share the processor with it."""

LONGEST_WAIT = 600.0
STOP_TIMEOUT = 5.0


class Forked(Struct, frozen=True):
    """A process that the fork server started; it is our child since it was orphaned (PR_SET_CHILD_SUBREAPER)."""

    pid: int

    def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class ForkServer:
    """The site's fork server. `settle` says for which release; `fork` starts a process from it."""

    def __init__(
        self, home: SiteHome, account: Account | None, environment: Callable[[LaunchSpec], Mapping[str, str]]
    ) -> None:
        self._home = home
        self._account = account
        self._environment = environment
        self._wanted: launch.Warm | None = None
        self._child: Child | None = None
        self._owner = -1
        self._work: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Its process id, 0 when it does not run."""
        return self._child.pid if self._child and self._child.running else 0

    def clear(self) -> None:
        """Kill one that an earlier supervisor left because it could not hear that its owner ended."""
        value = places.read_state(places.warm_file(self._home))
        if value and value["boot"] == proc.boot():
            proc.kill(Identity(*value["process"]))

    def settle(self, spec: LaunchSpec) -> None:
        """From now on have one for the releases that are like `spec`; it comes a little later."""
        self._cancel()
        self._work = asyncio.ensure_future(self._keep(spec))

    async def stop(self) -> None:
        """Stop it for good. What it has started lives on."""
        self._cancel()
        await self._end()

    def fork(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, output: int, pass_fds: Sequence[int]
    ) -> Forked | None:
        """Start a process, in its own session, whose parent we are; None when it is to be executed."""
        if not self.pid:
            return None
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            pid = forks.fork(
                places.warm_socket(self._home),
                argv,
                env=env,
                cwd=cwd,
                streams=(null, output, output),
                fds=pass_fds,
                accept=_is_our_new_child,
            )
        except forks.RefusedError as error:
            logs.say(f"{env.get('PUSHLIVE_REPLICA')} is not forked but executed: {error}")
            return None
        except (forks.BrokenServerError, OSError) as error:
            self._give_up(error)
            return None
        finally:
            os.close(null)
        return Forked(pid)

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, ConnectionRefusedError):
            return  # it is still importing
        logs.say(f"{error}; another one is started")
        if self._child:
            self._child.send_session(signal.SIGKILL)

    async def _keep(self, spec: LaunchSpec) -> None:
        await asyncio.sleep(DELAY)
        try:
            wanted = launch.warm(spec, self._environment(spec))
        except PushliveError as error:
            logs.say(f"there is no fork server: {error}")
            return
        if wanted != self._wanted:
            await self._end()
        self._wanted = wanted
        backoff = Backoff(longest=LONGEST_WAIT)
        while wanted:
            began = time.monotonic()
            await self._once(wanted)
            wait = backoff.after(time.monotonic() - began)
            logs.say(f"the fork server ended; it is started again in {wait:.1f} s")
            await asyncio.sleep(wait)

    async def _once(self, wanted: launch.Warm) -> None:
        if not self.pid:
            try:
                self._start(wanted)
            except (PushliveError, OSError) as error:
                logs.say(f"the fork server cannot be started: {error}")
        if self._child:
            await self._child.ended()

    def _start(self, wanted: launch.Warm) -> None:
        """Start it with a socket that refuses until it is warm, and a pipe whose writing end is ours alone."""
        self._let_go()
        reader, self._owner = os.pipe2(os.O_CLOEXEC)
        try:
            with unix.bind(places.warm_socket(self._home)) as listener:
                fds = (listener.fileno(), reader)
                told = {"PUSHLIVE_WARM_FD": str(fds[0]), "PUSHLIVE_WARM_OWNER_FD": str(fds[1])}
                self._child = children.start(
                    wanted.argv,
                    log=self._home.logs / "warm.log",
                    env={**wanted.env, **told},
                    account=self._account,
                    pass_fds=fds,
                )
        finally:
            os.close(reader)
        self._remember(wanted)

    def _remember(self, wanted: launch.Warm) -> None:
        assert self._child
        value: dict[str, Any] = {
            "boot": proc.boot(),
            "process": list(self._child.identity),
            "folder": wanted.folder,
        }
        places.write_state(places.warm_file(self._home), value)

    async def _end(self) -> None:
        places.warm_file(self._home).unlink(missing_ok=True)
        self._let_go()
        if self._child:
            await self._child.finish(STOP_TIMEOUT)
        self._child = self._wanted = None

    def _let_go(self) -> None:
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1

    def _cancel(self) -> None:
        if self._work:
            self._work.cancel()
            self._work = None


def _is_our_new_child(pid: int) -> bool:
    found = proc.stat(pid)
    return found is not None and found.parent == os.getpid() and pid not in children.OURS
