"""A head start for the inspection: the site's Python has Django imported by the time it is asked.

Where the site is live, its engine has a fork server for that. Elsewhere, in CI for one, a build starts one of its own
while git and the registry are waited for, from what the build before it ran with.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from pushlive.model.errors import MachineError
from pushlive.model.home import SiteHome
from pushlive.pipeline.context import Context
from pushlive.rollout.local import forks, places, unix
from pushlive.system import process
from pushlive.system.files import write_atomic
from pushlive.system.process import Account

if TYPE_CHECKING:
    from pushlive.pipeline.parts import Parts
    from pushlive.rollout.engine import Warm

_BACKLOG = 8


class _RanWith(Struct, frozen=True):
    """What a site's code was run with: an interpreter, and the folders of its packages and of our server."""

    python: str
    packages: str
    server: str

    @property
    def is_here(self) -> bool:
        return Path(self.packages).is_dir() and Path(self.program).is_file()

    @property
    def program(self) -> str:
        return f"{self.server}/run.py"


class HeadStart(Struct, frozen=True):
    """A Python that is being started: `place` is its fork server's socket. Who asks too early waits there."""

    ran_with: _RanWith
    place: Path

    def warm(self, parts: "Parts") -> "Warm | None":
        """The quicker start, if the site still runs with the same."""
        from pushlive.rollout.engine import Warm  # noqa: PLC0415 - for the start it would come too early

        if self.ran_with != _of(parts):
            return None
        folders = parts.python.path, parts.packages.folder, parts.server.folder
        return Warm(*folders, partial(forks.attend, self.place))


@contextmanager
def head_start(context: Context, scratch: Path) -> Iterator[HeadStart | None]:
    """Start the site's Python below `scratch`, for as long as the block runs; None where nobody knows which one.

    Nor where the engine has one. It is a help and never needed: what cannot be started is done without.
    """
    known = None if places.warm_file(context.site).exists() else _recall(context.site)
    if known is None:
        yield None
        return
    with ExitStack() as until_done:
        folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        until_done.callback(os.close, folder)
        # By the descriptor: the folder's own path may be too long for a socket's.
        place = Path(f"/proc/self/fd/{folder}/ahead.sock")
        try:
            stop = _start(known, place, context.record.account)
        except (MachineError, OSError):
            yield None
        else:
            until_done.callback(stop)
            yield HeadStart(known, place)


def remember(site: SiteHome, parts: "Parts") -> None:
    """Note what the site's code was run with, for the next build."""
    ran_with = _of(parts)
    if _recall(site) != ran_with:
        write_atomic(site.ran_with, msgspec.json.encode(ran_with))


def _recall(site: SiteHome) -> _RanWith | None:
    try:
        known = msgspec.json.decode(site.ran_with.read_bytes(), type=_RanWith)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return known if known.is_here else None


def _of(parts: "Parts") -> _RanWith:
    return _RanWith(str(parts.python.path), str(parts.packages.folder), str(parts.server.folder))


def _start(ran_with: _RanWith, place: Path, account: Account | None) -> Callable[[], None]:
    """Start a fork server that listens at `place`; what ends it. By the pipe that it watches it ends with us, too."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        with unix.bind(place) as listener:
            listener.listen(_BACKLOG)
            fds = (listener.fileno(), reader)
            argv = [ran_with.python, ran_with.program, "warm"]
            child = process.popen(argv, env=_environment(ran_with, *fds), account=account, pass_fds=fds)
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)

    def stop() -> None:
        os.close(writer)
        child.kill()
        child.wait()

    return stop


def _environment(ran_with: _RanWith, listener: int, owner: int) -> dict[str, str]:
    """As the inspection will have it, as far as that cannot be changed any more once Python runs."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": ran_with.packages,
        "PUSHLIVE_WARM_FOR": "ask",
        "PUSHLIVE_WARM_FD": str(listener),
        "PUSHLIVE_WARM_OWNER_FD": str(owner),
    }
