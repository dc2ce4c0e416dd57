"""Podman, for containers of the tests' own."""

import resource
import shutil
import subprocess
from pathlib import Path

_ENOUGH = 4096
_LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}


def missing() -> str:
    """Why no Podman can run here; empty when one can."""
    if shutil.which("podman") is None:
        return "podman not installed (`./test` installs it for root)"
    done = subprocess.run(["podman", "version"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"podman does not answer: {done.stderr[-200:]}"


def modest(folder: Path) -> dict[str, str]:
    """Environment in which containers get no higher limits than we have, but low ones.

    Podman raises those of root's containers, and root inside a virtual machine or a container may not be allowed to.
    """
    hard = {name: resource.getrlimit(number)[1] for name, number in _LIMITS.items()}
    most = {name: min(number, _ENOUGH) if number >= 0 else _ENOUGH for name, number in hard.items()}
    told = ", ".join(f'"{name}={number}:{number}"' for name, number in most.items())
    path = folder / "containers.conf"
    path.write_text(f"[containers]\ndefault_ulimits = [{told}]\n")
    return {"CONTAINERS_CONF": str(path)}
