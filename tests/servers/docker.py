"""A real Docker daemon of the tests' own: all that it has lies below one folder, and no rule of a firewall is made."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import base_image

TOOLS = ("dockerd", "docker", "containerd", "runc")
READY = 60.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


def missing() -> str:
    """Why no Docker can run here; empty when one can."""
    return base_image.missing(TOOLS)


@dataclass(frozen=True)
class Docker:
    """A running daemon: where its socket is."""

    socket: Path

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run a command of docker; what it printed."""
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *arguments],
            env={"PATH": _PATH, "HOME": str(self.socket.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


@contextmanager
def bridge() -> Iterator[str]:
    """A bridge of the tests' own, so that containers can have published ports; "" where none can be made."""
    name, number = f"pl{os.getpid()}", os.getpid() % 250
    try:
        made = _ip("link", "add", name, "type", "bridge")
        ready = made and _ip("addr", "add", f"10.213.{number}.1/24", "dev", name) and _ip("link", "set", name, "up")
        yield name if ready else ""
    finally:
        _ip("link", "delete", name)


def _ip(*arguments: str) -> bool:
    try:
        return subprocess.run(["ip", *arguments], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def docker(bridge: str = "") -> Iterator[Docker]:
    """Run a daemon for as long as the block takes; without a bridge its containers have no network of their own.

    Registries on loopback may speak plain HTTP to it.
    """
    root = Path(tempfile.mkdtemp(prefix="pl-dk-"))  # short: sockets below it have 107 bytes
    socket = root / "d.sock"
    argv = [
        "dockerd",
        "--iptables=false",
        f"--bridge={bridge or 'none'}",
        f"--host=unix://{socket}",
        f"--pidfile={root}/pid",
    ]
    argv += [f"--data-root={root}/data", f"--exec-root={root}/exec"]
    with (
        (root / "log").open("wb") as log,
        subprocess.Popen(argv, stdout=log, stderr=log, env={"PATH": _PATH}) as daemon,
    ):
        try:
            _await(socket, daemon, root / "log")
            yield Docker(socket)
        finally:
            end(daemon)
            clear(root)


def end(server: subprocess.Popen[bytes]) -> None:
    """Let a daemon end its containers and itself; kill one that does not."""
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()


def clear(root: Path) -> None:
    """Unmount what a daemon left below its folder, and remove that."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((each for each in mounted if each.startswith(f"{root}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    shutil.rmtree(root, ignore_errors=True)


def _await(socket: Path, daemon: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY
    while daemon.poll() is None and time.monotonic() < until:
        if socket.exists() and Docker(socket)("info", "--format={{.ServerVersion}}", check=False):
            return
        time.sleep(0.05)
    raise AssertionError(f"dockerd is not ready: {log.read_text()[-2000:]}")
