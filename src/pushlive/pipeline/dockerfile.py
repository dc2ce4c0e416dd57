"""An image by the site's own Dockerfile: built and pushed by whichever builder is here."""

from pathlib import Path
from urllib.parse import urlsplit

from pushlive.config.site import Site
from pushlive.image import builder_output, builders
from pushlive.image.builders import Builder, Job, Work
from pushlive.model.delivery import Stage
from pushlive.model.errors import BuildError, MachineError, PushliveError, RegistryError, SettingsError, UsageError
from pushlive.model.events import Output
from pushlive.model.source import Tree
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Published, Target
from pushlive.registry.locations import is_loopback
from pushlive.registry.push import Pushed
from pushlive.registry.reference import Reference
from pushlive.system import process

REMEDY = (
    "Install Buildah (it needs no daemon: `apt-get install buildah`), Docker or BuildKit, "
    "or take [build] dockerfile out: pushlive then builds the image by itself."
)
"""What to do where no builder is."""

_OTHER = "Install Buildah (`apt-get install buildah`), or give Docker buildx and a builder that can."
_SECONDS = 3600.0
_ASK_SECONDS = 20.0


def builder(*, several: bool = False) -> Builder | None:
    """The builder that would be taken, for an index of `several` images if so: the first that answers."""
    for each in builders.order(several=several):
        try:
            if process.run(builders.alive(each, several=several), timeout=_ASK_SECONDS).ok:
                return each
        except MachineError:
            continue
    return None


def build(tree: Tree, site: Site, target: Target, scratch: Path, clock: Stopwatch) -> Published:
    """Build the site's Dockerfile, and push it under its revision and its tag.

    Raises UsageError for a base besides it, SettingsError without the file, MachineError without a builder, BuildError
    when the build fails, and RegistryError when the push does.
    """
    file = site.file.build.dockerfile
    assert file
    if target.base:
        raise UsageError(
            f"--base is given, and the image is built by {file}",
            where="pushlive.toml, [build] dockerfile",
            remedy=f"Name the base in {file}, behind FROM, and leave --base out.",
        )
    if not (tree.path / file).is_file():
        raise SettingsError(
            f"there is no {file} in this revision",
            where="pushlive.toml, [build] dockerfile",
            remedy="Commit it, or correct its name.",
        )
    job = _job(tree, file, target, scratch)
    chosen = _chosen(job)
    with clock.run(Stage.BUILD) as told:
        said = _run(chosen, job, clock)
        told(f"by {chosen.value}: {job.names[0]}")
    return _published(chosen, job, said, target)


def _chosen(job: Job) -> Builder:
    found = builder(several=job.several)
    if found:
        return found
    if job.several and builder():
        raise MachineError(
            "Docker builds for one platform at a time here: it has no buildx",
            where=f"--platform {','.join(job.platforms)}",
            remedy=_OTHER,
        )
    raise MachineError("nothing on this machine can build a Dockerfile", remedy=REMEDY)


def _job(tree: Tree, file: str, target: Target, scratch: Path) -> Job:
    return Job(
        tree=tree.path,
        dockerfile=file,
        names=_names(target, tree),
        labels=_labels(tree),
        scratch=scratch,
        platforms=tuple(map(str, target.platforms)),
        insecure=target.insecure or (target.to is not None and _is_here(target.to)),
        push=target.to is not None,
    )


def _run(chosen: Builder, job: Job, clock: Stopwatch) -> str:
    """Run each step; returns what the last one printed."""
    said = ""
    for step in builders.steps(chosen, job):
        if step.work is Work.TIDY:
            process.run(step.argv, timeout=_ASK_SECONDS)
            continue
        done = process.stream(step.argv, lambda line: clock.tell(Output(line)), timeout=_SECONDS)
        said = done.output
        if not done.ok:
            pushing = step.work is Work.PUSH or (step.work is Work.BUILD_AND_PUSH and builder_output.at_push(said))
            raise _refused(chosen, job, said) if pushing else _failed(job, done)
    return said


def _failed(job: Job, done: process.Completed) -> PushliveError:
    if builder_output.unable(done.output):
        return MachineError(
            f"{done.argv[0]} cannot build this here",
            where=" ".join(done.argv[:2]),
            evidence=builder_output.evidence(done.output),
            remedy=_OTHER,
            output=done.output,
            code="builder",
        )
    text = (job.tree / job.dockerfile).read_text(encoding="utf-8", errors="replace")
    line = builder_output.line(done.output, text)
    return BuildError(
        f"the Dockerfile does not build: {' '.join(done.argv[:2])} {done.ending}",
        where=f"{job.dockerfile}:{line}" if line else job.dockerfile,
        evidence=builder_output.evidence(done.output),
        remedy="Mend the Dockerfile, commit and push, and run it again.",
        output=done.output,
        code="dockerfile",
    )


def _refused(chosen: Builder, job: Job, said: str) -> RegistryError:
    why, host = builder_output.refusal(said), Reference.parse(job.names[0]).registry
    return RegistryError(
        why.cause.format(host=host, builder=chosen.value),
        where=f"push to {job.names[0].rpartition(':')[0]}",
        evidence=builder_output.last_words(said),
        remedy=why.remedy.format(host=host, builder=chosen.value),
        output=said,
        code=why.code,
    )


def _published(chosen: Builder, job: Job, said: str, target: Target) -> Published:
    if target.to is None:
        return Published(job.names[0])
    found = builders.digest(chosen, job, said)
    if found is None:
        raise BuildError(
            f"{chosen.value} does not say which digest it pushed",
            where=job.names[0],
            evidence=said.splitlines()[-3:],
            remedy="The image is in the registry. Install another builder, for this one is not understood.",
            output=said,
        )
    tags = tuple(name.rpartition(":")[2] for name in job.names)
    return Published(str(found), pushed=Pushed(target.to.at(found), tags))


def _names(target: Target, tree: Tree) -> tuple[str, ...]:
    """What goes nowhere has a name of its own all the same: builders keep no image without one."""
    if target.to is None:
        kind = "index" if len(target.platforms) > 1 else "site"
        return (f"pushlive.local/{kind}:{tree.revision.sha}",)
    return str(target.to.tagged(tree.revision.sha)), str(target.to.tagged(target.to.tag or "latest"))


def _is_here(to: Reference) -> bool:
    """A registry on this machine may speak plain HTTP, as to our own client."""
    return is_loopback(urlsplit(f"//{to.host}").hostname or "")


def _labels(tree: Tree) -> dict[str, str]:
    title, revision = "org.opencontainers.image.", tree.revision
    return {f"{title}revision": revision.sha, f"{title}created": revision.committed.isoformat()}
