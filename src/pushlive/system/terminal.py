"""Run a program on our own standard streams, as a shell would; another user's program gets no terminal of ours."""

import fcntl
import os
import pty
import select
import signal
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import Popen

from pushlive.system import process
from pushlive.system.process import Account

_STREAMS = (0, 1, 2)
_BLOCK = 64 * 1024
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that are meant for the program, which is in a session of its own."""

Handler = Callable[[int, object], None]


def attach(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], account: Account | None) -> int:
    """Run `argv` on our standard streams; returns its exit code, negative for a signal. Raises MachineError.

    As ourselves it shares our terminal, and Ctrl-C reaches it and not us. As another user (`account`) it must not: with
    a terminal that is ours it could type into the shell we were called from (TIOCSTI), or read what is typed there once
    we have ended. It gets a session of its own, and a pseudo-terminal in each place where we have a terminal.
    """
    start = partial(process.popen, argv, cwd=cwd, env=env, account=account)
    if account is None:
        return _share(start(stdin=0, stdout=1, stderr=2, new_session=False))
    terminals = [stream for stream in _STREAMS if os.isatty(stream)]
    if not terminals:
        return _wait(start(stdin=0, stdout=1, stderr=2))
    with _pair(terminals[-1], account) as (master, slave):
        stdin, stdout, stderr = (slave if stream in terminals else stream for stream in _STREAMS)
        child = start(stdin=stdin, stdout=stdout, stderr=stderr, before=lambda: _control(slave))
        return _relay(child, master, terminals)


def _share(child: "Popen[bytes]") -> int:
    """What the terminal sends reaches the program too; what somebody sends to us alone is passed on."""

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)

    with _handling({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}):
        return child.wait()


def _wait(child: "Popen[bytes]") -> int:
    with _handling(_passing_on(child)):
        return child.wait()


@contextmanager
def _pair(ours: int, account: Account) -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal that is set as our terminal is. It hangs up on who is left in its session."""
    master, slave = pty.openpty()
    try:
        termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(ours))
        os.fchown(slave, account.uid, -1)
        os.set_blocking(master, False)
        yield master, slave
    finally:
        os.close(slave)
        os.close(master)


def _control(terminal: int) -> None:
    """In the child, which leads a session: have it controlled by this terminal (tty_ioctl(4))."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _relay(child: "Popen[bytes]", master: int, terminals: Sequence[int]) -> int:
    """Carry what is typed and what is printed until the program ends."""
    keyboard = 0 if 0 in terminals else None
    screen = min(terminals, key=lambda stream: (stream == 0, stream))

    def resize(*_: object) -> None:
        termios.tcsetwinsize(master, termios.tcgetwinsize(screen))

    with ExitStack() as stack:
        stack.enter_context(_handling({**_passing_on(child), signal.SIGWINCH: resize}))
        resize()
        if keyboard is not None:
            stack.enter_context(_raw(keyboard, piped=1 not in terminals))
        watch = os.pidfd_open(child.pid)
        stack.callback(os.close, watch)
        _carry(master, watch, keyboard, screen)
        return child.wait()


def _carry(master: int, watch: int, keyboard: int | None, screen: int) -> None:
    typed = b""
    while True:
        sources = [master, watch] if keyboard is None or typed else [master, watch, keyboard]
        readable, writable, _ = select.select(sources, [master] if typed else [], [])
        _show(master, screen)
        if watch in readable:
            return
        if keyboard in readable:
            typed = _typed(keyboard)
            keyboard = keyboard if typed else None
        elif writable:
            typed = typed[os.write(master, typed) :]


def _show(master: int, screen: int) -> None:
    """Print what has come. A screen that is gone does not end the program: it gets the hangup that we get."""
    with suppress(BlockingIOError):
        while data := os.read(master, _BLOCK):
            with suppress(OSError):
                while data:
                    data = data[os.write(screen, data) :]


def _typed(keyboard: int | None) -> bytes:
    assert keyboard is not None
    with suppress(OSError):
        return os.read(keyboard, _BLOCK)
    return b""


@contextmanager
def _raw(terminal: int, *, piped: bool) -> Iterator[None]:
    """Have each key handed on as it is. Where our output is piped on, whatever prints it needs its newlines as ever."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSADRAIN)
    if piped:
        now = termios.tcgetattr(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, [now[0], before[1], *now[2:]])
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _passing_on(child: "Popen[bytes]") -> dict[signal.Signals, Handler]:
    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)

    return dict.fromkeys(_PASSED_ON, pass_on)


@contextmanager
def _handling(handlers: Mapping[signal.Signals, Handler | signal.Handlers]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
