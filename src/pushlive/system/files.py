"""Write files so that a reader, or a power cut, sees the old text or the new and nothing between."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushlive.model.errors import MachineError, StateError
from pushlive.system.process import Account

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn an OSError inside the block into a MachineError (disk full, no right) or StateError that names it."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise MachineError(
                f"no space left on the disk that holds {place}",
                where=str(place),
                remedy="Free some space (`pushlive image prune` removes what no kept release needs) and run it again.",
            ) from error
        if isinstance(error, PermissionError):
            raise MachineError(
                f"no right to write {error.filename or place}",
                where=str(place),
                remedy="Run the command as the user who owns the folder, or set PUSHLIVE_HOME to one of yours.",
            ) from error
        raise StateError(f"{error.filename or place}: {error.strerror}", where=str(place)) from error


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by `content`, durably. Raises MachineError on a full disk."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hand_over(path: Path, account: Account | None) -> None:
    """Give a folder and all in it to `account`; links are changed and not followed. None: nothing to do."""
    if account is None:
        return
    os.chown(path, account.uid, account.gid, follow_symlinks=False)
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            os.chown(Path(folder) / name, account.uid, account.gid, follow_symlinks=False)


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, read-only parts too; nothing there is fine."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
