"""A real containerd of the tests' own, as Kubernetes' nodes have one, spoken to by its ctr."""

import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import base_image
from tests.servers.docker import clear, end

TOOLS = ("containerd", "ctr", "runc")
NAMESPACE = "pushlive-tests"
READY = 60.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_SNAPSHOTTERS = ("overlayfs", "native")


def missing() -> str:
    """Why no containerd can run here; empty when one can."""
    return base_image.missing(TOOLS)


@dataclass(frozen=True)
class Containerd:
    """A running containerd: its socket, and how it lays layers on one another."""

    socket: Path
    snapshotter: str = _SNAPSHOTTERS[0]

    def argv(self, *arguments: str) -> list[str]:
        """A command of ctr."""
        return ["ctr", "--address", str(self.socket), "--namespace", NAMESPACE, *arguments]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run a command of ctr; what it printed."""
        done = subprocess.run(
            self.argv(*arguments), env={"PATH": _PATH}, capture_output=True, text=True, check=False, timeout=120
        )
        assert not check or done.returncode == 0, f"ctr {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def pull(self, name: str) -> None:
        """Pull an image by plain HTTP."""
        self("images", "pull", "--plain-http", "--snapshotter", self.snapshotter, name)

    def user(self, container: str) -> int:
        """Who the process of a container runs as."""
        pids = {fields[0]: fields[1] for fields in map(str.split, self("tasks", "list").splitlines())}
        return Path(f"/proc/{pids[container]}").stat().st_uid

    @contextmanager
    def running(self, name: str, container: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run an image on the host's network as its own user, its root read-only; the process ends as it does."""
        told = [part for pair in env.items() for part in ("--env", "=".join(pair))]
        where = ("--net-host", "--read-only", "--snapshotter", self.snapshotter)
        argv = self.argv("run", "--rm", *where, *told, name, container)
        with subprocess.Popen(argv, env={"PATH": _PATH}, stdin=subprocess.DEVNULL) as process:
            try:
                yield process
            finally:
                self("tasks", "kill", "--signal", "SIGKILL", container, check=False)
                process.wait(20)


@contextmanager
def containerd() -> Iterator[Containerd]:
    """Run one for as long as the block takes."""
    root = Path(tempfile.mkdtemp(prefix="pl-cd-"))
    socket = root / "c.sock"
    (root / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    argv = ["containerd", "--config", f"{root}/config.toml", "--address", str(socket)]
    argv += ["--root", f"{root}/root", "--state", f"{root}/state"]
    with (
        (root / "log").open("wb") as log,
        subprocess.Popen(argv, stdout=log, stderr=log, env={"PATH": _PATH}) as daemon,
    ):
        try:
            _await(socket, daemon, root / "log")
            yield Containerd(socket, _snapshotter(Containerd(socket)))
        finally:
            end(daemon)
            clear(root)


def _snapshotter(found: Containerd) -> str:
    """The first that works here: overlays cannot be mounted everywhere."""
    loaded = [line.split() for line in found("plugins", "list").splitlines()]
    ready = {fields[1] for fields in loaded if fields[0].endswith("snapshotter.v1") and fields[-1] == "ok"}
    return next(name for name in _SNAPSHOTTERS if name in ready)


def _await(socket: Path, daemon: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY
    while daemon.poll() is None and time.monotonic() < until:
        if socket.exists() and Containerd(socket)("version", check=False):
            return
        time.sleep(0.05)
    raise AssertionError(f"containerd is not ready: {log.read_text()[-2000:]}")
