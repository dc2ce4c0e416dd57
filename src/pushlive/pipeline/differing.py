"""What differs between two images of a site. Changes nothing."""

from msgspec import Struct

from pushlive.image import compare, packages
from pushlive.image.compare import Change, PackageChange, SettingChange
from pushlive.image.contents import Contents, merge
from pushlive.image.packages import Notes
from pushlive.model.image import Digest, Image
from pushlive.pipeline.context import Context
from pushlive.pipeline.looking import Chosen, choose, read_layers


class Difference(Struct, frozen=True):
    """What differs between two images; `same` is how many of their layers are in both."""

    before: Chosen
    after: Chosen
    packages: tuple[PackageChange, ...]
    settings: tuple[SettingChange, ...]
    files: tuple[Change, ...]
    same: int


def difference(context: Context, before: str | None, after: str | None) -> Difference:
    """What differs between the images that two words mean; contents of a layer that both have are not compared."""
    old, new = choose(context, before), choose(context, after)
    settings = tuple(compare.settings(old.image.config, new.image.config))
    shared = _digests(old.image) & _digests(new.image)
    if old.image.layers == new.image.layers:
        return Difference(old, new, (), settings, (), len(shared))
    (one, lists), (other, later) = _read(context, old.image, new.image)
    files = tuple(compare.files(one, other, (packages.owners(lists), packages.owners(later))))
    changed = compare.packages(packages.installed(lists), packages.installed(later), files)
    return Difference(old, new, tuple(changed), settings, files, len(shared))


_Known = tuple[Contents, dict[str, bytes]]


def _read(context: Context, *images: Image) -> list[_Known]:
    """The tree of each image, and its packages' lists of files.

    Files are hashed in layers that one image alone has. A file that lies in a layer of both, and in one image is hidden
    by another of its size, needs that layer hashed too.
    """
    one, other = (_digests(image) for image in images)
    hashed = one ^ other
    found = _trees(context, images, hashed)
    unsure = compare.unsure(*(tree for tree, _ in found))
    return _trees(context, images, hashed | unsure) if unsure else found


def _trees(context: Context, images: tuple[Image, ...], hashed: frozenset[Digest]) -> list[_Known]:
    notes = Notes(hashed)
    read = read_layers(context, *images, note=notes.take)
    trees = [merge(read[layer.digest].entries for layer in image.layers) for image in images]
    return [(tree, notes.records(tree)) for tree in trees]


def _digests(image: Image) -> frozenset[Digest]:
    return frozenset(layer.digest for layer in image.layers)
