"""Folders for the trees a delivery works on, each named for its process, so that a dead one's can be told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushlive.model.home import SiteHome
from pushlive.system import proc
from pushlive.system.files import remove_tree


@contextmanager
def scratch(site: SiteHome) -> Iterator[Path]:
    """A folder of this process's own; removed in the end."""
    folder = site.work / _name(os.getpid())
    folder.mkdir(parents=True, exist_ok=True)
    for each in (site.work, folder):
        each.chmod(0o711)
    try:
        yield folder
    finally:
        remove_tree(folder)


def sweep(site: SiteHome) -> None:
    """Remove the folders of processes that are gone."""
    for folder in site.work.glob("[0-9]*"):
        pid = folder.name.partition("-")[0]
        if not pid.isdecimal() or _name(int(pid)) != folder.name:
            remove_tree(folder)


def _name(pid: int) -> str:
    found = proc.identify(pid)
    return f"{pid}-{found.started if found else 0}"
