import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushlive.config.site import PythonWish
from pushlive.image.dependencies import Place
from pushlive.image.interpreter import choose
from pushlive.image.layout import Layout
from pushlive.image.survey import Interpreter
from pushlive.system.files import remove_tree
from pushlive.system.process import Account

NOBODY, OTHER = Account(54321, 54321), Account(54322, 54322)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="pushlive-image-"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(open_folder: Path) -> Place:
    """Where layers are made, with an empty cache and nobody to change to."""
    return Place(open_folder / "cache", Layout(open_folder / "images"))


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """A Python of this machine."""
    return choose(PythonWish(">=3.9"), cache=tmp_path_factory.mktemp("cache")).interpreter


@pytest.fixture(scope="session")
def reachable_python() -> Iterator[Interpreter]:
    """A Python of this machine that any user can run."""
    cache = Path(tempfile.mkdtemp(prefix="pushlive-python-"))
    cache.chmod(0o755)
    yield choose(PythonWish(), cache=cache, account=NOBODY).interpreter
    remove_tree(cache)
