import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushlive.system.files import remove_tree
from tests.end_to_end.machine import Machine, Repository


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """Dependency layers and interpreters, made once a worker and shared by its machines."""
    folder = Path(tempfile.mkdtemp(prefix="pl-cache-"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


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
        made.stop()
    finally:
        left = made.end_all()
        remove_tree(root)
    assert not left, "`down` left something running"


@pytest.fixture(scope="module")
def site(machine: Machine) -> Repository:
    """The counter, live."""
    repository = machine.create("simplesite")
    repository.pushed()
    return repository
