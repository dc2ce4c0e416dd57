"""What an earlier supervisor left: the replicas on record, and those it died too early to write down."""

import os
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from pushlive.model.home import SiteHome
from pushlive.rollout.local import logs, places
from pushlive.system import proc
from pushlive.system.proc import Identity


class Recorded(Struct, frozen=True):
    """What replicas.json says; of another boot only the counters count."""

    serial: int = 0
    generation: int = 0
    groups: list[dict[str, Any]] = field(default_factory=list)

    def of(self, generation: int) -> dict[str, Any]:
        """The group of one rollout; an empty one when there is none."""
        found = (group for group in self.groups if group["generation"] == generation)
        return next(found, {"generation": generation, "replicas": []})

    @property
    def identities(self) -> list[Identity]:
        """The processes of every replica on record."""
        replicas = (replica for group in self.groups for replica in group["replicas"])
        return [Identity(*replica["process"]) for replica in replicas if replica["process"]]


def recorded(home: SiteHome) -> Recorded:
    """Read replicas.json; a damaged one counts as none, since what runs is found without it."""
    value = places.read_state(places.replicas_file(home))
    if not value:
        return Recorded()
    groups = value["groups"] if value["boot"] == proc.boot() else []
    return Recorded(value["serial"], value["generation"], groups)


def stop_unknown(home: SiteHome, known: set[int]) -> None:
    """Tell every replica of this site to end that is not in `known`: none of them was ever let through its gate."""
    mark = b"PUSHLIVE_SOCKET=" + os.fsencode(places.sockets(home)) + b"/"
    for pid, found in proc.everyone():
        if found.session == pid and pid not in known and _environment_has(pid, mark):
            logs.say(f"process {pid} is a replica that no record names; it is told to end")
            proc.signal_session(pid, signal.SIGTERM)


def commands(home: SiteHome) -> list[Identity]:
    """The processes of commands of a release that run for this site, started as `command_mark` has it."""
    mark = os.fsencode("=".join(command_mark(home)))
    return [Identity(pid, found.started) for pid, found in proc.everyone() if _environment_has(pid, mark)]


def command_mark(home: SiteHome) -> tuple[str, str]:
    """The variable by which a command is known as this site's, once whoever started it is dead."""
    return "PUSHLIVE_COMMAND_OF", str(home.path)


def _environment_has(pid: int, mark: bytes) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(variable.startswith(mark) for variable in variables)


def stop_recorded(home: SiteHome, patience: float) -> None:
    """Stop what runs of a site that has no supervisor. SIGKILL after `patience` seconds."""
    left = [identity for identity in everything(home) if proc.alive(identity)]
    for identity in left:
        proc.signal_session(identity.pid, signal.SIGTERM)
    proc.wait_all(left, patience)
    for identity in left:
        proc.signal_session(identity.pid, signal.SIGKILL)
    kill_left_behind(home)
    proc.wait_all(left, patience)


def kill_left_behind(home: SiteHome, parent: int = -1, spare: Collection[int] = ()) -> None:
    """Kill what the site's code has started and left running in sessions of its own, but the pids in `spare`.

    It is known by its HOME, which is below the site's folder, or by having become a child of `parent`.
    """
    mark = b"HOME=" + os.fsencode(home.data) + b"/"
    for pid, found in proc.everyone():
        if pid not in spare and (found.parent == parent or _environment_has(pid, mark)):
            proc.kill(Identity(pid, found.started))


def everything(home: SiteHome) -> list[Identity]:
    """Every process of a site that is on record, whether it still runs or not."""
    found = list(recorded(home).identities)
    files = (places.keeper_file, places.supervisor_file, places.memcached_file, places.warm_file)
    values = [places.read_state(file(home)) for file in files]
    found += [Identity(*value["process"]) for value in values if value and value["boot"] == proc.boot()]
    return found
