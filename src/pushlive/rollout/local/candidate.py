"""A candidate as the one who delivers it sees it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pushlive.model.errors import PushliveError, RolloutError
from pushlive.model.events import Note, Report
from pushlive.model.home import SiteHome
from pushlive.rollout.engine import Replica
from pushlive.rollout.local import client, places
from pushlive.rollout.local.client import Client, HungUpError
from pushlive.rollout.local.launch import LaunchSpec
from pushlive.rollout.local.protocol import Op
from pushlive.system.http import Address

_POLL = 0.02


@dataclass
class LocalCandidate:
    """Held by its connection to the supervisor: should we die, it is stopped."""

    replicas: tuple[Replica, ...]
    _home: SiteHome
    _link: Client
    _spec: LaunchSpec
    _generation: int
    _report: Report
    _before_commit: Callable[[], None]
    _committed: bool = False

    @classmethod
    def start(
        cls, home: SiteHome, link: Client, spec: LaunchSpec, *, report: Report, before_commit: Callable[[], None]
    ) -> Self:
        """Start it and wait until every replica serves on its private socket. Raises RolloutError, MachineError."""
        try:
            answer = link.ask(Op.CANDIDATE, lasts=spec.start_timeout, release=spec.release)
        except HungUpError as error:
            raise _undone(home, spec.release) from error
        replicas = tuple(replica({**value, "release": spec.release}) for value in answer["replicas"])
        return cls(replicas, home, link, spec, answer["generation"], report, before_commit)

    def admit(self) -> None:
        """Let it take public traffic. Raises RolloutError when one of its replicas has ended."""
        try:
            self._link.ask(Op.ADMIT)
        except HungUpError as error:
            raise _undone(self._home, self._spec.release) from error

    def commit(self) -> None:
        """Make it live, durably; returns when no earlier release takes a connection. Raises RolloutError.

        Should the supervisor die over it, the next one is asked how it ended.
        """
        self._before_commit()
        try:
            answer = self._link.ask(Op.COMMIT, lasts=2 * self._spec.stop_timeout)
        except HungUpError as error:
            self._converge(error)
            answer = {}
        self._committed = True
        for warning in answer.get("warnings", ()):
            self._report(Note(warning, warning=True))

    def output(self) -> str:
        """What its replicas printed lately; empty when nobody can say."""
        with suppress(PushliveError, HungUpError):
            return str(self._link.ask(Op.OUTPUT)["output"])
        return ""

    def leave(self) -> None:
        """Stop it unless it was committed; returns when it takes no connection any more."""
        if not self._committed:
            with suppress(PushliveError, HungUpError):
                self._link.ask(Op.ABANDON, lasts=2 * self._spec.stop_timeout)

    def _converge(self, error: HungUpError) -> None:
        """Wait until the next supervisor has finished what was committed. Raises RolloutError if nothing was."""
        deadline = time.monotonic() + 2 * self._spec.stop_timeout + client.ANSWER_PATIENCE
        while time.monotonic() < deadline:
            with suppress(HungUpError), client.reach(self._home) as link:
                found = link.ask(Op.STATUS)
                if found["generation"] != self._generation:
                    raise _undone(self._home, self._spec.release) from error
                if not found["retiring"]:
                    return
            time.sleep(_POLL)
        raise RolloutError(f"{self._spec.release} is live, and an earlier release does not end") from error


def replica(value: dict[str, Any]) -> Replica:
    """A replica from the supervisor's description of it."""
    return Replica(
        name=value["name"],
        release=value["release"],
        pid=value["pid"],
        address=Address(socket=Path(value["socket"])),
        ready=value["ready"],
        restarts=value["restarts"],
        memory=value["memory"],
    )


def _undone(home: SiteHome, release: str) -> RolloutError:
    return RolloutError(
        f"the site's supervisor ended while {release} was rolled out; the earlier release still serves",
        where=str(places.supervisor_log(home)),
        remedy="It starts again by itself: deliver again.",
    )
