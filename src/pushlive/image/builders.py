"""Hand a Dockerfile to a builder that is here: BuildKit, Docker or Buildah. Pure: what to run, and what it answered."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum, auto
from pathlib import Path, PurePosixPath

from msgspec import Struct

from pushlive.model.image import BadDigestError, Digest


class Builder(StrEnum):
    """What builds Dockerfiles, by the name of its program."""

    BUILDKIT = "buildctl"
    DOCKER = "docker"
    BUILDAH = "buildah"


class Job(Struct, frozen=True):
    """What is to be built. `dockerfile` is a path in `tree`; `names` are whole names with tags; `scratch` is ours.

    No `platforms` are the builder's own. `insecure` pushes without TLS.
    """

    tree: Path
    dockerfile: str
    names: tuple[str, ...]
    labels: Mapping[str, str]
    scratch: Path
    platforms: tuple[str, ...] = ()
    insecure: bool = False
    push: bool = True

    @property
    def answer(self) -> Path:
        """The file a builder writes its digest to."""
        return self.scratch / "digest"

    @property
    def index(self) -> str:
        """What an index of the images is called on this machine; no image has that name."""
        return f"pushlive.local/index:{self.names[0].rpartition(':')[2]}"

    @property
    def several(self) -> bool:
        """Whether an index of several images is wanted."""
        return len(self.platforms) > 1


class Work(Enum):
    """What a step does, and so what its failure means."""

    BUILD = auto()
    PUSH = auto()
    BUILD_AND_PUSH = auto()
    TIDY = auto()
    """Whether it ends well does not matter."""


class Step(Struct, frozen=True):
    """A program to run, with its arguments."""

    work: Work
    argv: tuple[str, ...]


def order(*, several: bool = False) -> tuple[Builder, ...]:
    """The order in which one is chosen. For `several` platforms Docker needs buildx, and often more than that."""
    if several:
        return Builder.BUILDKIT, Builder.BUILDAH, Builder.DOCKER
    return Builder.BUILDKIT, Builder.DOCKER, Builder.BUILDAH


def alive(builder: Builder, *, several: bool = False) -> tuple[str, ...]:
    """What ends well when the builder can be used, for `several` platforms: two of them are the clients of a daemon."""
    docker = ("buildx", "version") if several else ("version", "--format", "{{.Server.Version}}")
    return {
        Builder.BUILDKIT: ("buildctl", "debug", "workers"),
        Builder.DOCKER: ("docker", *docker),
        Builder.BUILDAH: ("buildah", "version"),
    }[builder]


def steps(builder: Builder, job: Job) -> tuple[Step, ...]:
    """What to run, one after the other."""
    match builder:
        case Builder.BUILDKIT:
            return (Step(Work.BUILD_AND_PUSH if job.push else Work.BUILD, _buildkit(job)),)
        case Builder.DOCKER:
            return _buildx(job) if job.several else _docker(job)
        case Builder.BUILDAH:
            return _buildah_index(job) if job.several else _buildah(job)


def digest(builder: Builder, job: Job, said: str) -> Digest | None:
    """The digest of what was pushed: `said` is what the pushes printed. None when it is not told."""
    try:
        if builder is Builder.BUILDAH:
            return Digest.parse(job.answer.read_text().strip())
        if builder is Builder.BUILDKIT or job.several:
            return Digest.parse(json.loads(job.answer.read_bytes())["containerimage.digest"])
        return Digest.parse(_PUSHED.findall(said)[-1])
    except (OSError, ValueError, KeyError, IndexError, BadDigestError):
        return None


_PUSHED = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: \d+$", re.MULTILINE)
"""How `docker push` ends. Docker's list of an image's digests has those of earlier pushes too."""


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
        *(("--opt", f"platform={','.join(job.platforms)}") if job.platforms else ()),
        *("--output", output, "--metadata-file", str(job.answer)),
    )


def _docker(job: Job) -> tuple[Step, ...]:
    """Its builder without BuildKit takes layers of one platform for those of another, from its cache."""
    fresh = ("--no-cache",) if job.platforms else ()
    build = Step(Work.BUILD, ("docker", "build", *fresh, *_shared(job), *_tags(job), str(job.tree)))
    return (build, *(Step(Work.PUSH, ("docker", "push", name)) for name in job.names if job.push))


def _buildx(job: Job) -> tuple[Step, ...]:
    """Only buildx makes an index, and it has to be pushed at once: not every daemon could keep it."""
    output = ("--push",) if job.push else ("--output", "type=image")
    options = (*_shared(job), *_tags(job), *output, "--metadata-file", str(job.answer))
    work = Work.BUILD_AND_PUSH if job.push else Work.BUILD
    return (Step(work, ("docker", "buildx", "build", "--progress=plain", *options, str(job.tree))),)


def _buildah(job: Job) -> tuple[Step, ...]:
    build = Step(Work.BUILD, ("buildah", "build", *_cached(job), *_shared(job), *_tags(job), str(job.tree)))
    return (build, *(Step(Work.PUSH, _pushed_by_buildah(job, name, name)) for name in job.names if job.push))


def _buildah_index(job: Job) -> tuple[Step, ...]:
    """Under a tag Buildah keeps the image of one platform alone. An index that is there already would be added to."""
    tidy = Step(Work.TIDY, ("buildah", "manifest", "rm", job.index))
    options = (*_cached(job), *_shared(job), "--manifest", job.index)
    build = Step(Work.BUILD, ("buildah", "build", *options, str(job.tree)))
    return (tidy, build, *(Step(Work.PUSH, _pushed_by_buildah(job, job.index, name)) for name in job.names if job.push))


def _pushed_by_buildah(job: Job, name: str, to: str) -> tuple[str, ...]:
    push = ("manifest", "push", "--all") if job.several else ("push",)
    plain = ("--tls-verify=false",) if job.insecure else ()
    return ("buildah", *push, *plain, "--digestfile", str(job.answer), name, f"docker://{to}")


def _cached(job: Job) -> tuple[str, ...]:
    """Buildah too takes cached layers of another platform, where a Dockerfile begins with nothing."""
    return ("--no-cache",) if job.platforms else ("--layers",)


def _shared(job: Job) -> Sequence[str]:
    return (
        *("--file", str(job.tree / job.dockerfile)),
        *(part for name, value in job.labels.items() for part in ("--label", f"{name}={value}")),
        *(("--platform", ",".join(job.platforms)) if job.platforms else ()),
    )


def _tags(job: Job) -> Sequence[str]:
    return tuple(part for name in job.names for part in ("--tag", name))
