"""Builders of Dockerfiles, each the real program alone on a PATH of its own, with stores that are the tests' own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import docker, registry

BUILDAH, CLASSIC, BUILDKIT_IN_DOCKER, BUILDKIT = "buildah", "docker", "docker with BuildKit", "buildctl"
KINDS = (BUILDAH, CLASSIC, BUILDKIT_IN_DOCKER, BUILDKIT)
_HOW = "`./test` installs it for root"
_NEEDED = ("git", "sh", "runc", "skopeo", "docker-registry")


@dataclass(frozen=True)
class Running:
    """A builder that answers. `environ` leads to it and to no other; `program` is what it is called by."""

    kind: str
    program: str
    environ: Mapping[str, str]

    @property
    def indexes(self) -> bool:
        """Whether it can build for several platforms at once; Docker needs buildx for that."""
        return self.kind in {BUILDAH, BUILDKIT}


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Running]:
    """Run a builder, and skip the test where it is not here."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("builders are run as root here")
    match kind:
        case "buildah":
            yield _buildah(folder)
        case "buildctl":
            with _buildkit(folder) as made:
                yield made
        case _:
            if why := docker.missing():
                pytest.skip(why)
            with docker.docker() as daemon:
                yield _docker(kind, folder, daemon)


def own_address() -> str:
    """An address of this machine that is not loopback's; "" without a network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _path(folder: Path, program: str) -> str:
    """A PATH with one builder on it."""
    place = folder / "bin"
    place.mkdir()
    for name in _NEEDED:
        if found := shutil.which(name):
            (place / name).symlink_to(found)
    (place / Path(program).name).symlink_to(program)
    return str(place)


def _buildah(folder: Path) -> Running:
    program = registry.found("buildah", _HOW)
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/graph"\n'
    )
    around = {"BUILDAH_ISOLATION": "chroot", "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf"}
    return Running(BUILDAH, "buildah", around | {"PATH": _path(folder, program)})


def _docker(kind: str, folder: Path, daemon: docker.Docker) -> Running:
    program = _with_buildkit() if kind == BUILDKIT_IN_DOCKER else registry.found("docker")
    around = {"DOCKER_HOST": f"unix://{daemon.socket}", "DOCKER_BUILDKIT": str(int(kind == BUILDKIT_IN_DOCKER))}
    return Running(kind, "docker", around | {"PATH": _path(folder, program)})


def _with_buildkit() -> str:
    """A docker that has BuildKit in itself, as those before 23 do, or with buildx. Several may be installed."""
    for place in f"{os.environ['PATH']}:/usr/bin:/usr/local/bin".split(":"):
        found = shutil.which("docker", path=place)
        if found and (_major(found) < 23 or _ends_well(found, "buildx", "version")):
            return found
    pytest.skip("no docker here has BuildKit: it wants buildx")


def _major(program: str) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.split("version ")[1].split(".")[0])


def _ends_well(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@contextmanager
def _buildkit(folder: Path) -> Iterator[Running]:
    """A buildkitd with runc, below `folder`; registries that are not on loopback may speak plain HTTP if asked."""
    daemon, program = registry.found("buildkitd", _HOW), registry.found("buildctl", _HOW)
    runc = registry.found("runc", _HOW)
    host = f"127.0.0.1:{registry.free_port()}"
    settings = folder / "buildkitd.toml"
    settings.write_text(f'[worker.oci]\nsnapshotter = "native"\nbinary = "{runc}"\n')
    argv = [daemon, "--config", str(settings), "--addr", f"tcp://{host}", "--root", f"{folder}/root"]
    with registry.running([*argv, "--containerd-worker=false"], host, folder / "log"):
        yield Running(BUILDKIT, "buildctl", {"BUILDKIT_HOST": f"tcp://{host}", "PATH": _path(folder, program)})
