"""Write files so that a reader, or a power cut, sees the old text or the new and nothing between."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pushlive.model.errors import MachineError, StateError
from pushlive.system import process
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


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace `path` by `content`; not `durable`, a power cut may lose it. Raises MachineError on a full disk."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hand_over(path: Path, account: Account | None, *, folders: Collection[str] | None = None) -> None:
    """Give a folder of ours and all in it to `account`; links are changed and not followed. None: nothing to do.

    With `folders`, those in it alone, by their path, and no files. Children come before their parents: once a folder
    is theirs, the names in it lead wherever they want.
    """
    if account is not None:
        with _opened(path) as folder:
            _give(folder, str(path), account, folders)


def take_back(path: Path, *, folders: Collection[str] | None = None) -> None:
    """Make a folder that others own ours, with all folders in it (with `folders`, with those alone, by their path).

    Afterwards nobody else can change which names are in them. Parents come before their children: what is found in a
    folder of ours stays what it is. Needs root where they are not ours already. Raises OSError, also for folders that
    are nested deeper than can be followed.
    """
    try:
        with _opened(path) as folder:
            _take(folder, str(path), folders)
    except RecursionError as error:
        raise OSError(errno.ENAMETOOLONG, "folders are nested too deep", str(path)) from error


def remove(path: Path) -> int:
    """Remove a file; the bytes that become free by that: none as long as it has another name."""
    status = path.lstat()
    path.unlink()
    return status.st_size if status.st_nlink == 1 else 0


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, read-only parts too; nothing there is fine.

    What its owner does to it meanwhile leads nowhere else, as long as the folder that `path` lies in is ours.
    """
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not is_folder:
        path.unlink()
        return
    with suppress(OSError):
        take_back(path)
    with suppress(RecursionError):
        shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        # Nested deeper than Python can follow.
        process.run(["rm", "-rf", "--", path])


@contextmanager
def _opened(name: str | Path, within: int | None = None) -> Iterator[int]:
    """A folder, by a descriptor that stays with it wherever its name leads later. Raises OSError for a link."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    try:
        yield folder
    finally:
        os.close(folder)


def _give(folder: int, path: str, account: Account, wanted: Collection[str] | None) -> None:
    folders, others = _names(folder)
    for name in folders:
        inside = f"{path}/{name}"
        if wanted is None or inside in wanted:
            with _opened(name, folder) as inner:
                _give(inner, inside, account, wanted)
    for name in others if wanted is None else ():
        os.chown(name, account.uid, account.gid, dir_fd=folder, follow_symlinks=False)
    os.fchown(folder, account.uid, account.gid)


def _take(folder: int, path: str, wanted: Collection[str] | None) -> None:
    os.fchown(folder, os.geteuid(), os.getegid())
    os.fchmod(folder, (stat.S_IMODE(os.fstat(folder).st_mode) | 0o700) & ~0o022)
    for name in _names(folder)[0]:
        inside = f"{path}/{name}"
        if wanted is None or inside in wanted:
            with _opened(name, folder) as inner:
                _take(inner, inside, wanted)


def _names(folder: int) -> tuple[list[str], list[str]]:
    """The folders in a folder, and what else is in it."""
    with os.scandir(folder) as entries:
        found = [(entry.is_dir(follow_symlinks=False), entry.name) for entry in entries]
    return [name for is_folder, name in found if is_folder], [name for is_folder, name in found if not is_folder]
