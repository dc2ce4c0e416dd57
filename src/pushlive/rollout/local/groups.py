"""The replicas of one release in one rollout: started together, kept alive, stopped together."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pushlive.model.errors import PushliveError, RolloutError
from pushlive.rollout.local import logs
from pushlive.rollout.local.backoff import Backoff
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.rollout.local.replicas import EndedError, Replica, Surroundings, how_it_ended

EVIDENCE_LINES = 12
OUTPUT_LINES = 400

_GRACE_AFTER_TIMEOUT = 2.0
_CHANCES = 2


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
            replica.forget_socket()

    def state(self) -> dict[str, Any]:
        """What a later supervisor needs to take it over."""
        return {
            "generation": self.generation,
            "release": self.spec.release,
            "stop_timeout": self.spec.stop_timeout,
            "replicas": [replica.state() for replica in self.replicas],
        }

    async def _start_one(self, replica: Replica) -> None:
        for chance in range(1, _CHANCES + 1):
            replica.start(self.spec, fork=chance == 1)
            try:
                await replica.until_ready()
            except EndedError as error:
                if chance == _CHANCES or not _deserves_another(replica, error.code):
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
        # All of them, when the last one got ready in the moment in which the time was over.
        waiting = [replica for replica in self.replicas if not replica.ready] or self.replicas
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


def _deserves_another(replica: Replica, code: int | None) -> bool:
    """Somebody killed it, or it was forked: what fails then counts only when it fails in a fresh interpreter too."""
    return (code is not None and code < 0) or (replica.child is not None and replica.child.forked)


def _listed(replicas: Sequence[Replica]) -> str:
    return ", ".join(replica.name for replica in replicas)
