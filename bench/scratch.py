"""What the benchmarks share: a scratch folder of which nothing stays behind, a Memcached, a free port."""

import compileall
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pushlive

LIMIT = 30.0
"""Seconds a server has to come up."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for this run, also on SIGTERM ended with every process that works in it or is told of it."""
    compile_ours()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    root = Path(tempfile.mkdtemp(prefix="pl-bench-")).resolve()
    root.chmod(0o755)
    try:
        yield root
    finally:
        end_all(root)
        shutil.rmtree(root, ignore_errors=True)


def compile_ours() -> None:
    """Compile pushlive and what it stands on, as an installation is after its first run.

    Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE, a folder of somebody else's), every command that is
    measured would compile all of it anew.
    """
    for folder in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(Path(pushlive.__file__).parent)):
        compileall.compile_dir(folder, quiet=2)


def end_all(folder: Path) -> None:
    """Kill every process whose working folder or arguments lie in `folder`, until there is none."""
    until = time.monotonic() + 5
    while (found := _at_work(folder)) and time.monotonic() < until:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _at_work(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_there = (process / "cwd").readlink().is_relative_to(folder)
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if (is_there or str(folder).encode() in (process / "cmdline").read_bytes()) and state != "Z":
                found.append(int(process.name))
    return [pid for pid in found if pid != os.getpid()]


@contextmanager
def memcached() -> Iterator[str]:
    """The address of a Memcached for the sites that pushlive does not give one."""
    port = free_port()
    program = shutil.which("memcached") or "/usr/bin/memcached"
    with subprocess.Popen([program, "-u", "nobody", "-l", "127.0.0.1", "-p", str(port)]) as server:
        try:
            wait_for(port)
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()


def wait_for(port: int) -> None:
    """Return once somebody listens on `port` of this machine."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing listened on port {port} within {LIMIT:.0f} s")


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_environment(
    folder: Path, python: str, *installs: list[str], variables: Mapping[str, str] | None = None
) -> None:
    """A virtual environment of `python`; `installs` are what pip is told, call by call, with `variables` set."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [str(folder / "bin/pip"), "install", "-q", "--disable-pip-version-check"]
    for arguments in installs:
        subprocess.run([*pip, *arguments], env={**os.environ, **(variables or {})}, check=True)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def family(pid: int) -> list[int]:
    """`pid` and all that descends from it."""
    return [pid, *(member for child in children(pid) for member in family(child))]


def spread(values: list[float]) -> str:
    """The range of `values`."""
    return f"{min(values):.2f} to {max(values):.2f}"


def processor_time() -> tuple[int, int]:
    """Of all processors since the machine began, in ticks: what passed, and what its host kept for others (proc(5))."""
    ticks = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[7]


_BEGAN = processor_time()


def print_machine() -> None:
    """How busy the machine is and was: figures from one that does other work as well are worth less."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    passed, kept = (now - then for now, then in zip(processor_time(), _BEGAN, strict=True))
    print(f"\n{os.cpu_count()} processors, load average {load}; medians of one run.")
    print(f"Its host kept {kept / max(passed, 1):.0%} of the processors' time for others.")
