"""What builders of Dockerfiles are told, and how their answers are read."""

import json

import pytest
from msgspec.structs import replace

from pushlive.image import builders
from pushlive.image.builders import Builder, Job, Work

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture
def job(tmp_path):
    return Job(
        tree=tmp_path / "tree",
        dockerfile="deploy/Dockerfile",
        names=("ghcr.io/me/site:rev", "ghcr.io/me/site:latest"),
        labels={"org.opencontainers.image.revision": "rev"},
        scratch=tmp_path,
    )


def argvs(builder, job):
    return [step.argv for step in builders.steps(builder, job)]


def test_docker_builds_and_pushes_each_name(job):
    build, *pushes = argvs(Builder.DOCKER, job)
    assert build[:4] == ("docker", "build", "--file", f"{job.tree}/deploy/Dockerfile")
    assert build[-1] == str(job.tree)
    assert build[4:6] == ("--label", "org.opencontainers.image.revision=rev")
    assert pushes == [("docker", "push", name) for name in job.names]


def test_docker_makes_an_index_by_buildx_at_once(job):
    (step,) = builders.steps(Builder.DOCKER, replace(job, platforms=BOTH))
    assert step.work is Work.BUILD_AND_PUSH
    assert step.argv[:3] == ("docker", "buildx", "build")
    assert {"--push", "linux/amd64,linux/arm64", str(job.answer)} <= set(step.argv)


def test_docker_is_the_last_that_is_asked_for_several_platforms():
    assert builders.order()[-1] is Builder.BUILDAH
    assert builders.order(several=True)[-1] is Builder.DOCKER
    assert set(builders.order()) == set(builders.order(several=True)) == set(Builder)


def test_buildkit_does_it_all_at_once(job):
    (build,) = argvs(Builder.BUILDKIT, replace(job, platforms=BOTH))
    assert 'type=image,"name=ghcr.io/me/site:rev,ghcr.io/me/site:latest",push=true' in build
    assert f"dockerfile={job.tree}/deploy" in build
    assert "filename=Dockerfile" in build
    assert "platform=linux/amd64,linux/arm64" in build


@pytest.mark.parametrize("platforms", [(), BOTH])
def test_buildah_speaks_plain_http_only_to_the_registry_that_it_pushes_to(job, platforms):
    for insecure in (False, True):
        told = builders.steps(Builder.BUILDAH, replace(job, insecure=insecure, platforms=platforms))
        plain = {step.work: "--tls-verify=false" in step.argv for step in told}
        assert (plain[Work.BUILD], plain[Work.PUSH]) == (False, insecure)


@pytest.mark.parametrize("platforms", [(), BOTH])
@pytest.mark.parametrize("builder", list(Builder))
def test_what_goes_nowhere_is_only_built(job, builder, platforms):
    told = builders.steps(builder, replace(job, push=False, platforms=platforms))
    assert {step.work for step in told} - {Work.TIDY} == {Work.BUILD}
    assert not any("--push" in step.argv or "push=true" in " ".join(step.argv) for step in told)


def test_digests_are_read_from_each_ones_answer(job):
    said = f"rev: digest: {OTHER} size: 524\nlatest: digest: {DIGEST} size: 524"
    assert str(builders.digest(Builder.DOCKER, job, said)) == DIGEST
    job.answer.write_text(f"{DIGEST}\n")
    assert str(builders.digest(Builder.BUILDAH, job, "")) == DIGEST
    job.answer.write_text(json.dumps({"containerimage.digest": DIGEST}))
    assert str(builders.digest(Builder.BUILDKIT, job, "")) == DIGEST
    assert str(builders.digest(Builder.DOCKER, replace(job, platforms=BOTH), "")) == DIGEST


@pytest.mark.parametrize("builder", list(Builder))
def test_nonsense_is_no_digest(job, builder):
    assert builders.digest(builder, job, "nonsense") is None
    job.answer.write_text("{}")
    assert builders.digest(builder, job, "[]") is None
