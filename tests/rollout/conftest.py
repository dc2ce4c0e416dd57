import os
import signal
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushlive.model.home import Home
from pushlive.rollout.local.record import SiteRecord, free_account, save
from pushlive.system.files import remove_tree
from tests.rollout.sites import Load, Site, free_port


@pytest.fixture
def open_folder():
    """A folder that every user may pass through; pytest's own is closed, and its path is long."""
    path = Path(tempfile.mkdtemp(prefix="pl-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    remove_tree(path)


@pytest.fixture
def site(open_folder):
    home = Home(open_folder)
    site_home = home.site("shop")
    record = SiteRecord(
        name="shop",
        listen=(f"127.0.0.1:{free_port()}",),
        probe_key="k" * 64,
        created=datetime.now(UTC),
        account=free_account(home) if os.geteuid() == 0 else None,
    )
    save(site_home, record)
    made = Site(site_home, record)
    yield made
    with suppress(Exception):
        made.engine.stop()
    for pid in made.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def load(site):
    return Load(site)
