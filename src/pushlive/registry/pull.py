"""An image from a registry into a layout on this machine, for one platform: what its name stands for, and its blobs."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from pushlive.model.events import Report, silent
from pushlive.model.image import Descriptor, Digest, Platform
from pushlive.registry import download, manifests
from pushlive.registry.manifests import Manifest
from pushlive.registry.repository import Repository
from pushlive.registry.transfer import Told, Transfers, results


class Store(download.Store, Protocol):
    """Where an image is kept: an image layout."""

    def get(self, digest: Digest, /) -> bytes:
        """A small blob's content, checked."""

    def put(self, content: bytes, media_type: str, /) -> Descriptor:
        """Write a small blob."""


class Resolved(Struct, frozen=True):
    """What a name stands for now. `named` is what the name itself names: an index, or the image when there is none."""

    named: Digest
    image: Manifest

    @property
    def config(self) -> Descriptor:
        """The image's configuration."""
        return self._parts[0]

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """The image's layers, from the bottom up."""
        return self._parts[1:]

    @property
    def _parts(self) -> tuple[Descriptor, ...]:
        return manifests.parts(self.image.json())


def resolve(repository: Repository, platform: Platform, store: Store) -> Resolved:
    """Look up the image that the repository's reference names for a platform; its manifests are kept in `store`.

    What is held by a digest and is in `store` needs no registry. Raises RegistryError.
    """
    named = _manifest(repository, repository.reference.wanted, store)
    image = named
    if named.is_index:
        image = _manifest(repository, str(manifests.choose(named.json(), platform).digest), store)
    return Resolved(named.digest, image)


def fetch(repository: Repository, wanted: Sequence[Descriptor], store: Store, *, report: Report = silent) -> None:
    """See that blobs are in `store`, a few at a time. Raises RegistryError, MachineError (disk full)."""
    blobs = {each.digest: each for each in wanted}.values()

    def one(each: Descriptor) -> Callable[[Told], None]:
        return lambda told: download.fetch(repository, each, store, told=told)

    with Transfers("pull", report) as transfers:
        largest_first = sorted(blobs, key=lambda each: -each.size)
        results([transfers.move(each.digest, each.size, one(each)) for each in largest_first])


def _manifest(repository: Repository, wanted: str, store: Store) -> Manifest:
    digest = Digest.parse(wanted) if ":" in wanted else None
    if digest and store.has(digest):
        return Manifest.read(store.get(digest))
    found = manifests.get(repository, wanted)
    store.put(found.content, found.media_type)
    return found
