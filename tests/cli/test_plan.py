import json
import shutil
from pathlib import Path

import pytest

from pushlive import pipeline
from pushlive.pipeline import sites
from tests.servers.git import Work, git

EXAMPLE = Path(__file__).parents[2] / "examples" / "simplesite"


@pytest.fixture
def repository(home: Path) -> Work:
    """A site called shop, and a repository whose only commit was never pushed to it."""
    sites.create(pipeline.home(), "shop", listen="127.0.0.1:18080")
    folder = home.parent / "shop"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "staticfiles"))
    git(folder, "init", "-q", "-b", "master")
    Work(folder).commit()
    return Work(folder)


@pytest.mark.parametrize("folder", [".", "proj"])
def test_the_revision_is_that_of_the_repository_one_is_in(pushlive, repository, monkeypatch, folder):
    monkeypatch.chdir(repository.path / folder)
    code, out, err = pushlive("plan", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["revision"] == repository.git("rev-parse", "HEAD")
