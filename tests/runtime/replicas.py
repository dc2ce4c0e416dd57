"""Real replicas on real sockets: the part of the local engine that a replica sees."""

import contextlib
import hashlib
import hmac
import http.client
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

KEY = "k" * 32
IDENTITY = {"PUSHLIVE_REVISION": "a" * 40, "PUSHLIVE_RELEASE": "v7", "PUSHLIVE_REPLICA": "v7-1"}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def public_socket() -> socket.socket:
    """What the keeper owns: a listening socket for life."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    return listener


def probe() -> tuple[str, str]:
    """A nonce, and the header that signs it."""
    nonce = secrets.token_hex(16)
    return nonce, f"{nonce}:{_sign('probe:' + nonce)}"


def proof(nonce: str) -> str:
    """What the answer's proof should be."""
    return _sign(":".join(("proof", nonce, *IDENTITY.values())))


def _sign(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Replica:
    """One `run.py serve`, with a gate of its own."""

    layer: Path
    root: Path
    folder: Path
    name: str = "v7-1"
    app: str = "app:application"
    interface: str = "wsgi"
    public: socket.socket | None = None
    env: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable
    process: subprocess.Popen[bytes] | None = None
    gate: int = -1

    @property
    def socket(self) -> str:
        return str(self.folder / f"{self.name}.sock")

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        return self.process.pid

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PUSHLIVE_APP": self.app,
            "PUSHLIVE_INTERFACE": self.interface,
            "PUSHLIVE_SITE": "test",
            "PUSHLIVE_PROBE_KEY": KEY,
            "PUSHLIVE_THREADS": "4",
            "PUSHLIVE_STOP_TIMEOUT": "10",
            **IDENTITY,
            "PUSHLIVE_REPLICA": self.name,
            "PUSHLIVE_SOCKET": self.socket,
            "PUSHLIVE_GATE_FD": str(self.gate),
            **({"PUSHLIVE_PUBLIC_FDS": str(self.public.fileno())} if self.public else {}),
            **self.env,
        }

    def start(self) -> "Replica":
        self.gate = os.eventfd(0)
        handed = [self.gate, *([self.public.fileno()] if self.public else [])]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, str(self.layer / "run.py"), "serve"],
                cwd=self.root,
                env=self.environment(),
                pass_fds=handed,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def ready(self) -> "Replica":
        """Wait until it answers on its private socket."""
        while True:
            with contextlib.suppress(ConnectionError, FileNotFoundError, http.client.HTTPException):
                self.get("/")
                return self
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.log.read_text()}")
            time.sleep(0.01)

    def get(self, path: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        """Ask on the private socket; the body is in `.text`."""
        connection = UnixConnection(self.socket)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            response.text = response.read()
            return response

    def admit(self) -> None:
        os.eventfd_write(self.gate, 1)

    def refuses(self) -> bool:
        """Whether its private socket refuses: the sign that it accepts nothing any more."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(self.socket)
            except (ConnectionRefusedError, FileNotFoundError):
                return True
            return False

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(timeout=30)

    def close(self) -> None:
        """Leave nothing behind, however the test ended."""
        if self.process is not None and self.process.poll() is None:
            workers = self.workers()
            self.process.kill()
            self.process.wait()
            for pid in workers:
                _end(pid)
        if self.gate >= 0:
            os.close(self.gate)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], 10)
        finally:
            os.close(handle)


def gone(pid: int) -> bool:
    """Whether a process has ended, waiting for it up to ten seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)
