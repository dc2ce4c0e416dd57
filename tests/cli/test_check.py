import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pushlive import pipeline
from pushlive.pipeline import checks, sites

EXAMPLE = Path(__file__).parents[2] / "examples" / "simplesite"


@pytest.fixture
def repository(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example in a repository called shop, and we are in a folder of it."""
    folder = home.parent / "shop"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "staticfiles"))
    subprocess.run(["git", "init", "-q", folder], check=True)
    monkeypatch.chdir(folder / "proj")
    return folder


def subjects(out: str) -> list[str]:
    return [each["subject"] for each in json.loads(out)["findings"]]


def test_what_was_detected_is_shown_with_its_place(pushlive, repository):
    _, out, _ = pushlive("check")
    assert "app.wsgi" in out
    assert "proj.wsgi:application" in out
    assert {"key": "app.manage", "value": "manage.py", "origin": "manage.py"} in json.loads(
        pushlive("check", "--json")[1]
    )["facts"]


def test_the_site_of_another_repository_is_not_looked_at(pushlive, repository):
    sites.create(pipeline.home(), "blog", listen="127.0.0.1:18080")
    assert "engine" not in subjects(pushlive("check", "--json")[1])
    assert "engine" in subjects(pushlive("check", "--site", "blog", "--json")[1])


def test_the_repository_s_own_site_is_looked_at(pushlive, repository):
    sites.create(pipeline.home(), "shop", listen="127.0.0.1:18080")
    assert "engine" in subjects(pushlive("check", "--json")[1])


def test_what_would_stop_a_delivery_ends_with_3(pushlive, repository):
    (repository / "pushlive.toml").write_text("[run]\nreplica = 2\n")
    code, out, _ = pushlive("check", "--json")
    assert code == 3
    bad = next(each for each in json.loads(out)["findings"] if each["subject"] == "repository")
    assert bad["grade"] == "failed"
    assert "replica" in bad["text"]
    assert bad["remedy"]


def test_the_repository_is_read_once(pushlive, repository, monkeypatch):
    read: list[Path] = []
    load = checks.load_site
    monkeypatch.setattr(checks, "load_site", lambda folder, **rest: (read.append(folder), load(folder, **rest))[1])
    assert pushlive("check")[0] == 0
    assert read == [repository]


def test_outside_of_a_repository_the_machine_is_looked_at(pushlive, home):
    assert "repository" not in subjects(pushlive("check", "--json")[1])
    assert "git" in subjects(pushlive("check", "--json")[1])


def test_who_builds_a_dockerfile_is_named(pushlive, repository, tmp_path, monkeypatch):
    (repository / "pushlive.toml").write_text('[build]\ndockerfile = "Dockerfile"\n')
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(programs))
    nothing = next(
        each for each in json.loads(pushlive("check", "--json")[1])["findings"] if each["subject"] == "builder"
    )
    assert nothing["grade"] == "failed"
    assert "buildah" in nothing["remedy"]

    (programs / "buildah").write_text("#!/bin/sh\n")
    (programs / "buildah").chmod(0o755)
    assert "buildah builds Dockerfile" in pushlive("check")[1]
