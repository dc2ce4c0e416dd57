import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.machine import Machine, Repository


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dependency layers and interpreters, made once a worker and shared by its machines."""
    folder = Path(tempfile.gettempdir()) / f"pl-cache-{tmp_path_factory.getbasetemp().name}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def machine(cache: Path) -> Iterator[Machine]:
    """A machine; all of its sites are stopped in the end."""
    root = Path(tempfile.mkdtemp(prefix="pl-"))  # short: sockets below it have 107 bytes
    root.chmod(0o755)
    made = Machine(root)
    made.home.mkdir()
    (made.home / "cache").symlink_to(cache)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def site(machine: Machine) -> Repository:
    """The counter, live."""
    repository = machine.create("simplesite")
    repository.pushed()
    return repository
