"""memcached for one site: the system's own, with the site's settings, started again when it dies."""

import asyncio
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict

from pushlive.model.errors import MachineError, PushliveError
from pushlive.model.home import SiteHome
from pushlive.model.release import CacheSpec
from pushlive.rollout.local import children, logs, places
from pushlive.rollout.local.backoff import Backoff
from pushlive.rollout.local.children import Child
from pushlive.system import proc
from pushlive.system.proc import Identity
from pushlive.system.process import Account

HOST = "127.0.0.1"
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0
LONGEST_WAIT = 5.0

_MEBIBYTE = 1024 * 1024
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def find() -> str:
    """The path of the system's memcached; of nobody's own: whoever starts the site may have another PATH.

    Raises MachineError.
    """
    for folder in _FOLDERS:
        program = Path(folder) / "memcached"
        if os.access(program, os.X_OK):
            return str(program)
    raise MachineError(
        "memcached is not installed",
        remedy="Install it with `apt-get install memcached`, or name one that runs with `servers` in [cache].",
    )


def command(program: str, spec: CacheSpec, port: int) -> tuple[str, ...]:
    """The argv of memcached (memcached(1))."""
    return (
        program,
        *("-m", str(max(1, spec.memory // _MEBIBYTE))),
        *("-I", str(spec.max_item_size)),
        *("-c", str(spec.connections)),
        *("-t", str(spec.threads)),
        *("-l", HOST),
        *("-p", str(port)),
        *("-U", "0"),
    )


def free_port() -> int:
    """A TCP port of this machine that nobody has now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Something takes connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False


class Memcached:
    """The site's memcached. Call `ensure` before a site's process wants it."""

    def __init__(self, home: SiteHome, account: Account | None) -> None:
        self._home = home
        self._account = account
        self._spec: CacheSpec | None = None
        self._child: Child | None = None
        self._port = 0
        self._watch: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def running(self) -> bool:
        """It is up."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int:
        """Its process id, 0 when it does not run."""
        return self._child.pid if self._child and self._child.running else 0

    @property
    def address(self) -> str:
        """host:port, empty when the site has none here."""
        return f"{HOST}:{self._port}" if self._spec else ""

    def adopt(self) -> None:
        """Take over the one that an earlier supervisor started; keep its port if it is gone."""
        value = places.read_state(places.memcached_file(self._home))
        if not value:
            return
        self._port = value["port"]
        if value["boot"] != proc.boot():
            return
        self._child = children.adopt(Identity(*value["process"]))
        if self._child:
            self._spec = msgspec.convert(value["spec"], CacheSpec)
            self._watch = asyncio.create_task(self._keep())

    async def ensure(self, spec: CacheSpec) -> str:
        """Have one running and return its address; one that runs with other settings is left alone."""
        async with self._lock:
            if not self.running:
                await self._replace(spec)
        return self.address

    async def settle(self, spec: CacheSpec | None) -> None:
        """Run with exactly these settings: start, restart or stop it, or leave it when they are the same already."""
        wanted = spec if spec and not spec.servers else None
        async with self._lock:
            if wanted is None:
                await self._end()
            elif wanted != self._spec or not self.running:
                await self._replace(wanted)

    async def stop(self) -> None:
        """Stop it for good."""
        async with self._lock:
            await self._end()

    async def _replace(self, spec: CacheSpec) -> None:
        find()
        await self._end()
        self._spec = spec
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        self._watch = asyncio.create_task(self._keep())

    async def _end(self) -> None:
        if self._watch:
            self._watch.cancel()
        if self._child:
            await self._child.finish(STOP_TIMEOUT)
        self._watch = self._child = self._spec = None

    async def _keep(self) -> None:
        backoff = Backoff(longest=LONGEST_WAIT)
        while self._child:
            began = time.monotonic()
            await self._child.ended()
            logs.say(f"memcached ended after {time.monotonic() - began:.0f} s; it is started again")
            await asyncio.sleep(backoff.after(time.monotonic() - began))
            try:
                await self._start()
            except (PushliveError, OSError) as error:
                logs.say(str(error))

    async def _start(self) -> None:
        assert self._spec
        if not self._port or accepts(self._port):
            self._port = free_port()
        log = self._home.logs / "memcached.log"
        argv = command(find(), self._spec, self._port)
        self._child = children.start(argv, log=log, env={"PATH": "/usr/bin:/bin"}, account=self._account)
        self._remember()
        await self._until_ready(log)

    async def _until_ready(self, log: Path) -> None:
        assert self._child
        deadline = time.monotonic() + START_TIMEOUT
        while not accepts(self._port):
            if await self._child.ends_within(0.01) or time.monotonic() > deadline:
                raise MachineError(
                    "memcached does not start",
                    where=str(log),
                    evidence=logs.tail(log, 5),
                    remedy="Look at [cache] in pushlive.toml: its memory, connections and max_item_size.",
                )

    def _remember(self) -> None:
        assert self._child
        assert self._spec
        value: dict[str, Any] = {
            "boot": proc.boot(),
            "process": list(self._child.identity),
            "port": self._port,
            "spec": asdict(self._spec),
        }
        places.write_state(places.memcached_file(self._home), value)
