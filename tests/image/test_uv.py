import os

import pytest

from pushlive.config.site import RequirementsKind
from pushlive.image import uv
from pushlive.image.dependencies import install
from pushlive.image.plan import Lock
from pushlive.model.errors import PackagesError
from pushlive.system import process
from tests.image.trees import plant
from tests.image.wheels import backend, source


def test_uv_gets_what_reaches_an_index_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/certs.pem")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.example/simple")
    monkeypatch.setenv("UV_INDEX_OWN_PASSWORD", "canary")
    monkeypatch.setenv("SECRET_KEY", "canary")
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "canary")
    ours = uv.environment(home=tmp_path, cache_folder=tmp_path, secrets=True)
    theirs = uv.environment(home=tmp_path, cache_folder=tmp_path, secrets=False)
    assert theirs["SSL_CERT_FILE"] == "/certs.pem"
    assert theirs["UV_DEFAULT_INDEX"] == "https://own.example/simple"
    assert "canary" not in theirs.values()
    assert [name for name, value in ours.items() if value == "canary"] == ["UV_INDEX_OWN_PASSWORD"]


def test_uv_is_run_by_its_own_path():
    assert uv.binary().is_absolute()
    assert process.run([uv.binary(), "--version"], env={}).output.startswith("uv ")


def test_a_password_in_an_address_is_for_us_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_EXTRA_INDEX_URL", "https://me:canary@one.example/simple https://canary@two.example/a@b")
    monkeypatch.setenv("UV_INDEX", "own=https://me:c@nary@three.example/simple")
    theirs = uv.environment(home=tmp_path, cache_folder=tmp_path, secrets=False)
    assert theirs["UV_EXTRA_INDEX_URL"] == "https://one.example/simple https://two.example/a@b"
    assert theirs["UV_INDEX"] == "own=https://three.example/simple"
    ours = uv.environment(home=tmp_path, cache_folder=tmp_path, secrets=True)
    assert ours["UV_EXTRA_INDEX_URL"] == os.environ["UV_EXTRA_INDEX_URL"]


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        ("UV_PYTHON", False),
        ("UV_SYSTEM_PYTHON", False),
        ("UV_NO_BINARY_PACKAGE", False),
        ("UV_PYTHON_INSTALL_MIRROR", True),
        ("UV_SYSTEM_CERTS", True),
        ("UV_HTTP_TIMEOUT", True),
    ],
)
def test_what_is_ours_to_say_is_not_taken_from_the_environment(tmp_path, monkeypatch, name, passes):
    monkeypatch.setenv(name, "1")
    assert (name in uv.environment(home=tmp_path, cache_folder=tmp_path, secrets=True)) is passes


def test_an_installation_that_takes_too_long_says_so(open_folder, place, python, monkeypatch):
    monkeypatch.setattr(uv, "_SECONDS", 3.0)
    body = "import time; print('compiling', flush=True); time.sleep(600); content = ''"
    source(open_folder / "tree/wheels", "alpha", "1.0", backend("alpha", "1.0", body))
    plant(open_folder / "tree", {"requirements.txt": "--no-index\n--find-links ./wheels\nalpha\n"})
    with pytest.raises(PackagesError, match=r"were not installed within 0\.05 minutes") as caught:
        install(Lock(open_folder / "tree", RequirementsKind.REQUIREMENTS, ("requirements.txt",)), python, place)
    assert caught.value.remedy
