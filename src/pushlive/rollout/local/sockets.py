"""The public listening sockets: bound, or taken back from a process of ours that still holds them."""

import ctypes
import errno
import os
import signal
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from pushlive.model.errors import MachineError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import logs, strays
from pushlive.rollout.local.record import Endpoint
from pushlive.system import proc
from pushlive.system.proc import Identity

BACKLOG = 2048
PATIENCE = 40.0
"""Seconds old replicas get to let go of a port that could not be taken over."""

_PIDFD_GETFD = 438
_LISTEN = "0A"


class Holder(Struct, frozen=True):
    """A process with a listening socket, and that socket's number there."""

    pid: int
    descriptor: int

    @property
    def name(self) -> str:
        """The program and its pid, for people."""
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            words = []
        return f"{' '.join(words).strip()[:120] or 'a process'} (pid {self.pid})"


def open_all(home: SiteHome, endpoints: Sequence[Endpoint]) -> list[socket.socket]:
    """Listen on every endpoint: bind it, or take it over from what an earlier keeper left. Raises MachineError."""
    return [_open(home, endpoint) for endpoint in endpoints]


def _open(home: SiteHome, endpoint: Endpoint) -> socket.socket:
    try:
        return bind(endpoint)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise _cannot_bind(endpoint, error) from error
    ours = _ours(home)
    found = holders(endpoint.port)
    for holder in found:
        if _belongs(holder, ours) and (taken := take_over(holder, endpoint)):
            logs.say(f"{endpoint} is taken over from process {holder.pid}")
            return taken
    if not any(_belongs(holder, ours) for holder in found):
        raise _taken(endpoint, found)
    return _bind_after_stop(endpoint, [one for one in ours if any(_belongs(holder, [one]) for holder in found)])


def bind(endpoint: Endpoint) -> socket.socket:
    """Bind and listen. Raises OSError."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((endpoint.host, endpoint.port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def require_free(endpoint: Endpoint) -> None:
    """Raise MachineError when nothing can listen there now: who has the port, or what forbids it."""
    try:
        bind(endpoint).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(endpoint, holders(endpoint.port)) from error
        raise _cannot_bind(endpoint, error) from error


def holders(port: int) -> list[Holder]:
    """Who listens on a TCP port, as far as we may see (/proc/net/tcp, /proc/PID/fd)."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return [Holder(pid, number) for pid, _ in proc.everyone() for number in _descriptors(pid, inodes)]


def take_over(holder: Holder, endpoint: Endpoint) -> socket.socket | None:
    """Duplicate a listening socket out of another process (pidfd_getfd(2)); None where the kernel forbids it."""
    identity = proc.identify(holder.pid)
    pidfd = proc.open_pidfd(identity) if identity else None
    if pidfd is None:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(_PIDFD_GETFD, pidfd, holder.descriptor, 0)
    os.close(pidfd)
    if descriptor < 0:
        logs.say(f"{endpoint} cannot be taken over from process {holder.pid}: {os.strerror(ctypes.get_errno())}")
        return None
    return _verified(socket.socket(fileno=descriptor), endpoint)


def _verified(listener: socket.socket, endpoint: Endpoint) -> socket.socket | None:
    with suppress(OSError):
        listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listening and listener.getsockname()[:2] in _addresses(endpoint, listener.family):
            return listener
    listener.close()
    return None


def _addresses(endpoint: Endpoint, family: int) -> set[tuple[str | int, int]]:
    """What a socket that is bound to it says of itself: a host may be a name, or an address in another spelling."""
    found = socket.getaddrinfo(endpoint.host, endpoint.port, family=family, type=socket.SOCK_STREAM)
    return {(address[0], int(address[1])) for *_, address in found}


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes


def _descriptors(pid: int, targets: set[str]) -> list[int]:
    found = []
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with suppress(OSError):
                if str(Path(f"/proc/{pid}/fd/{name}").readlink()) in targets:
                    found.append(int(name))
    return found


def _ours(home: SiteHome) -> list[Identity]:
    """Every process on record that runs: replicas, and a supervisor or keeper that is about to end."""
    return [identity for identity in strays.everything(home) if proc.alive(identity)]


def _belongs(holder: Holder, ours: Iterable[Identity]) -> bool:
    """The process is one of ours, or was forked by one."""
    found = proc.stat(holder.pid)
    pids = {identity.pid for identity in ours}
    return found is not None and (holder.pid in pids or found.session in pids)


def _bind_after_stop(endpoint: Endpoint, holding: Sequence[Identity]) -> socket.socket:
    logs.say(f"warning: {endpoint} cannot be taken over from the running replicas; they are stopped, requests may fail")
    for identity in holding:
        proc.signal_session(identity.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return bind(endpoint)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise _taken(endpoint, holders(endpoint.port)) from error
        time.sleep(0.05)


def _taken(endpoint: Endpoint, found: Sequence[Holder]) -> MachineError:
    names = sorted({holder.name for holder in found})
    by = f" by {', '.join(names[:3])}" if names else ""
    return MachineError(
        f"port {endpoint.port} is taken{by}",
        where=str(endpoint),
        remedy="Stop it, or give the site another port.",
        evidence=names,
    )


def _cannot_bind(endpoint: Endpoint, error: OSError) -> MachineError:
    if error.errno == errno.EACCES:
        return MachineError(
            f"only root may listen on port {endpoint.port}",
            where=str(endpoint),
            remedy="Take a port from 1024 on, run pushlive as root, or lower net.ipv4.ip_unprivileged_port_start.",
        )
    return MachineError(
        f"nothing can listen on {endpoint}: {error.strerror}",
        where=str(endpoint),
        remedy="Choose an address that this machine has: `ip addr` lists them.",
    )
