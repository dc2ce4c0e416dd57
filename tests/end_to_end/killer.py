"""Runs the hook, or the command it is given, and kills somebody at one point of it.

    KILL_AT=after:commit KILL_WHOM=self python -I killer.py [ARGUMENT...]

Without arguments it is the pre-receive hook of the repository it stands in. A point is `before:NAME`, `after:NAME` or
`during:commit` for one of the functions in PLACES, or `started:STAGE`, `finished:STAGE`. Not a part of the product:
nothing in there knows of it. With WAIT_FOR=PATH it waits at the point until there is such a file, and kills nobody;
either way the file REACHED names is there from then on.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from pushlive import source
from pushlive.cli import main as command
from pushlive.cli.receive import main as receive
from pushlive.history import History
from pushlive.model.events import StageFinished, StageStarted
from pushlive.pipeline import stages
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.rollout.local import protocol
from pushlive.rollout.local.candidate import LocalCandidate
from pushlive.rollout.local.client import Client
from pushlive.rollout.local.protocol import Op

PLACES = {
    "checkout": (source, "checkout"),
    "keep_objects": (source, "keep_objects"),
    "announce": (source, "announce"),
    "set_ref": (source, "set_ref"),
    "withdraw": (source, "withdraw"),
    "release_command": (stages, "run_release_command"),
    "admit": (LocalCandidate, "admit"),
    "commit": (LocalCandidate, "commit"),
    "begin": (History, "begin"),
    "add_release": (History, "add_release"),
    "went_live": (History, "went_live"),
    "finish": (History, "finish"),
}
FILES = {
    "supervisor": ["supervisor"],
    "keeper": ["keeper"],
    "both": ["keeper", "supervisor"],
    "memcached": ["memcached"],
}


def main() -> int:
    point, site = os.environ.pop("KILL_AT", ""), Path(os.environ.pop("KILL_SITE", ""))
    if point:
        arm(point, site)
    if len(sys.argv) > 1:
        command()
    return receive()


def arm(point: str, site: Path) -> None:
    when, name = point.split(":")
    if point == "during:commit":
        ask_and_act(site)
    elif when in {"started", "finished"}:
        act_at_event(StageStarted if when == "started" else StageFinished, name, lambda: act(site))
    else:
        owner, attribute = PLACES[name]
        setattr(owner, attribute, around(getattr(owner, attribute), when, lambda: act(site)))


def around(function, when, action):
    def wrapped(*arguments, **keywords):
        if when == "before":
            action()
        result = function(*arguments, **keywords)
        if when == "after":
            action()
        return result

    return wrapped


def act_at_event(kind, stage, action) -> None:
    begin = Stopwatch.__init__

    def init(self, report, check) -> None:
        def reported(event) -> None:
            report(event)
            if isinstance(event, kind) and event.stage.value == stage:
                action()

        begin(self, reported, check)

    Stopwatch.__init__ = init


def ask_and_act(site) -> None:
    """Ask for the commit, and act before the answer is read."""
    ask = Client.ask

    def asked(self, op, **fields):
        if op is Op.COMMIT:
            self._link.sendall(protocol.encode({"op": op}))
            act(site)
        return ask(self, op, **fields)

    Client.ask = asked


def act(site: Path) -> None:
    """Only once, and each later time nothing."""
    if mark := os.environ.pop("REACHED", ""):
        Path(mark).touch()
    if waits_for := os.environ.pop("WAIT_FOR", ""):
        while not Path(waits_for).exists():
            time.sleep(0.01)
    elif whom := os.environ.pop("KILL_WHOM", ""):
        kill(whom, site)


def kill(whom: str, site: Path) -> None:
    for pid in victims(whom, site):
        os.kill(pid, signal.SIGKILL)
        while pid != os.getpid() and runs(pid):
            time.sleep(0.002)


def victims(whom: str, site: Path) -> list[int]:
    match whom:
        case "self":
            return [os.getpid()]
        case "receiver":
            return [os.getppid()]
        case "pusher":
            return [pusher(os.getppid())]
        case "replica":
            groups = json.loads((site / "run" / "replicas.json").read_text())["groups"]
            return [groups[0]["replicas"][0]["process"][0]]
        case _:
            return [json.loads((site / "run" / f"{name}.json").read_text())["process"][0] for name in FILES[whom]]


def pusher(pid: int) -> int:
    """The `git push` above a process."""
    while b"push" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(main())
