"""A process inside the supervisor's event loop: one we started, or one an earlier supervisor did."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pushlive.system import proc, process
from pushlive.system.files import explained
from pushlive.system.proc import Identity
from pushlive.system.process import Account

OURS: set[int] = set()
"""The children that are waited for here."""


class Fork(Protocol):
    """Starts a process from one that is warm already, or leaves it to be executed: None."""

    def __call__(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, output: int, pass_fds: Sequence[int]
    ) -> "Started | None":
        """Start `argv` in its own session, as our child."""


class Started(Protocol):
    """What starting a process gives."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it."""


class Child:
    """A process with its end as something to wait for. Needs a running event loop."""

    def __init__(self, identity: Identity, pidfd: int, started: Started | None = None, *, forked: bool = False) -> None:
        self.identity = identity
        self.forked = forked
        self._pidfd = pidfd
        self._started = started
        loop = asyncio.get_running_loop()
        self.end: asyncio.Future[int | None] = loop.create_future()
        loop.add_reader(pidfd, self._ended)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.identity.pid

    @property
    def running(self) -> bool:
        """It has not ended, as far as the event loop has heard."""
        return not self.end.done()

    async def ended(self) -> int | None:
        """Wait for its end: the exit code, the negative number of the signal, None for one we did not start."""
        return await asyncio.shield(self.end)

    async def ends_within(self, seconds: float) -> bool:
        """Wait for its end, but not longer than `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended(), seconds)
        return not self.running

    def send(self, number: signal.Signals) -> None:
        """Signal the process alone."""
        if self.running:
            proc.send(self._pidfd, number)

    def send_session(self, number: signal.Signals) -> None:
        """Signal the process and all that it forked."""
        proc.signal_session(self.pid, number)

    async def finish(self, patience: float) -> None:
        """SIGTERM, then after `patience` seconds SIGKILL to it and all that it forked; returns at its end."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        if not await self.ends_within(patience):
            self.send_session(signal.SIGKILL)
            await self.ended()

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        # What it forked and left behind is told to end before the pid, which is its session's number, is free again.
        self.send_session(signal.SIGTERM)
        os.close(self._pidfd)
        self.end.set_result(self._started.wait() if self._started else None)
        OURS.discard(self.pid)


def start(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: str = "/",
    account: Account | None = None,
    pass_fds: Sequence[int] = (),
    fork: Fork | None = None,
) -> Child:
    """Start a process in its own session that appends what it prints to `log`. Raises MachineError, StateError.

    `fork` is tried first.
    """
    with explained(log):
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        forked = fork(argv, env=env, cwd=cwd, output=descriptor, pass_fds=pass_fds) if fork else None
        started = forked or process.popen(
            argv,
            cwd=Path(cwd),
            env=env,
            account=account,
            pass_fds=pass_fds,
            stdout=descriptor,
            stderr=descriptor,
        )
    finally:
        os.close(descriptor)
    OURS.add(started.pid)
    # It cannot be reaped by anyone but us, so its pid is still its own even when it ended already.
    found = proc.stat(started.pid)
    return Child(
        Identity(started.pid, found.started if found else 0),
        os.pidfd_open(started.pid),
        started,
        forked=forked is not None,
    )


def adopt(identity: Identity) -> Child | None:
    """A process that runs already; None when it has ended."""
    pidfd = proc.open_pidfd(identity)
    return Child(identity, pidfd) if pidfd is not None else None
