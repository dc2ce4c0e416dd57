import sys
from pathlib import Path

import pytest

from pushlive import source
from tests.servers import git
from tests.servers.git import Work

ACCEPT = "import sys\nsys.stdin.read()\n"


@pytest.fixture(autouse=True)
def _no_git_settings(monkeypatch):
    for name in ("GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A developer's repository without a commit."""
    return git.init(tmp_path / "work")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """pushlive's repository, with a hook that says yes."""
    path = tmp_path / "repo.git"
    source.create(path, python=Path(sys.executable))
    git.set_hook(path, ACCEPT)
    return path


@pytest.fixture
def objects(tmp_path: Path) -> Work:
    """A bare repository to make objects in that no porcelain would."""
    return git.init(tmp_path / "objects.git", bare=True)
