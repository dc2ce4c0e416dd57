"""A note of what git is about to do, for whoever finds that it did not.

Between a release going live in a pre-receive hook and git moving the branch, anything can be killed. The note says
which ref is to move where and which process will move it (see docs/decisions/0002).
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from pushlive.model.home import SiteHome
from pushlive.system import files
from pushlive.system.process import start_time

_PAUSE = 0.005


@dataclass(frozen=True, slots=True)
class Pending:
    """`ref` is to move from `old` to `new` once `release` is live; process `pid`, begun at `started`, moves it.

    With pid 0 nobody else will: the delivery itself moves the ref, or whoever finds the note.
    """

    ref: str
    old: str
    new: str
    delivery: int
    release: str
    pid: int = 0
    started: int = 0

    @property
    def mover_lives(self) -> bool:
        """The process that will move the ref is still there."""
        return self.pid > 0 and start_time(self.pid) == self.started


def caller() -> tuple[int, int]:
    """Our parent's id and when it began: in a hook, the git process that moves the ref."""
    return os.getppid(), start_time(os.getppid())


def write(home: SiteHome, pending: Pending) -> None:
    """Leave the note, durably."""
    files.write_atomic(_path(home), msgspec.json.encode(asdict(pending)), mode=0o600)


def read(home: SiteHome) -> Pending | None:
    """The note, if one was left."""
    try:
        return msgspec.json.decode(_path(home).read_bytes(), type=Pending)
    except FileNotFoundError:
        return None


def clear(home: SiteHome) -> None:
    """Remove the note."""
    with suppress(FileNotFoundError):
        _path(home).unlink()


def wait_for_mover(pending: Pending, moved: Callable[[], bool]) -> None:
    """Wait until the ref has moved, or the process that moves it is gone."""
    while pending.mover_lives and not moved():
        time.sleep(_PAUSE)


def _path(home: SiteHome) -> Path:
    return home.run / "pending.json"
