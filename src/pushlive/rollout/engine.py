"""What every engine can do. Releases are driven through it alone; a site's record is the local engine's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from pushlive.model.events import Report
from pushlive.model.image import Layer
from pushlive.model.release import Release
from pushlive.system.http import Address
from pushlive.system.process import Completed


class Replica(Struct, frozen=True):
    """One running copy of a release. `address` is private to the machine or cluster; memory in bytes."""

    name: str
    release: str
    pid: int
    address: Address
    ready: bool = True
    restarts: int = 0
    memory: int = 0


class EngineStatus(Struct, frozen=True):
    """What runs now. `live` is the committed release's name, None before the first; `warm` the fork server's pid."""

    live: str | None
    public: Address
    replicas: tuple[Replica, ...] = ()
    cache: str = ""
    supervisor: int = 0
    stopped: bool = False
    warm: int = 0


class Warm(Struct, frozen=True):
    """A place where the site's Python has been started already: its interpreter, packages and server layer.

    `attend` runs a program as `system.process.attend` does; its exit code may be None, for one it cannot know.
    """

    python: Path
    packages: Path
    server: Path
    attend: Callable[..., int | None]


class Candidate(Protocol):
    """A release that runs beside the live one and takes no public traffic until it is admitted."""

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """Its replicas; each answers on its private address."""

    def admit(self) -> None:
        """Let it take public traffic, beside the live release. Raises RolloutError, once a replica has ended too."""

    def commit(self) -> None:
        """Make it the live release, durably, then let the old one finish its requests and stop.

        Returns when nothing but this release accepts connections. Raises RolloutError when it did not become live.
        """

    def output(self) -> str:
        """What its replicas printed lately: the evidence when its page is wrong. Ask before you leave it."""


class Engine(Protocol):
    """A place where releases run."""

    @property
    def public(self) -> Address:
        """The address that people use."""

    def prepare(self, release: Release) -> None:
        """Bring the release's files where they run from. Does nothing the second time."""

    def environment(self, release: Release) -> Mapping[str, str]:
        """The whole environment a process of the release gets, secrets included: never print it."""

    def run(
        self,
        release: Release,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        timeout: float | None = None,
    ) -> Completed:
        """Run a command in a prepared release, as its user, in its folder, as `system.process.stream` does."""

    def outlast(self, patience: float) -> bool:
        """Wait for what `run` started for deliverers that were killed, for `patience` seconds at most.

        Call it while nothing is delivered; returns whether none of it runs any more.
        """
        ...

    def attach(self, release: Release, argv: Sequence[str]) -> int:
        """Run a command as `run` does, on our own standard streams; returns the exit code."""

    def candidate(self, release: Release, report: Report) -> AbstractContextManager[Candidate]:
        """Start a prepared release. Left without `commit`, all of it is stopped and the old one untouched.

        Returns when every replica answers on its private address. Raises RolloutError with the log's end.
        """

    def warm(self, python: Path, shared: Sequence[Layer]) -> Warm | None:
        """A quicker start for code that needs this interpreter and these layers; None when there is none now."""

    def rescue(self) -> None:
        """Have what runs looked after again, if nobody does; nothing is started that does not run."""
        ...

    def live(self) -> str | None:
        """The live release's name, None before the first: of what `status` tells, what takes no time to find out."""

    def status(self) -> EngineStatus:
        """What runs now."""

    def logs(self, *, follow: bool, lines: int) -> Iterator[str]:
        """The site's log lines, each with its replica's name; without end when `follow`."""

    def collect(self, keep: Sequence[Release]) -> None:
        """Remove the files of every release that is not in `keep` and does not run."""

    def stop(self, *, forget: bool = False) -> None:
        """Stop all that runs for the site, memcached too. The data stays; with `forget` no release is live any more."""
