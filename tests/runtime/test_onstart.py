"""What Python starts with in a container: .pth files and sitecustomize, as a virtual environment has them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pushlive_runtime
from tests.image.trees import plant

PACKAGES = {
    "alpha.pth": "inside\nimport alpha_hook\n",
    "alpha_hook.py": "import sys\nsys.hooked = getattr(sys, 'hooked', 0) + 1\n",
    "inside/beta.py": "VALUE = 5\n",
}
PYTHONS = [sys.executable, *sorted(map(str, Path.home().glob(".pyenv/versions/3.[19]*/bin/python")))]
"""Of this machine, from 3.9 on. Debian's own has a sitecustomize, others have none."""

SAY = "import sys, beta; print(sys.hooked, beta.VALUE, getattr(sys, 'custom', ''), 'onstart' in repr(sys.path))"


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    """The folder of both layers, as it is in an image."""
    runtime = Path(pushlive_runtime.__file__).parent / "onstart"
    shutil.copytree(runtime, tmp_path / "opt/server/pushlive_runtime/onstart")
    plant(tmp_path / "opt/packages", PACKAGES)
    return tmp_path / "opt"


def said(code: str, *paths: Path, python: str = sys.executable) -> str:
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([python, "-c", code], env=env, capture_output=True, text=True, check=False)
    return done.stdout.strip() + done.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_the_packages_pth_files_are_processed_once(opt: Path, python: str) -> None:
    assert said(SAY, opt / "server/pushlive_runtime/onstart", opt / "packages", python=python) == "1 5  False"
    assert "No module named 'beta'" in said(SAY, opt / "packages"), "without it they are not"


def test_nothing_is_added_where_the_packages_are_not_on_the_path(opt: Path) -> None:
    assert "No module named 'beta'" in said("import beta", opt / "server/pushlive_runtime/onstart")


def test_the_sitecustomize_behind_it_has_its_turn(opt: Path) -> None:
    plant(opt / "packages", {"sitecustomize.py": "import sys\nsys.custom = 'theirs'\n"})
    assert said(SAY, opt / "server/pushlive_runtime/onstart", opt / "packages") == "1 5 theirs False"


def test_one_that_fails_is_told_as_python_tells_it(opt: Path) -> None:
    plant(opt / "packages", {"sitecustomize.py": "import no_such_module\n"})
    told = said("print('goes on')", opt / "server/pushlive_runtime/onstart", opt / "packages")
    assert "No module named 'no_such_module'" in told
    assert told.startswith("goes on")
