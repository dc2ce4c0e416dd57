import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from tests.runtime.replicas import Replica, public_socket

SOURCE = Path(__file__).parents[2] / "src"
RUNTIME = SOURCE / "pushlive_runtime"
PINNED = SOURCE / "pushlive" / "image" / "server-requirements.txt"


def build_layer(cache: pytest.Cache, python: str, version: str, *more: str) -> Path:
    """Install what the image's server layer holds, once; the runtime itself is always the one under test."""
    key = hashlib.sha256(" ".join([PINNED.read_text(), version, *more]).encode()).hexdigest()[:12]
    folder = Path(cache.mkdir(f"pushlive-server-{key}"))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        layer = folder / "server"
        if not layer.exists():
            partial = folder / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            _install(partial, python, "--requirements", str(PINNED))
            if more:
                _install(partial, python, *more)
            (partial / "pushlive_runtime").symlink_to(RUNTIME)
            (partial / "run.py").symlink_to(RUNTIME / "run.py")
            partial.rename(layer)
    return layer


def _install(folder: Path, python: str, *what: str) -> None:
    options = ["--quiet", "--compile-bytecode", "--python", python, "--target", str(folder)]
    subprocess.run([uv.find_uv_bin(), "pip", "install", *options, *what], check=True, cwd=folder.parent)


@pytest.fixture(scope="session")
def layer(request) -> Path:
    return build_layer(request.config.cache, sys.executable, f"{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture
def public():
    with public_socket() as listener:
        yield listener


@pytest.fixture
def site(tmp_path) -> Path:
    root = tmp_path / "app"
    root.mkdir()
    return root


@contextlib.contextmanager
def replicas_of(layer: Path, site: Path, folder: Path):
    """Makes replicas of `site`, and ends them."""
    made = []

    def make(**settings) -> Replica:
        made.append(Replica(**{"layer": layer, "root": site, "folder": folder, **settings}))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.close()


@pytest.fixture
def replica(layer, site, tmp_path):
    with replicas_of(layer, site, tmp_path) as make:
        yield make
