"""Replicas: the processes of a release, each on its private socket and, once admitted, on the public ones."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushlive.model.errors import PushliveError, RolloutError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import children, logs, places, processes
from pushlive.rollout.local.backoff import Backoff
from pushlive.rollout.local.children import Child
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.rollout.local.processes import Identity

POLL = 0.004
"""Seconds between two looks at a private socket."""

EVIDENCE_LINES = 12
OUTPUT_LINES = 400

_GRACE_AFTER_TIMEOUT = 2.0
_SIGNAL_CHANCES = 2


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


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a replica is started with beside its launch spec. `environment` makes the release's, secrets included."""

    home: SiteHome
    public: tuple[int, ...]
    environment: Callable[[LaunchSpec], Mapping[str, str]]
    serial: Callable[[], int]
    remember: Callable[[], None]


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

    def start(self, spec: LaunchSpec) -> None:
        """Begin a new life, not admitted. Raises MachineError or StateError."""
        self.ready = self.admitted = False
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

    def describe(self) -> dict[str, Any]:
        """What status tells of it; memory in bytes, of all its processes."""
        pid = self.child.pid if self.child and self.child.running else 0
        memory = sum(found.memory for found in processes.session(pid).values()) if pid else 0
        return {
            "name": self.name,
            "pid": pid,
            "socket": str(self.socket),
            "ready": self.ready and self.running,
            "restarts": self.restarts,
            "memory": memory,
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
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@dataclass
class Group:
    """The replicas of one release in one rollout. `generation` tells two rollouts of one release apart."""

    spec: LaunchSpec
    generation: int
    replicas: list[Replica]
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _failure: RolloutError | None = None

    @classmethod
    def of(cls, spec: LaunchSpec, generation: int, around: Surroundings) -> "Group":
        """The replicas that a launch spec asks for, none started."""
        names = (f"{spec.release}-{number + 1}" for number in range(spec.replicas))
        return cls(spec, generation, [Replica(name, around) for name in names])

    async def start_candidate(self) -> None:
        """Start every replica and wait until each is ready. Raises RolloutError at the first that is not."""
        starts = [asyncio.ensure_future(self._start_one(replica)) for replica in self.replicas]
        try:
            async with asyncio.timeout(self.spec.start_timeout):
                await asyncio.gather(*starts)
        except TimeoutError as error:
            raise self._late() from error
        finally:
            for start in starts:
                start.cancel()
        self._watch(self._until_one_ends)

    def admit(self) -> None:
        """Let every replica take public traffic. Raises RolloutError when one has ended."""
        self.check()
        for replica in self.replicas:
            replica.admit()

    def check(self) -> None:
        """Raise the RolloutError of a candidate one of whose replicas ended."""
        if self._failure:
            raise self._failure

    def keep_alive(self) -> None:
        """From now on start again, with backoff, each replica that ends. Those that never started are started."""
        self._cancel()
        self._watch(self._keep)

    async def quiesce(self) -> None:
        """Tell every replica to end, and return when none takes a connection any more: killed if it will not."""
        self._cancel()
        for replica in self.replicas:
            self._terminate(replica)
        patience = self.spec.stop_timeout + _GRACE_AFTER_TIMEOUT
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.until_quiet()
                return
        logs.say(f"{self.spec.release} did not stop within {patience:.0f} s; it is killed")
        await self.finish(0)

    async def until_quiet(self) -> None:
        """Wait until no replica takes a connection any more."""
        await asyncio.gather(*(replica.until_quiet() for replica in self.replicas))

    async def finish(self, patience: float | None = None) -> None:
        """Wait until every replica has ended, killing after `patience` seconds (None: the stop timeout)."""
        self._cancel()
        seconds = self.spec.stop_timeout + _GRACE_AFTER_TIMEOUT if patience is None else patience
        running = [replica.child for replica in self.replicas if replica.child and replica.child.running]
        await asyncio.gather(*(child.finish(seconds) for child in running))
        for replica in self.replicas:
            replica.forget_gate()
            with suppress(OSError):
                replica.socket.unlink(missing_ok=True)

    def state(self) -> dict[str, Any]:
        """What a later supervisor needs to take it over."""
        return {
            "generation": self.generation,
            "release": self.spec.release,
            "stop_timeout": self.spec.stop_timeout,
            "replicas": [replica.state() for replica in self.replicas],
        }

    async def _start_one(self, replica: Replica) -> None:
        for chance in range(1, _SIGNAL_CHANCES + 1):
            replica.start(self.spec)
            try:
                await replica.until_ready()
            except EndedError as error:
                killed = error.code is not None and error.code < 0
                if not killed or chance == _SIGNAL_CHANCES:
                    raise self._crashed(replica, error.code) from error
                replica.restarts += 1
            else:
                return

    async def _until_one_ends(self, replica: Replica) -> None:
        assert replica.child
        code = await replica.child.ended()
        self._failure = self._failure or self._crashed(replica, code)

    async def _keep(self, replica: Replica) -> None:
        backoff = Backoff()
        while True:
            began = time.monotonic()
            if replica.child:
                code = await replica.child.ended()
                wait = backoff.after(time.monotonic() - began)
                logs.say(f"{replica.name} {how_it_ended(code)}; it is started again in {wait:.1f} s")
                replica.restarts += 1
                await asyncio.sleep(wait)
            await self._bring_back(replica)

    async def _bring_back(self, replica: Replica) -> None:
        try:
            replica.start(self.spec)
        except (PushliveError, OSError) as error:
            logs.say(f"{replica.name} cannot be started: {error}")
            await asyncio.sleep(1)
            return
        # It is on record by now: a process that no supervisor knows never takes public traffic.
        replica.admit()
        with suppress(EndedError):
            await replica.until_ready()

    def _terminate(self, replica: Replica) -> None:
        if replica.child:
            replica.child.send(signal.SIGTERM)
            # One that somebody stopped (SIGSTOP) would not hear it.
            replica.child.send(signal.SIGCONT)

    def _watch(self, job: "Callable[[Replica], Any]") -> None:
        self._tasks = [asyncio.ensure_future(job(replica)) for replica in self.replicas]

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def _late(self) -> RolloutError:
        waiting = [replica for replica in self.replicas if not replica.ready]
        return RolloutError(
            f"{_listed(waiting)} did not take a connection within {self.spec.start_timeout:g} s",
            where=str(waiting[0].log),
            remedy="Raise start_timeout in [run] if the site needs longer.",
            evidence=waiting[0].output(EVIDENCE_LINES),
            output="\n".join(waiting[0].output(OUTPUT_LINES)),
        )

    def _crashed(self, replica: Replica, code: int | None) -> RolloutError:
        return RolloutError(
            f"{replica.name} {how_it_ended(code)}" + ("" if replica.ready else " before it was ready"),
            where=str(replica.log),
            evidence=replica.output(EVIDENCE_LINES),
            output="\n".join(replica.output(OUTPUT_LINES)),
        )


def _listed(replicas: Sequence[Replica]) -> str:
    return ", ".join(replica.name for replica in replicas)
