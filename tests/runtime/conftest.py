import contextlib
import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uv

from tests.runtime.replicas import Replica, public_socket

RUNTIME = Path(__file__).parents[2] / "src" / "pushlive_runtime"


def build_layer(folder: Path, python: str, *packages: str) -> Path:
    """Install what the server layer holds, once; the runtime itself is always the one under test."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        layer = folder / "server"
        if not layer.exists():
            partial = folder / "partial"
            shutil.rmtree(partial, ignore_errors=True)
            argv = [
                uv.find_uv_bin(),
                "pip",
                "install",
                "-q",
                "--compile-bytecode",
                "--python",
                python,
                "--target",
                str(partial),
                *packages,
            ]
            subprocess.run(argv, check=True, cwd=folder)
            (partial / "pushlive_runtime").symlink_to(RUNTIME)
            (partial / "run.py").symlink_to(RUNTIME / "run.py")
            partial.rename(layer)
    return layer


@pytest.fixture(scope="session")
def layer(request) -> Path:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return build_layer(
        Path(request.config.cache.mkdir(f"pushlive-server-{version}")), sys.executable, "gunicorn", "whitenoise"
    )


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
