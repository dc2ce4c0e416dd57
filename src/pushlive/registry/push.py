"""An image, or an index of images, from a layout on this machine to a repository: blobs, manifests, and tags last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from pushlive.model.events import Report, silent
from pushlive.model.image import Descriptor, Digest
from pushlive.registry import manifests, upload
from pushlive.registry.manifests import Manifest
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
from pushlive.registry.transfer import Meter, in_parallel
from pushlive.registry.upload import Sent, Source


class Blobs(Protocol):
    """Where the blobs are taken from: an image layout."""

    def require(self, digest: Digest, /) -> Path:
        """A blob's file. Raises StateError when it is missing."""

    def get(self, digest: Digest, /) -> bytes:
        """A small blob's content, checked. Raises StateError."""


class Pushed(Struct, frozen=True):
    """What a push did. `reference` names the image by its digest; bytes are those that went over the wire."""

    reference: Reference
    tags: tuple[str, ...]
    uploaded: int = 0
    mounted: int = 0
    there: int = 0
    sent_bytes: int = 0


class _Tree(Struct, frozen=True):
    """A manifest with all that it names: `children` before it, `blobs` before those."""

    manifest: Manifest
    children: tuple["_Tree", ...] = ()
    blobs: tuple[Descriptor, ...] = field(default_factory=tuple)


def push(
    image: Digest,
    blobs: Blobs,
    repository: Repository,
    *,
    tags: Sequence[str] = (),
    mounts: Mapping[Digest, Sequence[str]] | None = None,
    attach: Callable[[], None] = lambda: None,
    report: Report = silent,
) -> Pushed:
    """Push `image`, an image's manifest or an index; each of `tags` names it once everything else is there.

    `attach` sends what refers to it, before a tag leads anybody to it.
    `mounts` says for a blob which other repositories of the registry may have it. Raises RegistryError, and
    StateError when a blob is missing here; no tag has moved then, unless the trouble came between two tags.
    """
    tree = _tree(image, blobs)
    reference = repository.reference.at(image)
    if manifests.stands(repository, str(image), image):
        sent: list[Sent] = []
        moved = 0
    else:
        sent, moved = _send(tree, blobs, repository, mounts or {}, report)
        _put(tree, repository)
    attach()
    for tag in tags:
        if not manifests.stands(repository, tag, image):
            manifests.put(repository, tree.manifest, tag)
    counts = {kind: sent.count(kind) for kind in Sent}
    return Pushed(
        reference, tuple(tags), counts[Sent.UPLOADED], counts[Sent.MOUNTED], counts[Sent.THERE], sent_bytes=moved
    )


def send(images: Sequence[Digest], blobs: Blobs, repository: Repository) -> None:
    """See that all blobs of these images, or artifacts, are in the repository; their manifests are not pushed."""
    children = tuple(_tree(each, blobs) for each in images)
    _send(_Tree(children[0].manifest, children), blobs, repository, {}, silent)


def _tree(digest: Digest, blobs: Blobs) -> _Tree:
    manifest = Manifest.read(blobs.get(digest))
    plain = manifest.json()
    if manifest.is_index:
        return _Tree(manifest, tuple(_tree(each.digest, blobs) for each in manifests.children(plain)))
    return _Tree(manifest, (), manifests.parts(plain))


def _send(
    tree: _Tree, blobs: Blobs, repository: Repository, mounts: Mapping[Digest, Sequence[str]], report: Report
) -> tuple[list[Sent], int]:
    """Send all blobs, a few at a time; how each came there, and how many bytes were sent."""
    wanted = {each.digest: each for each in _all_blobs(tree)}
    meter = Meter("push", sum(each.size for each in wanted.values()), report)

    def one(each: Descriptor) -> Sent:
        source = Source(each.digest, each.size, blobs.require(each.digest))
        return upload.push(
            repository, source, mounts=mounts.get(each.digest, ()), told=lambda at: meter.at(each.digest, at)
        )

    found = in_parallel(one, sorted(wanted.values(), key=lambda each: -each.size))
    moved = sum(each.size for each, how in found if how is Sent.UPLOADED)
    return [how for _, how in found], moved


def _all_blobs(tree: _Tree) -> Iterator[Descriptor]:
    yield from tree.blobs
    for child in tree.children:
        yield from _all_blobs(child)


def _put(tree: _Tree, repository: Repository) -> None:
    for child in tree.children:
        _put(child, repository)
    manifests.put(repository, tree.manifest, str(tree.manifest.digest))
