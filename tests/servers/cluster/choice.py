"""Which cluster the tests use: the one that is named, else kind's, else our own node, else none, and why."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushlive.system import locks
from tests.servers.cluster import built, namespaces, node
from tests.servers.cluster.cluster import Cluster, kubectl
from tests.servers.cluster.settings import GATEWAY

NAMED, REGISTRY, ADDRESS = "PUSHLIVE_TEST_KUBECONFIG", "PUSHLIVE_TEST_REGISTRY", "PUSHLIVE_TEST_GATEWAY"
KIND = "pushlive-tests"
CHECKOUT = Path(__file__).resolve().parents[3]
FOLDER = node.folder_of(CHECKOUT)
"""Looked up now: tests have a TMPDIR of their own."""
DEVELOPER = "kept"
"""The mark of a node that `tools/cluster up` made: tests use it and leave it up."""


class NoCluster(Exception):  # noqa: N818  # not an error of the tests: they are skipped, and say this
    """No cluster can be had here; its text says why."""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """The cluster to use, for as long as the block takes.

    Raises:
        NoCluster: none can be had.
        AssertionError: one should come up and does not.
    """
    if named := os.environ.get(NAMED):
        yield _named(Path(named), f"the cluster that {NAMED} names")
    elif _kind_works():
        with _kind() as config:
            yield _named(config, "kind")
    elif why := built.missing():
        raise NoCluster(f"no cluster: {NAMED} names none, kind or Docker is not there, and no node of our own: {why}")
    else:
        with _own() as found:
            yield found


def own(found: node.Node) -> Cluster:
    """Our own node, as a cluster."""
    version = json.loads(found.kubectl("get", "--raw", "/version"))["gitVersion"]
    return Cluster(found.kubeconfig, version, "our own node", found.place.images, GATEWAY, found)


def ensure(mark: str = "") -> node.Node:
    """This checkout's node: as it is found up and well, else made; `mark` is left in it."""
    found = node.found(FOLDER) or node.up(FOLDER)
    if mark:
        (FOLDER / mark).touch()
    return found


def lock() -> Path:
    """Held by whoever makes or ends this checkout's node."""
    return built.cache() / "cluster" / f"{FOLDER.name}.lock"


@contextmanager
def _own() -> Iterator[Cluster]:
    """The last of those who use it ends it, if it was made for tests."""
    me = f"user-{os.getpid()}-{namespaces.started(os.getpid())}"
    with locks.held(lock()):
        found = ensure(me)
    try:
        yield own(found)
    finally:
        with locks.held(lock()):
            (FOLDER / me).unlink(missing_ok=True)
            if not (FOLDER / DEVELOPER).exists() and not users():
                node.down(FOLDER)


def users() -> list[str]:
    """The processes that use this checkout's node, of those that still run."""
    marks = [path.name.split("-")[1:] for path in FOLDER.glob("user-*")]
    return [pid for pid, began in marks if namespaces.started(int(pid)) == int(began)]


def _named(config: Path, origin: str) -> Cluster:
    """Somebody else's: what it has beside its API is named by the environment, else found."""
    try:
        version = json.loads(_asked(config, "get", "--raw", "/version"))["gitVersion"]
    except (AssertionError, ValueError) as error:
        raise AssertionError(f"{origin} ({config}) does not answer: {error}") from error
    gateway = os.environ.get(ADDRESS) or _gateway(config)
    return Cluster(config, version, origin, os.environ.get(REGISTRY, ""), gateway)


def _gateway(config: Path) -> str:
    """The first address of the first Gateway that has one."""
    query = "-o=jsonpath={range .items[*].status.addresses[*]}{.value}{' '}{end}"
    try:
        found = _asked(config, "get", "gateways", "--all-namespaces", query).split()
    except AssertionError:
        return ""  # it does not know the kind
    return found[0] if found else ""


def _asked(config: Path, *arguments: str) -> str:
    argv = [kubectl(), f"--kubeconfig={config}", "--request-timeout=20s", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _kind_works() -> bool:
    if not shutil.which("kind") or not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode == 0


@contextmanager
def _kind() -> Iterator[Path]:
    """A cluster of kind's: made when it is not there, and left for the next run, as `kind delete cluster` ends it."""
    config = built.cache() / "cluster" / "kind.kubeconfig"
    with locks.held(config.with_suffix(".lock")):
        listed = subprocess.run(["kind", "get", "clusters"], capture_output=True, text=True, check=False).stdout
        verb = ("export", "kubeconfig") if KIND in listed.split() else ("create", "cluster", "--wait=180s")
        argv = ["kind", *verb, f"--name={KIND}", f"--kubeconfig={config}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    yield config
