"""Run a program from a list of arguments. Nothing else in pushlive imports subprocess."""

import os
import select
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from pushlive.model.errors import MachineError

_BLOCK = 64 * 1024
_PATIENCE_AFTER_KILL = 1.0
"""Seconds until the pipes of a killed program are let go."""


class Completed(Struct, frozen=True):
    """How a program ended. `output` is its standard output, `errors` its standard error, both as text.

    `limit`: the seconds it was given, where it was killed for taking more.
    """

    argv: tuple[str, ...]
    code: int
    output: str
    errors: str
    limit: float | None = None

    @property
    def ok(self) -> bool:
        """It ended with 0."""
        return self.code == 0

    @property
    def ending(self) -> str:
        """How it ended, in words: `ended with 1`, `was killed after 600 s`, `was killed by SIGKILL`."""
        if self.limit is not None:
            return f"was killed after {self.limit:g} s"
        if self.code < 0:
            return f"was killed by {signal.Signals(-self.code).name}"
        return f"ended with {self.code}"


class Account(Struct, frozen=True):
    """The numeric user and group a program runs as, with no supplementary groups."""

    uid: int
    gid: int


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    stdin: bytes = b"",
    timeout: float | None = None,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run `argv` to its end and collect what it prints.

    `env` is the whole environment (None: ours). `account` changes user, which needs root. `timeout` is in
    seconds; past it the program's whole process group is killed, the code is -9 and `limit` is set. Raises
    MachineError when the program is not there or cannot be started.
    """
    with _start(argv, cwd=cwd, env=env, account=account, pass_fds=pass_fds, merge=False) as child:
        limit = None
        try:
            output, errors = child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            limit = timeout
            _kill_group(child)
            output, errors = _left(child)
        except BaseException:
            _kill_group(child)
            child.wait()
            raise
    texts = (output.decode(errors="replace"), errors.decode(errors="replace"))
    return Completed(_texts(argv), child.returncode, *texts, limit)


def stream(
    argv: Sequence[str | os.PathLike[str]],
    on_line: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run `argv`, hand each line of its output (both streams, in order) to `on_line` as it comes, and collect it.

    The collected text is in `output`. `timeout` and what is raised are as in `run`.
    """
    seen: list[str] = []
    late = threading.Event()
    with _start(argv, cwd=cwd, env=env, account=account, pass_fds=(), merge=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        timer = threading.Timer(timeout, _kill_late, (child, late)) if timeout else None
        if timer:
            timer.start()
        try:
            for raw in _lines_until_end(child.pid, child.stdout.fileno()):
                line = raw.decode(errors="replace").rstrip("\r\n")
                seen.append(line)
                on_line(line)
            child.wait()
        except BaseException:
            _kill_group(child)
            child.wait()
            raise
        finally:
            if timer:
                timer.cancel()
    limit = timeout if late.is_set() and child.returncode < 0 else None
    return Completed(_texts(argv), child.returncode, "\n".join(seen), "", limit)


def _lines_until_end(pid: int, descriptor: int) -> Iterator[bytes]:
    """The lines a program prints, until it ends: what it left running may hold the pipe open as long as it likes."""
    rest = b""
    for block in _blocks_until_end(pid, descriptor):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _blocks_until_end(pid: int, descriptor: int) -> Iterator[bytes]:
    os.set_blocking(descriptor, False)
    watch = os.pidfd_open(pid)
    try:
        ended = False
        while True:
            try:
                block = os.read(descriptor, _BLOCK)
            except BlockingIOError:
                if ended:
                    return
                ready, _, _ = select.select([descriptor, watch], [], [])
                ended = watch in ready
                continue
            if not block:
                return
            yield block
    finally:
        os.close(watch)


def _left(child: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    """What a killed program has printed; something in a session of its own may still hold its pipes."""
    try:
        return child.communicate(timeout=_PATIENCE_AFTER_KILL)
    except subprocess.TimeoutExpired as late:
        return late.output or b"", late.stderr or b""


class Reading(Struct, frozen=True):
    """A program that runs while what it prints is read, as bytes. `end` waits for it; its `output` is then empty."""

    output: IO[bytes]
    end: Callable[[], Completed]


@contextmanager
def reading(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    stdin: bytes = b"",
) -> Iterator[Reading]:
    """Run `argv` and read its output as it comes, exact and never whole in memory; left early, the program is killed.

    Raises MachineError as `run` does.
    """
    with (
        os.fdopen(os.memfd_create("stdin"), "w+b") as given,
        os.fdopen(os.memfd_create("stderr"), "w+b") as errors,
    ):
        given.write(stdin)
        given.seek(0)
        with popen(
            argv, cwd=cwd, env=env, account=account, stdin=given, stdout=subprocess.PIPE, stderr=errors
        ) as child:
            assert child.stdout is not None
            try:
                yield Reading(child.stdout, lambda: _ended(child, argv, errors))
            finally:
                if child.poll() is None:
                    _kill_group(child)


def _ended(child: "subprocess.Popen[bytes]", argv: Sequence[str | os.PathLike[str]], errors: IO[bytes]) -> Completed:
    code = child.wait()
    errors.seek(0)
    return Completed(_texts(argv), code, "", errors.read().decode(errors="replace"))


def attend(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    stdin: IO[bytes],
    output: IO[bytes],
    pass_fds: Sequence[int] = (),
    timeout: float | None = None,
) -> int:
    """Run code that isn't trusted to its end, with its streams in files, and return its exit code.

    Whatever it leaves running in its process group is killed with it, and nothing that holds its output open can
    make us wait. The code is -9 past `timeout` seconds. Raises MachineError when it cannot be started.
    """
    child = popen(argv, cwd=cwd, env=env, account=account, pass_fds=pass_fds, stdin=stdin, stdout=output, stderr=output)
    watch = os.pidfd_open(child.pid)
    try:
        select.select([watch], [], [], timeout)
    finally:
        os.close(watch)
        _kill_group(child)
        code = child.wait()
    return code


def popen(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    pass_fds: Sequence[int] = (),
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    new_session: bool = True,
    before: Callable[[], None] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start `argv` and return at once; with `new_session` it outlives us and our terminal. Raises MachineError.

    `before` is called in the child, as its last act before it becomes the program: only where we have no threads.
    """
    try:
        return subprocess.Popen(
            [os.fspath(part) for part in argv],
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=new_session,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=() if account else None,
            preexec_fn=before,  # noqa: PLW1509 - see above
        )
    except OSError as error:
        raise _cannot_start(os.fspath(argv[0]), env, error) from error


_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_NETWORK = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "NIX_SSL_CERT_FILE"),
    *_PROXIES,
    *(name.upper() for name in _PROXIES),
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def network_environment() -> dict[str, str]:
    """What a program needs of our environment to reach the network: certificates and proxies.

    Without a variable that names them, the machine's own certificates: a push over ssh brings none, and uv and Node
    have a list of their own, which does not know a company's proxy.
    """
    own = dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(_CERTIFICATES)) if _CERTIFICATES.is_file() else {}
    return own | {name: os.environ[name] for name in _NETWORK if name in os.environ}


def _start(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    account: Account | None,
    pass_fds: Sequence[int],
    merge: bool,
) -> "subprocess.Popen[bytes]":
    return popen(
        argv,
        cwd=cwd,
        env=env,
        account=account,
        pass_fds=pass_fds,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
    )


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill_late(child: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    _kill_group(child)


def _texts(argv: Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    return tuple(os.fspath(part) for part in argv)


def _cannot_start(name: str, env: Mapping[str, str] | None, error: OSError) -> MachineError:
    """The error of a program, or of the folder it was to be started in: `error.filename` says which."""
    place = os.fspath(error.filename or name)
    if not isinstance(error, FileNotFoundError):
        return MachineError(f"{name} cannot be started: {error.strerror}", where=place)
    if place != name:
        return MachineError(f"{name} cannot be started in {place}, which is not there", where=place)
    found = shutil.which(name, path=None if env is None else env.get("PATH"))
    if found:
        return MachineError(f"{name} cannot be started: the interpreter that its first line names is gone", where=found)
    return MachineError(f"{name} is not installed, or not on the PATH", remedy=f"Install {name}.")
