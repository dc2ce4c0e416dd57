import shutil
import tempfile
from pathlib import Path

import pytest

from pushlive.model.home import Home
from pushlive.pipeline import sites
from pushlive.pipeline.context import Context
from tests.servers import git
from tests.servers.git import Work


@pytest.fixture
def machine():
    """A state folder without a site. Its path is short: sockets below it have 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix="pl-"))
    root.chmod(0o755)
    yield Home(root / "state")
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def context(machine: Home) -> Context:
    """A site that nothing was pushed to."""
    return sites.create(machine, "shop", listen="127.0.0.1:18080")


@pytest.fixture
def work(machine: Home) -> Work:
    """A developer's repository."""
    return git.init(machine.path.parent / "work")
