"""From an image that was put together to a registry: what is known is sent ahead, and what refers to it comes along."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pushlive.image import attestations
from pushlive.image.attestations import Made
from pushlive.image.layout import Layout
from pushlive.model.delivery import Stage
from pushlive.model.image import MANIFEST, Digest, Layer
from pushlive.model.source import Revision
from pushlive.pipeline import assembling, bases
from pushlive.pipeline.assembling import Assembled, Standing
from pushlive.pipeline.context import Context
from pushlive.pipeline.parts import Parts
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Target
from pushlive.registry import push as pushing
from pushlive.registry.manifests import Manifest
from pushlive.registry.push import Pushed, Sender
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository


def sender(target: Target) -> AbstractContextManager[Sender | None]:
    """What sends an image to where it is to go; None for one that goes nowhere."""
    return Sender(Repository(target.to, insecure=target.insecure)) if target.to else nullcontext()


def send_ahead(context: Context, standing: Standing, parts: Parts, blobs: Path, to: Sender) -> None:
    """Begin to send the layers that are known before the image is: those of the bases, and the packages on them."""
    held = Layout(blobs)
    for each in standing.bases:
        ours = (parts.packages.layer, parts.server.layer) if assembling.takes(parts, each) else ()
        _hold_all(bases.store(context.home), each.base.layers, held)
        _hold_all(context.images, ours, held)
        layers = (*each.base.layers, *ours)
        to.begin([layer.descriptor for layer in layers], held, _mounts(standing, to.repository.reference))


def push(made: Assembled, target: Target, revision: Revision, blobs: Path, to: Sender, clock: Stopwatch) -> Pushed:
    """Push an image to its registry, under its revision and its tag. Raises RegistryError.

    `blobs` holds its blobs (see `hold`), so that the site's turn may be somebody else's meanwhile.
    """
    assert target.to
    layout = Layout(blobs)
    attached = list(_attestations(made, revision, layout, target.to)) if target.attest else []
    with clock.run(Stage.PUSH) as told:
        pushed = pushing.push(
            made.digest,
            layout,
            to.repository,
            tags=(revision.sha, target.to.tag or "latest"),
            mounts=_mounts(made, target.to),
            attached=attached,
            report=clock.tell,
            sender=to,
        )
        told(_sent(pushed))
    return pushed


def _hold_all(layout: Layout, layers: Sequence[Layer], held: Layout) -> None:
    for each in layers:
        held.adopt(layout.require(each.digest), each.digest)


def _attestations(made: Assembled, revision: Revision, layout: Layout, to: Reference) -> Iterator[Manifest]:
    """What is in each image, and how it and an index of them were made, as artifacts that refer to them.

    Their blobs are put into `layout`.
    """
    images = [
        Made(to.name, each.image.digest, revision, each.packages, each.python, each.base, made.locks)
        for each in made.images
    ]
    documents = [(each.digest, attestations.CYCLONEDX, attestations.sbom(each)) for each in images]
    documents += [(each.digest, attestations.IN_TOTO, attestations.provenance(each)) for each in images]
    if made.digest not in {each.digest for each in images}:
        documents += [(made.digest, attestations.IN_TOTO, attestations.provenance_of_index(made.digest, images))]
    empty = layout.put(attestations.NOTHING, attestations.EMPTY)
    for subject, kind, text in documents:
        about = Manifest.read(layout.get(subject)).descriptor
        yield Manifest(MANIFEST, attestations.artifact(kind, layout.put(text, kind), empty, about, revision.committed))


def _mounts(on: Assembled | Standing, to: Reference) -> dict[Digest, tuple[str, ...]]:
    """Which blobs the base's own repository has, where it is in the same registry."""
    if on.base.registry != to.registry:
        return {}
    return {layer.digest: (on.base.repository,) for base in on.on for layer in base.layers}


def _sent(pushed: Pushed) -> str:
    parts = [f"{pushed.uploaded} blobs sent, {pushed.sent_bytes / 1e6:.1f} MB"]
    parts += [f"{pushed.mounted} mounted"] if pushed.mounted else []
    parts += [f"{pushed.there} already there"] if pushed.there else []
    return ", ".join(parts) if pushed.uploaded or pushed.mounted or pushed.there else "unchanged"
