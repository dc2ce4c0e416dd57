"""Log files: what is appended, cut down, and read back."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

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
    """The lines that come to a file, through its being cut down. Begins with its last `lines` lines."""

    def __init__(self, log: Path, lines: int) -> None:
        self._log = log
        try:
            data, self._offset = _end(log, lines, 0)
        except FileNotFoundError:
            data, self._offset = b"", 0
        *whole, self._rest = data.split(b"\n")
        self._first = whole[-lines:] if lines else []

    def more(self) -> list[str]:
        """The whole lines that came since the last time."""
        try:
            data = self._read()
        except FileNotFoundError:
            data = b""
        *whole, self._rest = (self._rest + data).split(b"\n")
        first, self._first = self._first, []
        return [line.decode(errors="replace") for line in (*first, *whole)]

    def _read(self) -> bytes:
        with self._log.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                self._offset = 0
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        return data


def read(files: Callable[[], Sequence[Path]], *, lines: int, follow: bool) -> Iterator[str]:
    """The last `lines` lines of each file, each with its file's stem before it, and with `follow` all that come.

    `files` is asked again and again, so a new replica's file joins by itself, from its beginning.
    """
    tails: dict[Path, Tail] = {}
    while True:
        found = [(log, line) for log in files() for line in _tail_of(tails, log, lines).more()]
        yield from (f"{log.stem} | {line}" for log, line in found)
        if not follow:
            return
        if not found:
            time.sleep(POLL)


def _tail_of(tails: dict[Path, Tail], log: Path, lines: int) -> Tail:
    if log not in tails:
        tails[log] = Tail(log, lines)
    return tails[log]
