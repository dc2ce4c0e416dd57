"""Which release is live, which is a candidate, which are on their way out; and what of it is on the disk."""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from pushlive.model.errors import MachineError, PushliveError, RolloutError, StateError, SupersededError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import children, launch, live, logs, places, strays
from pushlive.rollout.local.groups import EVIDENCE_LINES, Group
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.rollout.local.live import Live
from pushlive.rollout.local.memcached import Memcached
from pushlive.rollout.local.record import SiteRecord
from pushlive.rollout.local.replicas import Surroundings
from pushlive.rollout.local.secrets import SecretStore
from pushlive.rollout.local.warm import ForkServer
from pushlive.system import proc


class Rollouts:
    """The site's rollouts. One candidate at a time: a newer one takes the older one's place."""

    def __init__(self, home: SiteHome, record: SiteRecord, public: tuple[int, ...]) -> None:
        self.home = home
        self.memcached = Memcached(home, record.account)
        self.live: Group | None = None
        self.candidate: Group | None = None
        self._record = record
        self._retiring: list[Group] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._serial = self._generation = self._cache_wishes = 0
        self._warm = ForkServer(home, record.account, self.environment)
        self._around = Surroundings(
            home, public, self.environment, self._next_serial, self.remember, fork=self._warm.fork
        )

    async def resume(self) -> None:
        """Go on where an earlier supervisor stopped: adopt the live release, or start it; stop what is left over."""
        last, recorded = live.read(self.home), strays.recorded(self.home)
        self._serial, self._generation = recorded.serial, max(recorded.generation, last.generation if last else 0)
        self.memcached.adopt()
        self._warm.clear()
        for group in recorded.groups:
            if last is None or last.stopped or group["generation"] != last.generation:
                self._stop_left_over(group)
        if last and not last.stopped:
            await self._resume_live(last, recorded.of(last.generation))
        strays.stop_unknown(self.home, self._known())
        self.remember()

    def propose(self, spec: LaunchSpec) -> Group:
        """Make a release the candidate, in the place of any other."""
        if self.candidate:
            self.abandon(self.candidate)
        self._generation += 1
        self.candidate = Group.of(spec, self._generation, self._around)
        return self.candidate

    async def start(self, group: Group) -> None:
        """Start the candidate beside the live release. Raises RolloutError, StateError or MachineError."""
        await self.cache_for(group.spec)
        self.require(group)
        await group.start_candidate()

    async def cache_for(self, spec: LaunchSpec) -> str:
        """Have memcached running for a release that is not live yet; returns its MEMCACHED_SERVERS."""
        self._cache_wishes += 1
        if spec.cache and not spec.cache.servers:
            await self.memcached.ensure(spec.cache)
        return self._servers(spec)

    def require(self, group: Group) -> None:
        """Raise unless `group` is the candidate and all of it runs."""
        if group is not self.candidate:
            raise SupersededError(f"a newer delivery took the place of {group.spec.release}")
        group.check()

    def admit(self, group: Group) -> None:
        """Let the candidate take public traffic. Raises RolloutError or SupersededError."""
        self.require(group)
        group.admit()

    async def commit(self, group: Group) -> list[str]:
        """Make the candidate the live release; returns warnings, once nothing else accepts connections.

        From the durable write on there is no way back, whatever becomes of the one who asked.
        """
        self.admit(group)
        live.write(self.home, Live(group.spec.release, group.generation))
        old, self.live, self.candidate = self.live, group, None
        group.keep_alive()
        self._warm.settle(group.spec)
        if old:
            self._retiring.append(old)
        self.remember()
        warnings = await self._settle_cache()
        await asyncio.gather(*(one.quiesce() for one in self._retiring))
        if old:
            self._spawn(self._finish(old))
        return warnings

    def abandon(self, group: Group) -> None:
        """Stop a candidate that is not to be."""
        if group is self.candidate:
            self.candidate = None
            self._retire(group)

    async def stop(self, *, forget: bool = False) -> None:
        """Stop every release and memcached, and remember that this was wanted; or, with `forget`, that none is live."""
        if forget:
            live.forget(self.home)
        elif self.live:
            live.stop(self.home)
        for group in (self.live, self.candidate):
            if group:
                self._retire(group)
        self.live = self.candidate = None
        await asyncio.gather(*self._tasks)
        await self._warm.stop()
        await self.memcached.stop()
        strays.kill_left_behind(self.home, os.getpid(), spare=children.OURS)

    @property
    def live_name(self) -> str | None:
        """The release that is live, though it may be stopped; None before the first commit."""
        return live.name(self.home)

    @property
    def names(self) -> list[str]:
        """The replicas of the live release and of what is starting."""
        return sorted(replica.name for group in (self.live, self.candidate) if group for replica in group.replicas)

    def status(self) -> dict[str, Any]:
        """What runs now. What was stopped is live all the same: it is what a push or a rollback starts from."""
        last = live.read(self.home)
        memory = proc.memory_by_session()
        return {
            "live": last.release if last else None,
            "generation": last.generation if last else 0,
            "retiring": len(self._retiring),
            "replicas": [
                {**replica.describe(memory), "release": group.spec.release}
                for group in (self.live, self.candidate)
                if group
                for replica in group.replicas
            ],
            "cache": self._servers(self.live.spec) if self.live else "",
            "cache_pid": self.memcached.pid,
            "warm": self._warm.pid,
        }

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """The whole environment of a release's processes. Raises StateError when a secret has no value."""
        secrets = SecretStore(self.home.secrets).values(spec.secrets_version)
        env = launch.environment(spec, secrets, self._servers(spec))
        return {**env, "PUSHLIVE_PROBE_KEY": self._record.probe_key}

    def remember(self) -> None:
        """Write down which processes are ours. A full disk is told and does not stop the site."""
        groups = [self.live, self.candidate, *self._retiring]
        value = {
            "boot": proc.boot(),
            "serial": self._serial,
            "generation": self._generation,
            "groups": [group.state() for group in groups if group],
        }
        try:
            places.write_state(places.replicas_file(self.home), value)
        except (MachineError, StateError) as error:
            logs.say(str(error))

    async def _resume_live(self, last: Live, recorded: dict[str, Any]) -> None:
        spec = self._readable_spec(last.release, recorded)
        group = self.live = Group.of(spec, last.generation, self._around)
        known = {value["name"]: value for value in recorded.get("replicas", ())}
        for replica in group.replicas:
            value = known.pop(replica.name, None)
            # One that was never let through the gate cannot be now: the gate went with the supervisor that made it.
            if value and not (value["admitted"] and replica.adopt(value)):
                known[replica.name] = value
                replica.child = None
        if known:
            self._stop_left_over({**recorded, "replicas": list(known.values())})
        await self._settle_cache()
        if spec.argv:
            group.keep_alive()
            self._warm.settle(spec)

    def _readable_spec(self, release: str, recorded: dict[str, Any]) -> LaunchSpec:
        try:
            return launch.read(places.launch_file(self.home, release))
        except StateError as error:
            logs.say(f"{error}. What runs of it is left as it is")
            return _nameless(release, recorded)

    def _stop_left_over(self, recorded: dict[str, Any]) -> None:
        """Stop replicas that an earlier supervisor started and that are not to live on."""
        group = Group.of(_nameless(recorded["release"], recorded), recorded["generation"], self._around)
        for replica, value in zip(group.replicas, recorded["replicas"], strict=True):
            replica.name = value["name"]
            replica.adopt(value)
        self._retire(group)

    async def _settle_cache(self) -> list[str]:
        """Have memcached as the live release wants it, if that can be read; returns warnings."""
        if self.live and not self.live.spec.argv:
            return []
        try:
            await self.memcached.settle(self.live.spec.cache if self.live else None)
        except PushliveError as error:
            logs.say(str(error))
            return [str(error)]
        return []

    def _servers(self, spec: LaunchSpec) -> str:
        if not spec.cache:
            return ""
        return ",".join(spec.cache.servers) or self.memcached.address

    def _retire(self, group: Group) -> None:
        self._retiring.append(group)
        self._spawn(self._put_down(group))

    async def _put_down(self, group: Group) -> None:
        """Stop a release, and the memcached that it alone wanted."""
        wishes = self._cache_wishes
        await group.quiesce()
        await self._finish(group)
        if self.candidate is None and wishes == self._cache_wishes:
            await self._settle_cache()

    async def _finish(self, group: Group) -> None:
        await group.finish()
        with suppress(ValueError):
            self._retiring.remove(group)
        self.remember()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def _known(self) -> set[int]:
        groups = [self.live, *self._retiring]
        return {replica.child.pid for group in groups if group for replica in group.replicas if replica.child}


def candidate_output(group: Group, lines: int = EVIDENCE_LINES) -> str:
    """The end of what each replica printed in this life."""
    return "\n".join(line for replica in group.replicas for line in replica.output(lines))


def _nameless(release: str, recorded: dict[str, Any]) -> LaunchSpec:
    """A launch spec that can stop a release and not start it."""
    return LaunchSpec(
        release=release,
        argv=(),
        cwd="/",
        env={},
        replicas=len(recorded.get("replicas", ())),
        stop_timeout=recorded.get("stop_timeout", launch.DEFAULT_STOP_TIMEOUT),
    )


def unready(release: str) -> RolloutError:
    """The error of a request that needs a candidate when there is none."""
    return RolloutError(f"{release} is not a candidate")
