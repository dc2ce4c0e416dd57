"""What builders of Dockerfiles are told, and how their answers are read."""

import json

import pytest
from msgspec.structs import replace

from pushlive.image import builders
from pushlive.image.builders import Builder, Job

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def job(tmp_path):
    return Job(
        tree=tmp_path / "tree",
        dockerfile="deploy/Dockerfile",
        names=("ghcr.io/me/site:rev", "ghcr.io/me/site:latest"),
        labels={"org.opencontainers.image.revision": "rev"},
        scratch=tmp_path,
    )


def test_docker_builds_pushes_each_name_and_is_asked_for_the_digest(job):
    build, *pushes, asked = builders.commands(Builder.DOCKER, job)
    assert build[:4] == ("docker", "build", "--file", f"{job.tree}/deploy/Dockerfile")
    assert build[-1] == str(job.tree)
    assert build[4:6] == ("--label", "org.opencontainers.image.revision=rev")
    assert [push[2] for push in pushes] == list(job.names)
    assert asked[:3] == ("docker", "image", "inspect")


def test_buildkit_does_it_all_at_once(job):
    (build,) = builders.commands(Builder.BUILDKIT, replace(job, platforms="linux/amd64,linux/arm64"))
    assert 'type=image,"name=ghcr.io/me/site:rev,ghcr.io/me/site:latest",push=true' in build
    assert f"dockerfile={job.tree}/deploy" in build
    assert "filename=Dockerfile" in build
    assert "platform=linux/amd64,linux/arm64" in build


def test_buildah_speaks_plain_http_only_where_it_may(job):
    for insecure in (False, True):
        told = builders.commands(Builder.BUILDAH, replace(job, insecure=insecure))
        assert [("--tls-verify=false" in argv) for argv in told] == [insecure] * 3


@pytest.mark.parametrize("builder", [Builder.DOCKER, Builder.BUILDAH])
def test_what_goes_nowhere_is_only_built(job, builder):
    assert len(builders.commands(builder, replace(job, push=False))) == 1


def test_digests_are_read_from_each_ones_answer(job):
    said = json.dumps([f"elsewhere/site@sha256:{'b' * 64}", f"ghcr.io/me/site@{DIGEST}"])
    assert str(builders.digest(Builder.DOCKER, job, said)) == DIGEST
    for name, listed in {"docker.io/me/site": "me/site", "docker.io/library/site": "site"}.items():
        hub = replace(job, names=(f"{name}:rev",))
        assert str(builders.digest(Builder.DOCKER, hub, json.dumps([f"{listed}@{DIGEST}"]))) == DIGEST
    job.answer.write_text(f"{DIGEST}\n")
    assert str(builders.digest(Builder.BUILDAH, job, "")) == DIGEST
    job.answer.write_text(json.dumps({"containerimage.digest": DIGEST}))
    assert str(builders.digest(Builder.BUILDKIT, job, "")) == DIGEST


@pytest.mark.parametrize("builder", list(Builder))
def test_nonsense_is_no_digest(job, builder):
    assert builders.digest(builder, job, "nonsense") is None
    job.answer.write_text("{}")
    assert builders.digest(builder, job, "[]") is None
