"""A site's folders: who may enter which, and files made in the name of the site's user."""

import ctypes
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushlive.model.errors import MachineError, PushliveError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import places
from pushlive.system.files import explained
from pushlive.system.process import Account

_OWNER_ALONE = 0o700
_GROUP_PASSES = 0o710
_PASS_THROUGH = 0o711
_READABLE = 0o755


def lay_out(home: SiteHome, account: Account | None) -> None:
    """Make the folders of a site, each with the rights it must have. Raises MachineError.

    The site's user reaches releases and layers, owns `data` and the folder of private sockets, and nothing else. No
    other user, of another site for example, comes past the site's own folder.
    """
    places.check_socket_paths(home)
    with explained(home.path):
        _folder(home.path, _GROUP_PASSES if account else _OWNER_ALONE, group=account.gid if account else None)
        for path, mode in (
            (home.run, _PASS_THROUGH if account else _OWNER_ALONE),
            (home.releases, _READABLE),
            (home.layers, _READABLE),
        ):
            _folder(path, mode)
        for path in (home.logs, home.secrets):
            _folder(path, _OWNER_ALONE)
        for path in (home.data, places.sockets(home)):
            _folder(path, _OWNER_ALONE, account)
        if account:
            check_reach(home.path, "set PUSHLIVE_HOME to a folder that is open")
        with acting_as(account):
            (home.data / ".home").mkdir(mode=_OWNER_ALONE, exist_ok=True)


def check_reach(path: Path, otherwise: str) -> None:
    """Raise MachineError unless every user may pass through all folders above `path`; `otherwise` is a way around."""
    for folder in path.resolve().parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise MachineError(
                f"the site's own user cannot reach {path}, since {folder} is closed to others",
                where=str(folder),
                remedy=f"Open it with `chmod o+x {folder}`, or {otherwise}.",
            )


@contextmanager
def acting_as(account: Account | None) -> Iterator[None]:
    """Touch files with the rights of a user, and make them in that user's name, inside the block (setfsuid(2)).

    What the site's user has put in `data`, links to anywhere for example, then leads no further than the user itself
    could go. Only this thread is concerned, and only its access to files.
    """
    if account is None or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.setfsgid(account.gid)
    libc.setfsuid(account.uid)
    try:
        yield
    finally:
        libc.setfsuid(0)
        libc.setfsgid(0)


def sync(path: Path) -> None:
    """Make durable what was written to the file system of `path` (syncfs(2)). Raises StateError, MachineError."""
    with explained(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(descriptor)


class Syncing:
    """A `sync` that goes on while we do other things. `wait` returns at its end, and raises what it raised."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: PushliveError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for its end. Raises StateError, MachineError."""
        self._thread.join()
        if self._failed:
            raise self._failed

    def _run(self) -> None:
        try:
            sync(self._path)
        except PushliveError as error:
            self._failed = error


def _folder(path: Path, mode: int, account: Account | None = None, *, group: int | None = None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    found = path.lstat()
    uid = account.uid if account else found.st_uid
    gid = account.gid if account else found.st_gid if group is None else group
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.chown(path, uid, gid, follow_symlinks=False)
    if stat.S_IMODE(found.st_mode) != mode:
        path.chmod(mode)
