"""The oldest Python the runtime promises: an older gunicorn, and uvicorn's protocols for ASGI."""

import os
import subprocess
from pathlib import Path

import pytest
import uv

from tests.runtime.conftest import build_layer
from tests.runtime.sites import SITES
from tests.runtime.test_switch import check_switches


@pytest.fixture(scope="module")
def old_python():
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    argv = [uv.find_uv_bin(), "python", "find", "--no-project", "3.9"]
    found = subprocess.run(argv, check=False, capture_output=True, text=True, env=env, cwd="/")
    managed = sorted((Path.home() / ".pyenv" / "versions").glob("3.9*/bin/python"))
    if found.returncode and not managed:
        pytest.skip("this machine has no Python 3.9")
    return str(managed[0]) if managed else found.stdout.strip()


@pytest.fixture
def old_layer(request, old_python):
    return build_layer(request.config.cache, old_python, "3.9", "uvicorn", "websockets")


@pytest.mark.parametrize("interface", SITES)
def test_no_request_is_lost_by_switching_on_python_39(replica, public, site, interface, old_python, old_layer):
    (site / "app.py").write_text(SITES[interface])
    check_switches(replica, public, interface, 5, python=old_python, layer=old_layer)


def test_asgi_without_uvicorn_says_what_to_do(replica, request, old_python, site):
    (site / "app.py").write_text(SITES["asgi"])
    bare = build_layer(request.config.cache, old_python, "3.9")
    one = replica(python=old_python, layer=bare, interface="asgi").start()
    assert one.wait() == 2
    assert "add uvicorn to the site's requirements, or take Python 3.10 or later" in one.log.read_text()
