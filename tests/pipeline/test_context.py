import os

import pytest

from pushlive.model.errors import MachineError
from pushlive.pipeline import sites
from pushlive.pipeline.context import find_site, open_site


@pytest.fixture
def somebody_else():
    """For the test we are another user than the one who owns everything."""
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="changes user, which only root may")
@pytest.mark.usefixtures("context", "somebody_else")
@pytest.mark.parametrize("find", [lambda home: open_site(home, "shop"), lambda home: find_site(home, None, home.path)])
def test_the_site_of_another_user_is_said_to_be_just_that(machine, find):
    with pytest.raises(MachineError, match="belongs to another user"):
        find(machine)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder away, which only root may")
def test_an_owner_without_a_name_is_named_by_number(context):
    os.chown(context.site.path, 4_000_000, -1)
    assert sites.ssh_remote(context).startswith("ssh://4000000@")
