"""An image, or an index of images, from a layout on this machine to a repository: blobs, manifests, and tags last."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol, Self

from msgspec import Struct, field

from pushlive.model.events import Report, silent
from pushlive.model.image import Descriptor, Digest
from pushlive.registry import manifests, referrers, upload
from pushlive.registry.manifests import Manifest
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
from pushlive.registry.transfer import Transfers, results
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


class Sender:
    """Sends blobs to a repository, each once, a few at a time: what is known can be begun before the rest is.

    A context manager, as Transfers is.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._transfers = Transfers("push")
        self._begun: dict[Digest, Future[Sent]] = {}

    def __enter__(self) -> Self:
        self._transfers.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._transfers.__exit__(*raised)

    def tell(self, report: Report) -> None:
        """From now on tell how far the blobs are."""
        self._transfers.tell(report)

    def begin(
        self, wanted: Sequence[Descriptor], blobs: Blobs, mounts: Mapping[Digest, Sequence[str]] | None = None
    ) -> None:
        """See that blobs come into the repository, the largest first.

        `mounts` says for a blob which other repositories of the registry may have it.
        """
        for each in sorted(wanted, key=lambda each: -each.size):
            if each.digest not in self._begun:
                source = Source(each.digest, each.size, blobs.require(each.digest))
                self._begun[each.digest] = self._sent(source, (mounts or {}).get(each.digest, ()))

    def wait(self, wanted: Sequence[Descriptor]) -> list[Sent]:
        """How each of these, which were begun, came into the repository. Raises RegistryError, StateError."""
        return results([self._begun[each.digest] for each in wanted])

    def put(self, made: Sequence[tuple[Manifest, str]]) -> None:
        """Store manifests that do not name each other, each under a tag or its digest."""
        self._transfers.each(lambda each: manifests.put(self.repository, *each), made)

    def attach(self, made: Sequence[Manifest]) -> None:
        """Store manifests with a `subject`, and see that they are found from there."""
        referrers.attach(self.repository, *made, each=self._transfers.each)

    def _sent(self, source: Source, mounts: Sequence[str]) -> "Future[Sent]":
        return self._transfers.move(
            source.digest, source.size, lambda told: upload.push(self.repository, source, mounts=mounts, told=told)
        )


def push(
    image: Digest,
    blobs: Blobs,
    repository: Repository,
    *,
    tags: Sequence[str] = (),
    mounts: Mapping[Digest, Sequence[str]] | None = None,
    attached: Sequence[Manifest] = (),
    report: Report = silent,
    sender: Sender | None = None,
) -> Pushed:
    """Push `image`, an image's manifest or an index; each of `tags` names it once everything else is there.

    `attached` are manifests that refer to it or to its images, sent before a tag leads anybody to it. `mounts` are
    Sender.begin's; a `sender` that has begun some of the blobs is gone on with. Raises RegistryError, and StateError
    when a blob is missing here; no tag has moved then, unless the trouble came between two tags.
    """
    tree = _tree(image, blobs)
    with nullcontext(sender) if sender else Sender(repository) as sending:
        sending.tell(report)
        if manifests.stands(repository, str(image), image):
            pushed = Pushed(repository.reference.at(image), tuple(tags))
            missing = _not_attached(repository, attached)
            moved = [tag for tag in tags if not manifests.stands(repository, tag, image)]
        else:
            pushed = _send(tree, attached, blobs, sending, mounts or {}, tags)
            missing, moved = list(attached), list(tags)
        _attach(missing, blobs, sending)
        sending.put([(tree.manifest, tag) for tag in moved])
    return pushed


def _tree(digest: Digest, blobs: Blobs) -> _Tree:
    manifest = Manifest.read(blobs.get(digest))
    plain = manifest.json()
    if manifest.is_index:
        return _Tree(manifest, tuple(_tree(each.digest, blobs) for each in manifests.children(plain)))
    return _Tree(manifest, (), manifests.parts(plain))


def _send(
    tree: _Tree,
    attached: Sequence[Manifest],
    blobs: Blobs,
    sender: Sender,
    mounts: Mapping[Digest, Sequence[str]],
    tags: Sequence[str],
) -> Pushed:
    """Send all that the image is made of, then its manifests; what is attached comes beside it."""
    wanted = list({each.digest: each for each in _all_blobs(tree)}.values())
    sender.begin(wanted, blobs, mounts)
    sender.begin(_parts(attached), blobs)
    found = sender.wait(wanted)
    _put([tree], sender)
    counts = {kind: found.count(kind) for kind in Sent}
    sent = sum(each.size for each, how in zip(wanted, found, strict=True) if how is Sent.UPLOADED)
    reference = sender.repository.reference.at(tree.manifest.digest)
    return Pushed(reference, tuple(tags), counts[Sent.UPLOADED], counts[Sent.MOUNTED], counts[Sent.THERE], sent)


def _attach(made: Sequence[Manifest], blobs: Blobs, sender: Sender) -> None:
    if not made:
        return
    sender.begin(_parts(made), blobs)
    sender.wait(_parts(made))
    sender.attach(made)


def _not_attached(repository: Repository, made: Sequence[Manifest]) -> list[Manifest]:
    subjects = {each.subject for each in made}
    known = {entry.get("digest") for subject in subjects for entry in referrers.of(repository, subject)}
    return [each for each in made if str(each.digest) not in known]


def _parts(made: Sequence[Manifest]) -> list[Descriptor]:
    return list({part.digest: part for each in made for part in manifests.parts(each.json())}.values())


def _all_blobs(tree: _Tree) -> Iterator[Descriptor]:
    yield from tree.blobs
    for child in tree.children:
        yield from _all_blobs(child)


def _put(trees: Sequence[_Tree], sender: Sender) -> None:
    """Store manifests, those first that others name."""
    below = [child for tree in trees for child in tree.children]
    if below:
        _put(below, sender)
    sender.put([(tree.manifest, str(tree.manifest.digest)) for tree in trees])
