"""Hand a Dockerfile to a builder that is here: BuildKit, Docker or Buildah. Pure: what to run, and what it answered."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath

from msgspec import Struct

from pushlive.model.image import BadDigestError, Digest


class Builder(StrEnum):
    """What builds Dockerfiles, by the name of its program; in the order in which one is chosen."""

    BUILDKIT = "buildctl"
    DOCKER = "docker"
    BUILDAH = "buildah"


class Job(Struct, frozen=True):
    """What is to be built. `dockerfile` is a path in `tree`; `names` are whole names with tags; `scratch` is ours.

    `insecure` pushes without TLS.
    """

    tree: Path
    dockerfile: str
    names: tuple[str, ...]
    labels: Mapping[str, str]
    scratch: Path
    platforms: str = ""
    insecure: bool = False
    push: bool = True

    @property
    def answer(self) -> Path:
        """The file a builder writes its digest to."""
        return self.scratch / "digest"


def alive(builder: Builder) -> tuple[str, ...]:
    """What ends well when the builder can be used: two of them are the clients of a daemon."""
    return {
        Builder.BUILDKIT: ("buildctl", "debug", "workers"),
        Builder.DOCKER: ("docker", "version", "--format", "{{.Server.Version}}"),
        Builder.BUILDAH: ("buildah", "version"),
    }[builder]


def commands(builder: Builder, job: Job) -> tuple[tuple[str, ...], ...]:
    """What to run, one after the other."""
    match builder:
        case Builder.BUILDKIT:
            return (_buildkit(job),)
        case Builder.DOCKER:
            return _docker(job)
        case Builder.BUILDAH:
            return _buildah(job)


def digest(builder: Builder, job: Job, said: str) -> Digest | None:
    """The digest of what was pushed: `said` is what the last command printed. None when it is not told."""
    try:
        match builder:
            case Builder.BUILDKIT:
                return Digest.parse(json.loads(job.answer.read_bytes())["containerimage.digest"])
            case Builder.DOCKER:
                names = _as_docker_says(job.names[0].rpartition(":")[0])
                named = [text for text in json.loads(said) if text.rpartition("@")[0] in names]
                return Digest.parse(named[0].rpartition("@")[2])
            case Builder.BUILDAH:
                return Digest.parse(job.answer.read_text().strip())
    except (OSError, ValueError, KeyError, IndexError, BadDigestError):
        return None


def _as_docker_says(repository: str) -> set[str]:
    """Docker Hub's repositories have no host in Docker's own lists, and its official images no `library`."""
    return {repository, repository.removeprefix("docker.io/"), repository.removeprefix("docker.io/library/")}


def _buildkit(job: Job) -> tuple[str, ...]:
    place = PurePosixPath(job.dockerfile)
    names = ",".join(job.names)
    more = ",registry.insecure=true" if job.insecure else ""
    output = f'type=image,"name={names}",push={str(job.push).lower()}{more}'
    return (
        *("buildctl", "build", "--progress=plain", "--frontend", "dockerfile.v0"),
        *("--local", f"context={job.tree}", "--local", f"dockerfile={job.tree / place.parent}"),
        *("--opt", f"filename={place.name}"),
        *(part for name, value in job.labels.items() for part in ("--opt", f"label:{name}={value}")),
        *(("--opt", f"platform={job.platforms}") if job.platforms else ()),
        *("--output", output, "--metadata-file", str(job.answer)),
    )


def _docker(job: Job) -> tuple[tuple[str, ...], ...]:
    build = ("docker", "build", *_shared(job), str(job.tree))
    pushes = tuple(("docker", "push", name) for name in job.names)
    asked = ("docker", "image", "inspect", "--format", "{{json .RepoDigests}}", job.names[0])
    return (build, *pushes, asked) if job.push else (build,)


def _buildah(job: Job) -> tuple[tuple[str, ...], ...]:
    plain = ("--tls-verify=false",) if job.insecure else ()
    build = ("buildah", "build", "--layers", *plain, *_shared(job), str(job.tree))
    pushes = tuple(
        ("buildah", "push", *plain, "--digestfile", str(job.answer), name, f"docker://{name}") for name in job.names
    )
    return (build, *pushes) if job.push else (build,)


def _shared(job: Job) -> Sequence[str]:
    return (
        *("--file", str(job.tree / job.dockerfile)),
        *(part for name, value in job.labels.items() for part in ("--label", f"{name}={value}")),
        *(part for name in job.names for part in ("--tag", name)),
        *(("--platform", job.platforms) if job.platforms else ()),
    )
