"""Take over files that somebody else wrote: plain files and folders alone, without following a link anywhere."""

import os
import shutil
import stat
from pathlib import Path


def harvest(source: Path, target: Path) -> None:
    """Copy `source` to the new folder `target`, as ours. Links, devices, sockets and pipes are left behind.

    Whoever owns `source` may change it meanwhile: each file is opened relative to its folder's descriptor, and is
    judged by what was opened.
    """
    target.mkdir(exist_ok=True)
    for place, folders, names, descriptor in os.fwalk(source, follow_symlinks=False):
        there = target / os.path.relpath(place, source)
        for name in folders:
            if stat.S_ISDIR(os.lstat(name, dir_fd=descriptor).st_mode):
                (there / name).mkdir(exist_ok=True)
        for name in names:
            _take(name, descriptor, there / name)


def _take(name: str, folder: int, target: Path) -> None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
