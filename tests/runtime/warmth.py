"""A fork server, and a client of it."""

import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.runtime.replicas import Replica


@dataclass
class ForkServer:
    """One `run.py warm`."""

    layer: Path
    folder: Path
    python: str
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    owner: int = -1

    @property
    def socket(self) -> str:
        return str(self.folder / "warm.sock")

    def start(self) -> "ForkServer":
        reader, self.owner = os.pipe()
        env = {**self.env, "PUSHLIVE_WARM_SOCKET": self.socket, "PUSHLIVE_WARM_OWNER_FD": str(reader)}
        argv = [self.python, str(self.layer / "run.py"), "warm"]
        with (self.folder / "warm.log").open("ab") as log:
            self.process = subprocess.Popen(argv, env=env, pass_fds=[reader], cwd="/", stdout=log, stderr=log)
        os.close(reader)
        while not self.listens():
            assert self.process.poll() is None, (self.folder / "warm.log").read_text()
            time.sleep(0.01)
        return self

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return not client.connect_ex(self.socket)

    def ask(self, request: dict, descriptors: list[int] | None = None, *, leave: bool = True) -> dict:
        """Send a request; a process that is started for it goes on, or is hung up on without `leave`."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket)
            socket.send_fds(client, [json.dumps(request).encode() + b"\n"], descriptors or [])
            with client.makefile() as answer:
                reply = json.loads(answer.readline())
            if leave and "pid" in reply:
                client.sendall(b"\n")
            return reply

    def launch(self, replica: Replica, *, leave: bool = True) -> dict:
        """Start a replica as `Replica.start` does, but warm; `replica.warm` is its process id."""
        replica.gate = os.eventfd(0)
        handed = [replica.gate, *([replica.public.fileno()] if replica.public else [])]
        request = {
            "argv": [replica.python, str(replica.layer / "run.py"), "serve"],
            "env": replica.environment(),
            "cwd": str(replica.root),
            "fds": handed,
        }
        with Path(os.devnull).open("rb") as null, replica.log.open("ab") as log:
            return self.ask(request, [null.fileno(), log.fileno(), log.fileno(), *handed], leave=leave)

    def close(self) -> None:
        if self.owner >= 0:
            os.close(self.owner)
            self.owner = -1
        self.process.wait(timeout=20)
