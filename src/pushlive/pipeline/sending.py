"""From an image that was put together to a registry: what is known is sent ahead, and what refers to it comes along."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pushlive.image import attestations
from pushlive.image.attestations import Made
from pushlive.image.layout import Layout
from pushlive.model.delivery import Stage
from pushlive.model.image import MANIFEST, Descriptor, Digest, Layer
from pushlive.model.source import Revision
from pushlive.pipeline import assembling, bases
from pushlive.pipeline.assembling import Assembled, OnBase, Standing
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
    attached = [one for each in made.images for one in _attestations(each, made.locks, revision, layout, target.to)]
    with clock.run(Stage.PUSH) as told:
        pushed = pushing.push(
            made.digest,
            layout,
            to.repository,
            tags=(revision.sha, target.to.tag or "latest"),
            mounts=_mounts(made, target.to),
            attached=attached if target.attest else (),
            report=clock.tell,
            sender=to,
        )
        told(_sent(pushed))
    return pushed


def _hold_all(layout: Layout, layers: Sequence[Layer], held: Layout) -> None:
    for each in layers:
        held.adopt(layout.require(each.digest), each.digest)


def _attestations(
    each: OnBase, locks: Mapping[str, str], revision: Revision, layout: Layout, to: Reference
) -> Iterator[Manifest]:
    """What is in an image, and how it was made, as artifacts that refer to it; their blobs are put into `layout`."""
    made = Made(to.name, each.image.digest, revision, each.packages, each.python, each.base, locks)
    subject = Descriptor(MANIFEST, each.image.digest, len(layout.get(each.image.digest)))
    empty = layout.put(attestations.NOTHING, attestations.EMPTY)
    documents = {attestations.CYCLONEDX: attestations.sbom(made), attestations.IN_TOTO: attestations.provenance(made)}
    for kind, text in documents.items():
        blob = layout.put(text, kind)
        yield Manifest(MANIFEST, attestations.artifact(kind, blob, empty, subject, revision.committed))


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
