"""A site's own Dockerfile, built by the real Buildah and pushed to a real registry."""

import os
import shutil
from datetime import UTC, datetime

import pytest

from pushlive.config.load import load
from pushlive.image.builders import Builder
from pushlive.model.errors import BuildError, MachineError, SettingsError
from pushlive.model.image import Platform
from pushlive.model.source import Revision, Tree
from pushlive.pipeline import dockerfile
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Target
from pushlive.registry import manifests
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
from tests.servers import registry

REVISION = Revision("a" * 40, "a change\n", datetime(2026, 3, 1, 12, 30, tzinfo=UTC))

needs_buildah = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("buildah") is None, reason="Buildah is not here, or not as root"
)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Build a site whose Dockerfile says `text`, with Buildah; tells what it prints."""
    monkeypatch.setattr(dockerfile, "builder", lambda: Builder.BUILDAH)
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    storage = tmp_path / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/graph"\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(storage))

    def run(text, to=None, name="Dockerfile"):
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        (tree / "Dockerfile").write_text(text)
        (tree / "app.py").write_text("def application(environ, start_response): ...\n")
        (tree / "pushlive.toml").write_text(f'[app]\nwsgi = "app:application"\n[build]\ndockerfile = "{name}"\n')
        target = Target(to, insecure=True)
        said = []
        made = dockerfile.build(
            Tree(REVISION, tree), load(tree), target, tmp_path, Stopwatch(said.append, lambda: None)
        )
        return made, said

    return run


@needs_buildah
def test_it_is_pushed_under_its_revision_and_latest_and_gone_on_with_by_its_digest(build, tmp_path):
    with registry.distribution(tmp_path / "registry") as running:
        to = Reference.parse(f"{running.host}/me/site")
        made, _ = build("FROM scratch\nCOPY app.py /\n", to)
        repository = Repository(to)
        found = [manifests.get(repository, name) for name in (REVISION.sha, "latest", made.image)]
    assert {str(each.digest) for each in found} == {made.image}
    assert made.pushed
    assert str(made.pushed.reference).endswith(made.image)


@needs_buildah
def test_what_goes_nowhere_stays_in_the_builders_own_store(build):
    made, _ = build("FROM scratch\nCOPY app.py /\n")
    assert made.image == f"pushlive.local/site:{REVISION.sha}"
    assert made.pushed is None


@needs_buildah
def test_a_dockerfile_that_fails_is_told_with_its_last_lines(build):
    with pytest.raises(BuildError, match="buildah build ended with") as caught:
        build("FROM scratch\nCOPY no-such-file /\n")
    assert any("no-such-file" in line for line in caught.value.evidence)


def test_a_dockerfile_that_is_not_there_is_named(build):
    with pytest.raises(SettingsError, match="there is no deploy/Dockerfile"):
        build("FROM scratch\n", name="deploy/Dockerfile")


def test_without_a_builder_the_ways_to_one_are_named(build, monkeypatch):
    monkeypatch.setattr(dockerfile, "builder", lambda: None)
    with pytest.raises(MachineError, match="nothing on this machine can build") as caught:
        build("FROM scratch\n")
    assert "apt-get install buildah" in caught.value.remedy


def test_the_first_that_answers_is_taken(tmp_path, monkeypatch):
    for name, code in (("buildctl", 1), ("docker", 1), ("buildah", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dockerfile.builder() is Builder.BUILDAH
    (tmp_path / "buildah").unlink()
    assert dockerfile.builder() is None


def test_platforms_are_passed_on(tmp_path):
    target = Target(platforms=(Platform("linux", "amd64"), Platform("linux", "arm64")))
    assert (
        dockerfile._job(Tree(REVISION, tmp_path), "Dockerfile", target, tmp_path).platforms == "linux/amd64,linux/arm64"
    )
