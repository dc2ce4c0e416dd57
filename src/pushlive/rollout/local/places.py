"""Where the local engine keeps its files below a site's folder."""

import json
import os
from pathlib import Path
from typing import Any

from pushlive.model.errors import MachineError
from pushlive.model.home import SiteHome
from pushlive.system.files import write_atomic

LONGEST_SOCKET_PATH = 107
"""Bytes a unix socket's path may have on Linux: 108 with its closing zero."""

_LONGEST_SOCKET_NAME = "99999999.sock"


def control_socket(home: SiteHome) -> Path:
    """Where the supervisor takes requests."""
    return home.run / "control.sock"


def live_file(home: SiteHome) -> Path:
    """What is live: the one durable fact of the engine."""
    return home.run / "live.json"


def replicas_file(home: SiteHome) -> Path:
    """Which processes are replicas, for the supervisor that comes after this one."""
    return home.run / "replicas.json"


def memcached_file(home: SiteHome) -> Path:
    """Which process is memcached, with which settings, on which port."""
    return home.run / "memcached.json"


def keeper_file(home: SiteHome) -> Path:
    """Which process is the keeper."""
    return home.run / "keeper.json"


def supervisor_file(home: SiteHome) -> Path:
    """Which process is the supervisor."""
    return home.run / "supervisor.json"


def python_file(home: SiteHome) -> Path:
    """The interpreter that the keeper starts its next supervisor with, where that is not the keeper's own."""
    return home.run / "python"


def warm_file(home: SiteHome) -> Path:
    """Which process is the fork server, and for which folder of `warm`."""
    return home.run / "warm.json"


def warm_socket(home: SiteHome) -> Path:
    """Where the fork server is asked; as closed to the site's user as the control socket is."""
    return home.run / "warm.sock"


def warm(home: SiteHome) -> Path:
    """The virtual environments that fork servers run in: they outlast the releases that share one."""
    return home.run / "warm"


def sockets(home: SiteHome) -> Path:
    """The replicas' private sockets: of all below `run`, the one folder that the site's user may write."""
    return home.run / "s"


def supervisor_log(home: SiteHome) -> Path:
    """What keeper and supervisor say."""
    return home.logs / "supervisor.log"


def release_folder(home: SiteHome, name: str) -> Path:
    """A release's own folder."""
    return home.releases / name


def launch_file(home: SiteHome, name: str) -> Path:
    """How the processes of a release are started; written last, so a release that has it is complete."""
    return release_folder(home, name) / "launch.json"


def check_socket_paths(home: SiteHome) -> None:
    """Raise MachineError when a socket below this folder could not be bound."""
    longest = sockets(home) / _LONGEST_SOCKET_NAME
    excess = len(os.fsencode(longest)) - LONGEST_SOCKET_PATH
    if excess > 0:
        raise MachineError(
            f"the site's folder has a path {excess} bytes too long for the sockets in it",
            where=str(home.path),
            remedy="Set PUSHLIVE_HOME to a shorter path.",
        )


def write_state(path: Path, value: Any) -> None:
    """Replace a JSON file that need not outlive a reboot: atomic, not durable, readable by the owner alone."""
    write_atomic(path, json.dumps(value).encode(), mode=0o600, durable=False)


def read_state(path: Path) -> Any:
    """Read a JSON file; None when there is none, or when a power cut has left half of it: it tells of another boot."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
