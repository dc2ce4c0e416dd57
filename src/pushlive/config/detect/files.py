"""Read a tree that somebody else wrote: regular files inside it, of a sensible size, and nothing else."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

LARGEST = 1024 * 1024
"""Bytes; no file that is read here is larger, but for lock files, which are only asked for their names."""
DEPTH = 4
MOST_FOLDERS = 2000
_PASSED_OVER = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "env", "virtualenv", "vendor"})


class Files:
    """The files below `top`, by path relative to it with `/` between the parts. Reads each file once."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._real = os.path.realpath(top)
        self._texts: dict[str, str | None] = {}
        self._listed: dict[str, dict[str, bool]] = {}
        self._folders: dict[str, str] = {}

    def text(self, path: str) -> str | None:
        """The file's text, with undecodable bytes replaced; None when it is no regular file inside the tree."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def is_file(self, path: str) -> bool:
        """A regular file inside the tree."""
        return stat.S_ISREG(self._mode(path))

    def is_folder(self, path: str) -> bool:
        """A folder inside the tree; "" is its top."""
        return stat.S_ISDIR(self._mode(path))

    def first(self, *paths: str) -> str | None:
        """The first of `paths` that is a file."""
        return next((path for path in paths if self.is_file(path)), None)

    def names(self, folder: str = "") -> tuple[str, ...]:
        """The names in a folder, sorted; none when there is no such folder."""
        try:
            return tuple(sorted(path.name for path in (self.top / folder).iterdir())) if self.is_folder(folder) else ()
        except OSError:
            return ()

    def folders(self, below: str = "", depth: int = DEPTH) -> Iterator[str]:
        """`below`, then the folders in it, then those in them, without hidden ones and other people's code."""
        level = [below]
        for _ in range(depth + 1):
            yield from level
            level = [below for folder in level for below in self._below(folder)][:MOST_FOLDERS]

    def find(self, *names: str, below: str = "", depth: int = DEPTH) -> Iterator[str]:
        """Files of these names in a folder or deeper, the nearest first."""
        for folder in self.folders(below, depth):
            here = self._entries(folder)
            yield from (path for name in names if name in here and self.is_file(path := join(folder, name)))

    def _below(self, folder: str) -> Iterator[str]:
        for name, is_folder in self._entries(folder).items():
            if is_folder and not name.startswith(".") and name not in _PASSED_OVER:
                yield f"{folder}/{name}" if folder else name

    def _entries(self, folder: str) -> dict[str, bool]:
        """The names in a folder, sorted, and whether each is a folder itself (a link is not)."""
        if folder not in self._listed:
            try:
                with os.scandir(self.top / folder) as found:
                    entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found)
            except OSError:
                entries = []
            self._listed[folder] = dict(entries)
        return self._listed[folder]

    def _read(self, path: str) -> str | None:
        if not self.is_file(path) or (self.top / path).stat().st_size > LARGEST:
            return None
        try:
            return (self.top / path).read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            return None

    def _mode(self, path: str) -> int:
        """What a path leads to, links followed as long as they stay inside; 0 when nowhere."""
        try:
            folder, _, name = path.rpartition("/")
            place = f"{self._real_folder(folder)}/{name}"
            mode = os.lstat(place).st_mode
            if name in {"", ".", ".."} or stat.S_ISLNK(mode):
                place = os.path.realpath(place)
                mode = os.lstat(place).st_mode
        except (OSError, ValueError):
            return 0
        return mode if f"{place}/".startswith(f"{self._real}/") else 0

    def _real_folder(self, path: str) -> str:
        """Where a folder really is; asked once, for most files lie in few folders."""
        if path not in self._folders:
            self._folders[path] = os.path.realpath(self.top / path)
        return self._folders[path]


def join(*parts: str) -> str:
    """A path relative to the top, from parts where "" and "." are the top: "a/" and "./b" make "a/b"."""
    kept = [part for text in parts for part in PurePosixPath(text).parts]
    return "/".join(_resolved(kept))


def parent(path: str) -> str:
    """The folder a path is in; "" is the top."""
    return path.rpartition("/")[0]


def _resolved(parts: list[str]) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != "/":
            kept.append(part)
    return kept
