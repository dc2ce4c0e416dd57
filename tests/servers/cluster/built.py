"""The programs of a node: where they are, whether they are there, and what of the machine they need beside them."""

import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path

from tests.servers import base_image
from tests.servers.cluster import settings

SOURCES = Path(__file__).parent / "binaries"
TOOLS = ("containerd", "runc", "iptables", "ip", "nsenter", "unshare", "openssl", "docker-registry", "skopeo")
WAITED = "PUSHLIVE_TEST_CLUSTER"
"""Set by `./test --cluster` and in CI: a build goes on beside the tests, and they wait for it."""
LIMIT = 3600.0
"""How long, in seconds: a build from nothing takes a quarter of an hour on two idle processors."""
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pushlive-checkout"
"""Looked up now: tests have a HOME of their own."""


def cache() -> Path:
    """Where the tests keep what they make once."""
    return _CACHE


def folder() -> Path:
    """Where tools/cluster-binaries.sh has them built, named by what they are built from."""
    files = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*") if path.is_file())
    content = b"".join((SOURCES / name).read_bytes() for name in files)
    return _CACHE / "cluster" / hashlib.sha256(content).hexdigest()[:16]


def plugins() -> str:
    """The folder of the CNI plugins; empty where there is none."""
    return next((place for place in settings.PLUGINS if (Path(place) / "bridge").exists()), "")


def missing() -> str:
    """Why no node can run here; empty when one can. Waits for a build that was asked for."""
    if why := base_image.missing(TOOLS):
        return why
    if not plugins():
        return "no CNI plugins are installed (containernetworking-plugins)"
    if os.environ.get(WAITED):
        _await_build(folder())
    if not folder().is_dir():
        return "its programs are not built (`tools/cluster build`, or `./test --cluster`)"
    return ""


def _await_build(made: Path) -> None:
    """Until nobody holds the build's lock, or LIMIT."""
    lock, until = made.with_name(f"{made.name}.lock"), time.monotonic() + LIMIT
    while not made.is_dir() and lock.exists() and _held(lock):
        if time.monotonic() > until:
            log = made.with_name(f"{made.name}.log")
            raise AssertionError(f"a node's programs are not built after {LIMIT:.0f} s ({log}):\n{tail(log)}")
        time.sleep(1)


def _held(lock: Path) -> bool:
    with lock.open() as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def tail(log: Path, size: int = 2000) -> str:
    """The end of a log, for an error."""
    return log.read_text(errors="replace")[-size:] if log.exists() else "(no log)"


def program(name: str) -> str:
    """A program of the system's, also where root's folders are not in PATH."""
    place = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    assert place, f"{name} is not installed"
    return place
