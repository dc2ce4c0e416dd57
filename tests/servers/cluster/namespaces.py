"""The namespaces that a node lives in: made, found again, entered and ended.

With the first process that was in them, the kernel takes down all else.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tests.servers.cluster import built

T = TypeVar("T")
KEEPER = Path(__file__).parent / "keeper.py"
GONE = 30.0
"""Seconds that the kernel has to end what runs in a node."""
_CGROUPS = Path("/sys/fs/cgroup")
_CLONE_NEWNET = 0x40000000


def begin(folder: Path, inherited: Iterable[int]) -> int:
    """Start the keeper in namespaces of its own; its process, written down in `folder` before it does anything."""
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (folder / "logs" / "keeper").open("wb") as log:
        outer = subprocess.Popen(
            [*argv, sys.executable, "-I", str(KEEPER), str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(inherited),
            cwd="/",
        )
    pid = _child(outer)
    (folder / "pid").write_text(f"{pid} {started(pid)} {outer.pid} {started(outer.pid)}")
    assert outer.stdin is not None
    outer.stdin.write(b"go\n")
    outer.stdin.close()
    outer.returncode = 0  # it outlives us: not ours to wait for
    return pid


def _child(outer: subprocess.Popen[bytes]) -> int:
    """The process that unshare forked. Its namespaces are made before it is there."""
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    until = time.monotonic() + GONE
    while time.monotonic() < until and outer.poll() is None:
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.01)
    raise AssertionError("no namespaces could be made (unshare); see logs/keeper")


def started(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 when there is none. With its number it names one process only."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return 0


def living(folder: Path) -> int:
    """The node's first process; 0 when it does not run."""
    try:
        pid, began, *_ = map(int, (folder / "pid").read_text().split())
    except (OSError, ValueError):
        return 0
    return pid if began and started(pid) == began else 0


def _reap(folder: Path) -> None:
    """Let go of the process that made the namespaces, if it is a child of ours."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        os.waitpid(int((folder / "pid").read_text().split()[2]), 0)


def end(folder: Path) -> None:
    """Kill what runs in a node, wait for it to be gone, and remove its control groups and its folder."""
    if pid := living(folder):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            assert select.select([descriptor], [], [], GONE)[0], (
                f"process {pid} does not end, {GONE:.0f} s after a kill"
            )
        finally:
            os.close(descriptor)
    _reap(folder)
    _remove_cgroups(folder.name)
    shutil.rmtree(folder, ignore_errors=True)
    assert not folder.exists(), f"{folder} could not be removed"


def _remove_cgroups(name: str) -> None:
    """Those of pods. The kernel takes a moment to let go of those whose processes it has just ended."""
    until = time.monotonic() + GONE
    while left := [group for root in cgroup_roots() for group in _below(root / name)]:
        for group in left:
            try:
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if time.monotonic() > until:
                    raise AssertionError(f"{group} could not be removed: {error}") from error
                time.sleep(0.05)


def make_cgroups(name: str) -> None:
    """The groups that a kubelet wants to find: one in each hierarchy."""
    for root in cgroup_roots():
        (root / name).mkdir(exist_ok=True)


def cgroup_roots() -> list[Path]:
    """Where control groups are made: the one hierarchy of version 2, or each of version 1."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in _CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


def _below(group: Path) -> list[Path]:
    """A group and those in it, the innermost first."""
    return [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]


def ask(folder: Path, **request: object) -> dict[str, Any]:
    """Ask the keeper; its answer.

    Raises:
        AssertionError: it could not do that, or is not there.
    """
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as stream:
        connection.settimeout(10)
        try:
            connection.connect(str(folder / "control"))
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline())
        except (OSError, ValueError) as error:
            log = built.tail(folder / "logs" / "keeper")
            raise AssertionError(f"the node's keeper does not answer ({error}):\n{log}") from error
    assert "error" not in answer, answer["error"]
    return answer


def entering(pid: int, argv: Sequence[str]) -> list[str]:
    """A command as it is run in a node's network, with its name service, in the folder we are in."""
    return ["nsenter", f"--target={pid}", "--net", "--mount", "--", "env", "-C", str(Path.cwd()), *argv]


def within(pid: int, call: Callable[[], T]) -> T:
    """Call something in a node's network, in a thread that ends with it. Sockets stay where they were made."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_entered, pid, call).result()


def _entered(pid: int, call: Callable[[], T]) -> T:
    with Path(f"/proc/{pid}/ns/net").open() as network:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(network.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of process {pid}")
    return call()
