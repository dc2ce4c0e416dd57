"""An image by the site's own Dockerfile: built and pushed by whichever builder is here."""

from pathlib import Path

from pushlive.config.site import Site
from pushlive.image import builders
from pushlive.image.builders import Builder, Job
from pushlive.model.delivery import Stage
from pushlive.model.errors import BuildError, MachineError, SettingsError
from pushlive.model.events import Output
from pushlive.model.source import Tree
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Published, Target
from pushlive.registry.push import Pushed
from pushlive.registry.reference import Reference
from pushlive.system import process

REMEDY = (
    "Install Buildah (it needs no daemon: `apt-get install buildah`), Docker or BuildKit, "
    "or take [build] dockerfile out: pushlive then builds the image by itself."
)
"""What to do where no builder is."""

_SECONDS = 3600.0
_ASK_SECONDS = 20.0


def builder() -> Builder | None:
    """The builder that would be taken: the first that answers."""
    for each in Builder:
        try:
            if process.run(builders.alive(each), timeout=_ASK_SECONDS).ok:
                return each
        except MachineError:
            continue
    return None


def build(tree: Tree, site: Site, target: Target, scratch: Path, clock: Stopwatch) -> Published:
    """Build the site's Dockerfile, and push it under its revision and its tag.

    Raises SettingsError without the file, MachineError without a builder, and BuildError when the build fails.
    """
    file = site.file.build.dockerfile
    assert file
    if not (tree.path / file).is_file():
        raise SettingsError(
            f"there is no {file} in this revision",
            where="pushlive.toml, [build] dockerfile",
            remedy="Commit it, or correct its name.",
        )
    chosen = builder()
    if chosen is None:
        raise MachineError(
            "nothing on this machine can build a Dockerfile",
            remedy=REMEDY,
        )
    job = _job(tree, file, target, scratch)
    with clock.run(Stage.BUILD) as told:
        said = _run(chosen, job, clock)
        told(f"by {chosen.value}: {job.names[0]}")
    return _published(chosen, job, said, target)


def _job(tree: Tree, file: str, target: Target, scratch: Path) -> Job:
    return Job(
        tree=tree.path,
        dockerfile=file,
        names=_names(target.to, tree),
        labels=_labels(tree),
        scratch=scratch,
        platforms=",".join(map(str, target.platforms)),
        insecure=target.insecure,
        push=target.to is not None,
    )


def _run(chosen: Builder, job: Job, clock: Stopwatch) -> str:
    said = ""
    for argv in builders.commands(chosen, job):
        done = process.stream(argv, lambda line: clock.tell(Output(line)), timeout=_SECONDS)
        said = done.output
        if not done.ok:
            raise BuildError(
                f"{' '.join(argv[:2])} ended with {done.code}",
                where=job.dockerfile,
                evidence=[text for text in said.splitlines() if text.strip()][-5:],
                remedy="Mend the Dockerfile and commit, or look at the registry, and run it again.",
                output=said,
                code="dockerfile",
            )
    return said


def _published(chosen: Builder, job: Job, said: str, target: Target) -> Published:
    if target.to is None:
        return Published(job.names[0])
    found = builders.digest(chosen, job, said)
    if found is None:
        raise BuildError(f"{chosen.value} does not say which digest it pushed", where=job.names[0], output=said)
    tags = tuple(name.rpartition(":")[2] for name in job.names)
    return Published(str(found), pushed=Pushed(target.to.at(found), tags))


def _names(to: Reference | None, tree: Tree) -> tuple[str, ...]:
    """A push to nowhere has a name of its own all the same: builders keep no image without one."""
    if to is None:
        return (f"pushlive.local/site:{tree.revision.sha}",)
    return str(to.tagged(tree.revision.sha)), str(to.tagged(to.tag or "latest"))


def _labels(tree: Tree) -> dict[str, str]:
    title, revision = "org.opencontainers.image.", tree.revision
    return {f"{title}revision": revision.sha, f"{title}created": revision.committed.isoformat()}
