"""The first process of a node: it starts and ends the node's programs as it is told, and reaps what others leave.

It runs in namespaces of its own (processes, mounts, network). When it dies, however it does, the kernel ends all that
runs in its process namespace, and with the last of them go the mounts, the network and its rules. Standard library
only, run by path: `keeper.py FOLDER`, with `folder/private.json` as settings.Private writes it.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

Told = dict[str, object]
FORWARDER = "forwarder"
"""The one program that is handed the inherited sockets."""


class Keeper:
    """The programs by name, and how those ended that did."""

    def __init__(self, folder: Path, inherited: list[int]) -> None:
        self._folder, self._inherited = folder, inherited
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, int] = {}

    def answer(self, told: Told) -> Told:
        """Do what a request says."""
        match told:
            case {"start": str(name), "argv": list(argv)}:
                return self._start(name, [str(part) for part in argv])
            case {"signal": str(name), "number": int(number)}:
                return self._signal(name, number)
            case _:
                return self._state()

    def reap(self) -> None:
        """Take note of everybody who ended. All orphans of the namespace are ours."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for name in [name for name, process in self._running.items() if process.pid == pid]:
                self._ended[name] = os.waitstatus_to_exitcode(status)
                self._running.pop(name).returncode = self._ended[name]

    def _start(self, name: str, argv: list[str]) -> Told:
        if name not in self._running:
            self._ended.pop(name, None)
            with (self._folder / "logs" / name).open("ab") as log:
                self._running[name] = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    pass_fds=self._inherited if name == FORWARDER else (),
                )
        return self._state()

    def _signal(self, name: str, number: int) -> Told:
        if name in self._running:
            os.kill(self._running[name].pid, number)
        return self._state()

    def _state(self) -> Told:
        return {"running": {name: process.pid for name, process in self._running.items()}, "ended": self._ended}


def main(folder: Path) -> None:
    """Wait for the word to begin, lay the private mounts, and serve until killed."""
    private = json.loads((folder / "private.json").read_text())
    if sys.stdin.readline() != "go\n":
        return  # who started us died before it could write down that we are here
    for source, place in private["mounts"]:
        if Path(place).exists():
            subprocess.run(["mount", "--bind", source, place], check=True)
    for place, value in private["sysctl"].items():
        if Path(place).exists():
            Path(place).write_text(value)
    _serve(folder, Keeper(folder, private["inherited"]))


def _serve(folder: Path, keeper: Keeper) -> None:
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as events:
        listener.bind(str(folder / "control.part"))
        listener.listen()
        (folder / "control.part").rename(folder / "control")
        events.register(listener, selectors.EVENT_READ)
        events.register(woken, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is listener:
                    _exchange(listener, keeper)
                else:
                    woken.recv(4096)
            keeper.reap()


def _exchange(listener: socket.socket, keeper: Keeper) -> None:
    connection, _ = listener.accept()
    connection.settimeout(5)
    with connection, connection.makefile("rw") as stream:
        try:
            keeper.reap()
            answer = keeper.answer(json.loads(stream.readline()))
        except (OSError, ValueError) as error:
            answer = {"error": str(error)}
        try:
            stream.write(json.dumps(answer) + "\n")
            stream.flush()
        except OSError:
            pass  # who asked is gone


if __name__ == "__main__":
    main(Path(sys.argv[1]))
