import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from pushlive.inspection import App, Runtime, Wishes, inspect
from pushlive.system import process
from pushlive.system.process import Account
from tests.inspection import sites
from tests.reach import others_reach

RUNTIME = Path(__file__).parents[2] / "src" / "pushlive_runtime"


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Path:
    layer = tmp_path_factory.mktemp("server")
    (layer / "pushlive_runtime").symlink_to(RUNTIME)
    (layer / "run.py").symlink_to(RUNTIME / "run.py")
    return layer


@pytest.fixture
def asked() -> list[str]:
    """One entry for each process that the site was asked in."""
    return []


@pytest.fixture
def runtime(server, tmp_path, asked) -> Runtime:
    def attend(argv, **given):
        asked.append(argv[-1])
        return process.attend(argv, **given)

    return Runtime(Path(sys.executable), server, scratch=tmp_path / "work" / "inspect", attend=attend)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def packages() -> Iterator[Path]:
    """Django, where every user can reach it: in this environment, or a copy."""
    ours = Path(django.__file__).parents[1]
    if others_reach(ours / "django"):
        yield ours
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for name in ("django", "asgiref", "sqlparse"):
            shutil.copytree(ours / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        yield Path(folder)


@pytest.fixture
def apart(server, place, packages) -> Runtime:
    """A site's code runs as a user of its own. Needs root."""
    layer = shutil.copytree(server, place / "server", symlinks=False, ignore=shutil.ignore_patterns("__pycache__"))
    layer.chmod(0o755)
    return Runtime(Path("/usr/bin/python3"), layer, place / "scratch", packages, Account(4242, 4242))


@pytest.fixture
def site(tmp_path):
    """Writes a Django site and returns its folder."""

    def make(settings: str = "", **files: str) -> Path:
        return sites.django_site(tmp_path / "tree", settings, **files)

    return make


@pytest.fixture
def inspected(runtime):
    """Inspects the site in a folder."""

    def run(tree: Path, *, app: dict | None = None, **wishes):
        place = App(tree, **{"callable": "proj.wsgi:application", **(app or {})})
        return inspect(place, runtime, Wishes(**{"data": "/srv/data", **wishes}))

    return run


@pytest.fixture
def supplied(inspected):
    """What is supplied to the site in a folder, by name."""
    return lambda tree, **wishes: {each.name: each.value for each in inspected(tree, **wishes).supplied}
