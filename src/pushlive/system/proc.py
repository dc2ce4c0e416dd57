"""Processes that run, by pid and start time: a number that was given away again is never taken for ours (proc(5))."""

import os
import select
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pushlive.model.errors import MachineError

_PR_SET_CHILD_SUBREAPER = 36


class Identity(NamedTuple):
    """One process of this boot: `started` in clock ticks after it."""

    pid: int
    started: int


class Stat(NamedTuple):
    """What we read of /proc/PID/stat (proc(5)); `memory` is resident bytes."""

    state: str
    parent: int
    session: int
    started: int
    memory: int

    @property
    def ended(self) -> bool:
        """It runs no more, though its parent may not have asked yet."""
        return self.state in "ZX"


def boot() -> str:
    """The name of this run of the machine: pids recorded under another one mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def stat(pid: int) -> Stat | None:
    """What the kernel says of a process; None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return Stat(fields[0], int(fields[1]), int(fields[3]), int(fields[19]), int(fields[21]) * os.sysconf("SC_PAGESIZE"))


def identify(pid: int) -> Identity | None:
    """The identity of the process that has this pid now; None when it has ended."""
    found = stat(pid)
    return Identity(pid, found.started) if found and not found.ended else None


def alive(identity: Identity) -> bool:
    """The process still runs."""
    return identify(identity.pid) == identity


def open_pidfd(identity: Identity) -> int | None:
    """A descriptor that becomes readable when the process ends; None when it has ended."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if alive(identity):
        return descriptor
    os.close(descriptor)
    return None


def require_pidfds() -> None:
    """Raise MachineError where the kernel cannot name processes by descriptors (pidfd_open(2))."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise MachineError(
            "this kernel does not know pidfd_open, which the local engine needs",
            where=os.uname().release,
            remedy="Use Linux 5.3 or later, and no sandbox that forbids it.",
        ) from error


def send(pidfd: int, number: signal.Signals) -> None:
    """Signal the process behind a pidfd; nothing happens when it has ended."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return


def kill(identity: Identity) -> None:
    """SIGKILL one process, and nobody who has its number by now."""
    descriptor = open_pidfd(identity)
    if descriptor is not None:
        send(descriptor, signal.SIGKILL)
        os.close(descriptor)


def everyone() -> Iterator[tuple[int, Stat]]:
    """Every process that runs, with its pid."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all we want of hundreds
        if name.isdigit() and (found := stat(int(name))) and not found.ended:
            yield int(name), found


def session(leader: int) -> dict[int, Stat]:
    """The running processes of the session that `leader` began, itself included, by pid."""
    return {pid: found for pid, found in everyone() if found.session == leader}


def memory_by_session() -> Counter[int]:
    """The resident bytes of every session's running processes together, by its leader's pid."""
    memory: Counter[int] = Counter()
    for _, found in everyone():
        memory[found.session] += found.memory
    return memory


def signal_session(leader: int, number: signal.Signals) -> None:
    """Signal every process of a session that we started."""
    for pid, found in session(leader).items():
        descriptor = open_pidfd(Identity(pid, found.started))
        if descriptor is not None:
            send(descriptor, number)
            os.close(descriptor)


def wait_all(identities: Sequence[Identity], timeout: float) -> bool:
    """Wait until every process has ended, for `timeout` seconds at most; whether they have."""
    deadline = time.monotonic() + timeout
    waiting = [pidfd for identity in identities if (pidfd := open_pidfd(identity)) is not None]
    try:
        return all(select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))[0] for pidfd in waiting)
    finally:
        for pidfd in waiting:
            os.close(pidfd)


def adopt_orphans() -> None:
    """Make us the parent of every descendant whose own parent ends (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    import ctypes  # noqa: PLC0415 - a push does without it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
