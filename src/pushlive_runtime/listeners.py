"""The sockets a replica accepts on, and the gate that says when it may use the public ones.

A public socket is shared with other releases and outlives this process. It is only ever closed here, never shut down
and never unlinked: connections that wait in its queue are another replica's to accept.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import stat
from typing import List, Optional, Sequence

from pushlive_runtime.settings import Settings

BACKLOG = 2048


class Listener(socket.socket):
    """A listening socket that can print its name, as gunicorn's arbiter expects of its listeners."""

    private = False
    inode = 0

    def __str__(self) -> str:
        """Its address."""
        return str(self.getsockname()) if self.fileno() >= 0 else "closed"


def open_listeners(settings: Settings) -> List[Listener]:
    """Bind or adopt the sockets of the contract, private first. Raises OSError."""
    found: List[Listener] = []
    if settings.socket:
        found.append(bind_private(settings.socket))
    found.extend(adopt(descriptor) for descriptor in settings.public)
    return found or [bind_port(settings.port)]


def bind_private(path: str) -> Listener:
    """Listen on a unix socket at `path`, in place of a stale one."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
    listener = Listener(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.private = True
    listener.bind(path)
    listener.inode = os.lstat(path).st_ino
    return _listening(listener)


def unlink_private(path: str, inode: int) -> None:
    """Remove the private socket's file, unless another replica has bound its own there since."""
    with contextlib.suppress(FileNotFoundError):
        if os.lstat(path).st_ino == inode:
            os.unlink(path)


def bind_port(port: int) -> Listener:
    """Listen on `port` of every IPv4 address: what a container does."""
    listener = Listener(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))  # noqa: S104 - a container is reached through all of its addresses
    return _listening(listener)


def adopt(descriptor: int) -> Listener:
    """Take over an inherited listening socket. Raises OSError when `descriptor` is not one."""
    listener = Listener(fileno=descriptor)
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return _listening(listener)
    return _prepared(listener)


def _listening(listener: Listener) -> Listener:
    listener.listen(BACKLOG)
    return _prepared(listener)


def _prepared(listener: Listener) -> Listener:
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    listener.set_inheritable(False)
    return listener


class Gate:
    """Whether the public sockets may be used: an eventfd that is readable once, and from then on, they may.

    It is looked at and never read, so that a worker which takes the place of a dead one finds it as it was left.
    """

    def __init__(self, descriptor: Optional[int]) -> None:
        self.descriptor = descriptor

    def is_open(self) -> bool:
        """Whether it is open now; a replica that was given no gate is always let through."""
        if self.descriptor is None:
            return True
        with selectors.PollSelector() as poller:
            poller.register(self.descriptor, selectors.EVENT_READ)
            return bool(poller.select(0))


class Lifeline:
    """A pipe whose one writing end is the arbiter's: it ends when the arbiter stops or dies, however it dies.

    A signal can reach a worker before it has its handlers, and no signal follows a SIGKILL. This does.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def cut(self) -> None:
        """In the arbiter: tell every worker to stop. In a worker: let go of the arbiter's end."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


def close_all(listeners: Sequence[Listener]) -> None:
    """Close this process's hold on each of `listeners`."""
    for listener in listeners:
        listener.close()
