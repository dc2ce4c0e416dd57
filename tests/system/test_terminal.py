"""Programs on our own standard streams: real pseudo-terminals stand for ours."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from dataclasses import dataclass

import pytest

from pushlive.system import proc

NOBODY = 65534
OURS = """
import os
import signal
from pathlib import Path
from pushlive.system import terminal
from pushlive.system.process import Account
{before}
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
account = Account({user}, {user}) if {user} else None
code = terminal.attach(["/usr/bin/python3", "-c", {code!r}], cwd=Path("/"), env=dict(os.environ), account=account)
print("ended with", code, flush=True)
"""
CONTROL = "import fcntl, termios; fcntl.ioctl({fd}, termios.TIOCSCTTY, 0)"
TYPE = """
import fcntl, termios
for stream in (0, 1, 2):
    for key in b"touch /tmp/owned\\n":
        try:
            fcntl.ioctl(stream, termios.TIOCSTI, bytes([key]))
        except OSError:
            pass
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may change user"),
]


@dataclass
class Caller:
    """A process that calls `attach` on a terminal of its own; we are its user."""

    process: "subprocess.Popen[bytes]"
    master: int
    slave: int
    seen: str = ""

    def until(self, text):
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], 20)
            assert ready, self.seen
            self.seen += os.read(self.master, 65536).decode()

    def type(self, keys):
        os.write(self.master, keys)


@pytest.fixture
def call():
    made = []

    def start(code, *, user=NOBODY, streams=(0, 1, 2), before=""):
        master, slave = pty.openpty()
        fds = [slave if number in streams else subprocess.PIPE for number in (0, 1, 2)]
        control = CONTROL.format(fd=streams[0])
        text = OURS.format(before=f"{control}\n{before}", user=user, code=code)
        stdin, stdout, stderr = fds
        child = subprocess.Popen(
            [sys.executable, "-c", text],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        made.append(Caller(child, master, slave))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.communicate()
        os.close(one.master)
        os.close(one.slave)


@pytest.mark.parametrize("streams", [(0, 1, 2), (1, 2), (0, 2)])
def test_the_program_has_no_terminal_of_ours_and_one_that_controls_its_session(call, streams):
    code = """
import os, sys
names = {os.ttyname(stream) for stream in (0, 1, 2) if os.isatty(stream)}
print("on", *names, os.getsid(0) == os.getpid(), os.open("/dev/tty", os.O_RDWR) > 2, file=sys.stderr)
"""
    caller = call(code, streams=streams)
    caller.until("True True")

    on, *names = caller.seen.splitlines()[0].split()[:-2]
    assert on == "on"
    assert len(names) == 1
    assert names[0] != os.ttyname(caller.slave)


@pytest.mark.parametrize("streams", [(0, 1, 2), (1, 2), (0, 2)])
def test_what_the_program_types_into_its_terminal_does_not_reach_our_shell(call, streams):
    caller = call(TYPE, streams=streams)
    assert caller.process.wait(20) == 0

    os.set_blocking(caller.slave, False)
    with pytest.raises(BlockingIOError):
        os.read(caller.slave, 100)


def test_what_is_typed_reaches_the_program_key_by_key(call):
    caller = call("import sys; print('ready', flush=True); print('got', sys.stdin.readline().upper())")
    caller.until("ready")
    assert not termios.tcgetattr(caller.slave)[3] & termios.ICANON

    caller.type(b"hello\r")

    caller.until("got HELLO")
    caller.until("ended with 0")
    assert termios.tcgetattr(caller.slave)[3] & termios.ICANON


def test_ctrl_c_interrupts_the_program_and_not_us(call):
    caller = call("import time; print('ready', flush=True); time.sleep(600)")
    caller.until("ready")

    caller.type(b"\x03")

    caller.until(f"ended with {-signal.SIGINT}")


def test_a_signal_to_us_is_passed_on_where_there_is_no_terminal(call):
    caller = call("import time; print('ready', flush=True); time.sleep(600)", streams=(2,))
    assert caller.process.stdout.readline() == b"ready\n"

    caller.process.send_signal(signal.SIGTERM)

    assert caller.process.stdout.readline() == b"ended with -15\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_alone_reaches_a_program_of_our_own(call, number):
    code = f"""
import signal, time
signal.signal({int(number)}, lambda *_: exit(5))
print("ready", flush=True)
time.sleep(60)
"""
    caller = call(code, user=0)
    caller.until("ready")
    caller.process.send_signal(number)
    caller.until("ended with 5")


def test_the_program_knows_our_size_and_hears_of_a_new_one(call):
    code = """
import os, signal, time
print("size", *os.get_terminal_size(), flush=True)
signal.signal(signal.SIGWINCH, lambda *_: print("now", *os.get_terminal_size(), flush=True))
print("ready", flush=True)
time.sleep(600)
"""
    caller = call(code, before="import termios; termios.tcsetwinsize(0, (30, 90))")
    caller.until("size 90 30")
    caller.until("ready")

    termios.tcsetwinsize(caller.slave, (40, 100))

    caller.until("now 100 40")


def test_more_than_a_terminal_holds_goes_both_ways_at_once(call):
    code = """
import sys, tty
tty.setraw(0)
print("ready", flush=True)
got = 0
while got < 200_000:
    got += len(sys.stdin.buffer.read1(65536))
    sys.stdout.write("x" * 5000)
print("got", got, flush=True)
"""
    caller = call(code)
    caller.until("ready")
    left = b"k" * 200_000
    os.set_blocking(caller.master, False)
    while left:
        readable, writable, _ = select.select([caller.master], [caller.master], [], 20)
        if readable:
            caller.seen += os.read(caller.master, 65536).decode()
        if writable:
            left = left[os.write(caller.master, left[:1000]) :]

    caller.until("got 200000")


def test_a_redirected_output_is_the_programs_own_and_exact(call):
    caller = call("import sys; print('to the file'); print('to the screen', file=sys.stderr)", streams=(0, 2))

    output, _ = caller.process.communicate(timeout=20)
    caller.until("to the screen")

    assert output == b"to the file\nended with 0\n"


def test_what_the_program_leaves_running_does_not_hold_us_up(call):
    code = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    print("left", os.getpid(), flush=True)
    time.sleep(600)
time.sleep(0.2)
"""
    caller = call(code)
    caller.until("ended with 0")
    pid = int(caller.seen.split()[1])

    assert proc.stat(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_program_of_our_own_shares_our_terminal(call):
    caller = call("import os; print('on', os.ttyname(0))", user=0)
    caller.until("ended with 0")

    assert caller.seen.split()[1] == os.ttyname(caller.slave)
