"""An image from a registry into a layout on this machine, for one platform: all of it, or its parts that are named."""

from msgspec import Struct

from pushlive.model.events import Report, silent
from pushlive.model.image import Descriptor, Digest, Platform
from pushlive.registry import download, manifests
from pushlive.registry.download import Store
from pushlive.registry.manifests import Manifest
from pushlive.registry.repository import Repository
from pushlive.registry.transfer import Meter, in_parallel


class Resolved(Struct, frozen=True):
    """What a name stands for now. `named` is what the name itself names: an index, or the image when there is none."""

    named: Digest
    image: Manifest

    @property
    def config(self) -> Descriptor:
        """The image's configuration."""
        return next(iter(manifests.parts(self.image.json())))

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """The image's layers, from the bottom up."""
        return tuple(manifests.parts(self.image.json()))[1:]


def resolve(repository: Repository, platform: Platform) -> Resolved:
    """Look up the image that the repository's reference names for a platform. Raises RegistryError."""
    named = manifests.get(repository, repository.reference.wanted)
    image = named
    if named.is_index:
        image = manifests.get(repository, str(manifests.choose(named.json(), platform).digest))
    return Resolved(named.digest, image)


def fetch(repository: Repository, wanted: tuple[Descriptor, ...], store: Store, *, report: Report = silent) -> None:
    """See that blobs are in `store`, a few at a time. Raises RegistryError, MachineError (disk full)."""
    meter = Meter("pull", sum(each.size for each in wanted), report)

    def one(each: Descriptor) -> None:
        download.fetch(repository, each, store, told=lambda at: meter.at(each.digest, at))

    in_parallel(one, sorted(wanted, key=lambda each: -each.size))
