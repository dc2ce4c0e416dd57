"""Start a process from the site's fork server. What it speaks is in the text of `pushlive_runtime.warm`."""

import json
import os
import select
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from pushlive.system import process
from pushlive.system.process import Account

PATIENCE = 2.0
"""Seconds the fork server has for each step of an answer; it needs some thousandths."""

_LONGEST_ANSWER = 65536


class RefusedError(Exception):
    """Only a fresh interpreter can do it, and the text says why."""


class BrokenServerError(Exception):
    """The fork server cannot be trusted with another request: it answers nonsense, late, or not at all."""


def fork(
    place: Path,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    streams: tuple[int, int, int],
    fds: Sequence[int],
    accept: Callable[[int], bool],
) -> int:
    """Have the fork server at `place` become `argv`; returns the new process's id.

    `streams` become its standard input, output and error; `fds` keep their numbers. `accept` is asked whether that
    process can be ours, before it does anything: without our leave it ends. Raises RefusedError, BrokenServerError,
    and OSError when nobody listens there.
    """
    request = {"argv": list(argv), "env": dict(env), "cwd": cwd, "fds": list(fds)}
    line = json.dumps(request).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE)
        link.connect(str(place))
        try:
            _send(link, line, [*streams, *fds])
            pid = _pid(_line(link))
            if not accept(pid):
                raise BrokenServerError(f"the fork server names process {pid}, which it did not start")
            link.sendall(b"\n")
        except OSError as error:
            raise BrokenServerError(f"the fork server does not answer: {error}") from error
    return pid


def attend(
    place: Path,
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    stdin: IO[bytes],
    output: IO[bytes],
    pass_fds: Sequence[int] = (),
    timeout: float | None = None,
) -> int | None:
    """Do what `process.attend` does, from the fork server at `place` if it can.

    The exit code is then None: it goes to the process's parent, which is the supervisor. It is -9 past `timeout`
    seconds all the same.
    """
    user = account.uid if account else os.geteuid()
    try:
        pid = fork(
            place,
            [os.fspath(part) for part in argv],
            env=os.environ if env is None else env,
            cwd=str(cwd or Path.cwd()),
            streams=(stdin.fileno(), output.fileno(), output.fileno()),
            fds=pass_fds,
            accept=lambda pid: _belongs_to(user, pid),
        )
    except (RefusedError, BrokenServerError, OSError):
        stdin.seek(0)
        return process.attend(
            argv, cwd=cwd, env=env, account=account, stdin=stdin, output=output, pass_fds=pass_fds, timeout=timeout
        )
    return _until_end(pid, timeout)


def _send(link: socket.socket, line: bytes, descriptors: Sequence[int]) -> None:
    """Send a request. It may be refused before all of it is sent: then the answer is there to be read."""
    with suppress(BrokenPipeError):
        sent = socket.send_fds(link, [line], descriptors)
        link.sendall(line[sent:])


def _line(link: socket.socket) -> bytes:
    text = b""
    while not text.endswith(b"\n"):
        part = link.recv(4096)
        text += part
        if not part or len(text) > _LONGEST_ANSWER:
            raise BrokenServerError(f"the fork server does not answer: {text[:80]!r}")
    return text


def _pid(line: bytes) -> int:
    try:
        answer = json.loads(line)
        if "refused" in answer:
            raise RefusedError(str(answer["refused"]))
        return int(answer["pid"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenServerError(f"the fork server answers nonsense: {line[:80]!r}") from error


def _belongs_to(user: int, pid: int) -> bool:
    """The process runs as `user`, so that to kill it is no more than that user could do itself."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid == user
    except OSError:
        return False


def _until_end(pid: int, timeout: float | None) -> int | None:
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    ended = False
    try:
        ended = bool(select.select([watch], [], [], timeout)[0])
        return None if ended else -signal.SIGKILL
    finally:
        if not ended:
            signal.pidfd_send_signal(watch, signal.SIGKILL)
        os.close(watch)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
