"""A replica: one process of a release, on its private socket and, once admitted, on the public ones."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from pushlive.model.home import SiteHome
from pushlive.rollout.local import children, logs, places
from pushlive.rollout.local.children import Child, Fork
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.system.proc import Identity

POLL = 0.004
"""Seconds between two looks at a private socket."""


def accepts(path: Path) -> bool:
    """Something takes connections on a unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # the backlog is full: it listens
        except OSError:
            return False
        return True


async def serves(path: Path) -> None:
    """Wait until someone accepts on a unix socket and answers a closed connection by closing it.

    To listen is not enough: a server listens before it has loaded the site. No request is made, so no line is logged.
    """
    while not await _accepted(path):  # noqa: ASYNC110 - nothing tells when a path is bound
        await asyncio.sleep(POLL)


async def _accepted(path: Path) -> bool:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            await loop.sock_connect(probe, str(path))
            probe.shutdown(socket.SHUT_WR)
            return await loop.sock_recv(probe, 1) == b""
        except OSError:
            return False


class Surroundings(Struct, frozen=True):
    """What a replica is started with beside its launch spec. `environment` makes the release's, secrets included."""

    home: SiteHome
    public: tuple[int, ...]
    environment: Callable[[LaunchSpec], Mapping[str, str]]
    serial: Callable[[], int]
    remember: Callable[[], None]
    fork: Fork | None = None


class Replica:
    """One replica through all its lives. `admitted`: it takes public traffic."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self.name = name
        self.restarts = 0
        self.admitted = False
        self.ready = False
        self.serial = 0
        self.child: Child | None = None
        self._around = around
        self._gate = -1
        self._log_began = 0

    @property
    def socket(self) -> Path:
        """Its private socket; another one in each life."""
        return places.sockets(self._around.home) / f"{self.serial}.sock"

    @property
    def log(self) -> Path:
        """Its log, the same in each life."""
        return self._around.home.logs / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """It has a process."""
        return self.child is not None and self.child.running

    def start(self, spec: LaunchSpec, *, fork: bool = True) -> None:
        """Begin a new life, not admitted, by a fork where that can be. Raises MachineError or StateError."""
        self.ready = self.admitted = False
        self.forget_socket()
        self.serial = self._around.serial()
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        self._make_gate()
        self._around.remember()
        try:
            self.child = children.start(
                spec.argv,
                log=self.log,
                env=self._environment(spec),
                cwd=spec.cwd,
                account=spec.account,
                pass_fds=(*self._around.public, self._gate),
                fork=self._around.fork if fork else None,
            )
        finally:
            self._around.remember()

    def adopt(self, value: dict[str, Any]) -> bool:
        """Take over the life an earlier supervisor began; False when it has ended."""
        self.serial = value["serial"]
        self.restarts = value["restarts"]
        self.admitted = self.ready = value["admitted"]
        self.child = children.adopt(Identity(*value["process"])) if value["process"] else None
        return self.child is not None

    def admit(self) -> None:
        """Let it take public traffic, for the rest of this life."""
        if not self.admitted:
            os.eventfd_write(self._gate, 1)
            self.admitted = True
            self._around.remember()

    def output(self, lines: int) -> list[str]:
        """The last lines of its log, none from before this life."""
        return logs.tail(self.log, lines, self._log_began)

    def forget_socket(self) -> None:
        """Remove the private socket of this life, which has ended: a killed replica leaves it."""
        with suppress(OSError):
            self.socket.unlink(missing_ok=True)

    def forget_gate(self) -> None:
        """Close our end of the gate; the replica has its own."""
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1

    async def until_ready(self) -> None:
        """Wait until it serves on its private socket. Raises EndedError."""
        assert self.child
        serving = asyncio.ensure_future(serves(self.socket))
        try:
            await asyncio.wait((serving, self.child.end), return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                raise EndedError(await self.child.ended())
        finally:
            serving.cancel()
        self.ready = True

    async def until_quiet(self) -> None:
        """Wait until it takes no connection any more."""
        while self.running and accepts(self.socket):  # noqa: ASYNC110 - nothing tells when it is closed
            await asyncio.sleep(POLL)

    def state(self) -> dict[str, Any]:
        """What a later supervisor needs to take it over."""
        return {
            "name": self.name,
            "serial": self.serial,
            "restarts": self.restarts,
            "admitted": self.admitted,
            "process": list(self.child.identity) if self.child and self.child.running else None,
        }

    def describe(self, memory: Mapping[int, int]) -> dict[str, Any]:
        """What status tells of it; `memory` is in bytes by session, of all processes."""
        pid = self.child.pid if self.child and self.child.running else 0
        return {
            "name": self.name,
            "pid": pid,
            "socket": str(self.socket),
            "ready": self.ready and self.running,
            "restarts": self.restarts,
            "memory": memory.get(pid, 0),
        }

    def _make_gate(self) -> None:
        self.forget_gate()
        self._gate = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def _environment(self, spec: LaunchSpec) -> dict[str, str]:
        return {
            **self._around.environment(spec),
            "PUSHLIVE_REPLICA": self.name,
            "PUSHLIVE_SOCKET": str(self.socket),
            "PUSHLIVE_PUBLIC_FDS": ",".join(map(str, self._around.public)),
            "PUSHLIVE_GATE_FD": str(self._gate),
        }


class EndedError(Exception):
    """A replica ended before it was ready. `code`: as subprocess has it, None when unknown."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return how_it_ended(self.code)


def how_it_ended(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "ended"
    if code < 0:
        return f"was killed by {_signal_name(-code)}"
    return f"ended with exit code {code}"


def _signal_name(number: int) -> str:
    """A signal in a word; only the first ones have a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
