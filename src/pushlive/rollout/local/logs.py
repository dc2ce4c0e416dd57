"""Log files: what is appended, cut down, and read back."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

LIMIT = 10 * 1024 * 1024
"""A log longer than this many bytes is set aside."""

KEPT = 3
"""So many logs that were set aside are kept: NAME.1 is the newest."""

POLL = 0.2
"""Seconds between two looks for new lines."""

_BLOCK = 64 * 1024
_MOST = 1024 * 1024


def say(text: str) -> None:
    """A line of the supervisor's or keeper's own log, with the time (UTC); lost where the disk is full."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with suppress(OSError):
        sys.stderr.write(f"{stamp} {text}\n")
        sys.stderr.flush()


def rotate(folder: Path, limit: int = LIMIT) -> None:
    """Set aside every log in `folder` that is longer than `limit` bytes.

    The file is copied and cut to nothing, since its writers hold it open; lines written between the two are lost.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > limit:
            _set_aside(log)


def _set_aside(log: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    with log.open("rb") as source, os.fdopen(os.open(_numbered(log, 1), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as copy:
        shutil.copyfileobj(source, copy)
    os.truncate(log, 0)


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def tail(log: Path, lines: int, since: int = 0) -> list[str]:
    """The last lines of a file, from byte `since` on; nothing when there is no file."""
    try:
        data, _ = _end(log, lines, since)
    except FileNotFoundError:
        return []
    return data.decode(errors="replace").splitlines()[-lines:] if lines else []


def _end(log: Path, lines: int, since: int) -> tuple[bytes, int]:
    """The file's end, long enough to have `lines` lines in it, and its size then."""
    with log.open("rb") as file:
        begin = end = os.fstat(file.fileno()).st_size
        # A file shorter than `since` was cut down after that.
        first = max(since if since <= end else 0, end - _MOST)
        data = b""
        while begin > first and data.count(b"\n") <= lines:
            begin = max(first, begin - _BLOCK)
            data = os.pread(file.fileno(), end - begin, begin)
    return data, end


class Tail:
    """The lines that come to a file from byte `offset` on, through its being cut down; `first` come before them."""

    def __init__(self, log: Path, offset: int = 0, first: Sequence[bytes] = (), rest: bytes = b"") -> None:
        self._log = log
        self._offset = offset
        self._first = first
        self._rest = rest

    @classmethod
    def beginning(cls, log: Path, lines: int) -> Self:
        """Begin with the last `lines` lines that are in the file."""
        try:
            data, offset = _end(log, lines, 0)
        except FileNotFoundError:
            return cls(log)
        *whole, rest = data.split(b"\n")
        return cls(log, offset, whole[-lines:] if lines else (), rest)

    def more(self) -> list[str]:
        """The whole lines that came since the last time."""
        try:
            data = self._read()
        except FileNotFoundError:
            data = b""
        *whole, self._rest = (self._rest + data).split(b"\n")
        first, self._first = self._first, ()
        return [line.decode(errors="replace") for line in (*first, *whole)]

    def _read(self) -> bytes:
        with self._log.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                self._offset = 0
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        return data


def read(folder: Path, names: Callable[[], Sequence[str]], *, lines: int, follow: bool) -> Iterator[str]:
    """The last `lines` lines of the log of each of `names`, the name before each, and with `follow` all that come.

    `names` is asked again and again: a replica that comes later joins by itself, with all that it has printed since.
    """
    if follow:
        yield from _follow(folder, names, lines)
        return
    for name in names():
        yield from (f"{name} | {line}" for line in tail(folder / f"{name}.log", lines))


def _follow(folder: Path, names: Callable[[], Sequence[str]], lines: int) -> Iterator[str]:
    sizes = {log.stem: log.stat().st_size for log in folder.glob("*.log")}
    tails = {name: Tail.beginning(folder / f"{name}.log", lines) for name in names()}
    while True:
        found = [f"{name} | {line}" for name, one in tails.items() for line in one.more()]
        yield from found
        if not found:
            time.sleep(POLL)
        for name in names():
            tails.setdefault(name, Tail(folder / f"{name}.log", sizes.get(name, 0)))
