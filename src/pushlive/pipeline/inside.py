"""What an image holds, asked of its layers in the site's layout. Changes nothing, and runs nothing."""

import posixpath
from pathlib import Path

from msgspec import Struct

from pushlive.image import members, packages
from pushlive.image.contents import Entry, Kind, merge
from pushlive.image.members import Pieces, Read
from pushlive.image.packages import Notes, Package, Share
from pushlive.model.errors import UsageError
from pushlive.model.image import Layer
from pushlive.pipeline.absence import absent
from pushlive.pipeline.context import Context
from pushlive.pipeline.looking import Chosen, choose, contents, read_layers


class Listing(Struct, frozen=True):
    """What is at a path: `entries` are named as below `folder`, which has a slash in front."""

    chosen: Chosen
    folder: str
    entries: tuple[Entry, ...]


class File(Struct, frozen=True):
    """A file, and its bytes, which are read as they are taken."""

    chosen: Chosen
    entry: Entry
    pieces: Pieces


class LayerSize(Struct, frozen=True):
    """A layer, how many bytes its tar has, and how many files are in it."""

    layer: Layer
    title: str
    unpacked: int
    files: int


class Sizes(Struct, frozen=True):
    """What takes how much: the layers from the bottom up, packages and files the biggest first."""

    chosen: Chosen
    layers: tuple[LayerSize, ...]
    packages: tuple[tuple[Package, Share], ...]
    files: tuple[Entry, ...]


def listing(
    context: Context, word: str | None, path: str | None, work: Path | None, *, recursive: bool = False
) -> Listing:
    """List what is at `path` of the image that `word` means, as ls does; None is the folder its processes start in.

    A link is listed itself unless a slash follows. `work` is the repository that the user is in. Raises UsageError,
    with all that can be said of it, for a path that is not there.
    """
    chosen = choose(context, word)
    tree = contents(context, chosen.image)
    wanted = _absolute(chosen, path or ".")
    entry = tree.find(wanted, follow=wanted.endswith(("/", "/.")))
    if entry is None:
        raise absent(context, chosen, tree, wanted, work)
    if entry.kind is not Kind.FOLDER:
        return Listing(chosen, f"/{posixpath.dirname(entry.path)}", (entry,))
    return Listing(chosen, f"/{entry.path}", tuple(tree.below(entry.path)) if recursive else tree.children(entry.path))


def file(context: Context, word: str | None, path: str, work: Path | None) -> File:
    """One file of the image that `word` means, links followed. Raises UsageError for what is none, or not there."""
    chosen = choose(context, word)
    tree = contents(context, chosen.image)
    wanted = _absolute(chosen, path)
    entry = tree.find(wanted, follow=True)
    if entry is None:
        raise absent(context, chosen, tree, wanted, work)
    if entry.kind is not Kind.FILE:
        remedy = f"`pushlive image ls {wanted}{chosen.option}` lists it." if entry.kind is Kind.FOLDER else ""
        raise UsageError(f"{wanted} is no file but a {entry.kind.value}", where=chosen.name, remedy=remedy)
    layer = next(each for each in chosen.image.layers if each.digest == entry.layer)
    return File(chosen, entry, members.content(context.images, layer, entry))


def sizes(context: Context, word: str | None) -> Sizes:
    """What takes how much of the image that `word` means."""
    chosen = choose(context, word)
    notes = Notes()
    read = read_layers(context, chosen.image, note=notes.take)
    tree = merge(read[layer.digest].entries for layer in chosen.image.layers)
    shares = packages.shares(tree.below(), packages.owners(notes.records(tree)))
    return Sizes(
        chosen,
        tuple(_layer_size(chosen, layer, read[layer.digest]) for layer in chosen.image.layers),
        tuple(sorted(shares.items(), key=lambda item: -item[1].size)),
        tuple(sorted(packages.once(tree.below()), key=lambda entry: -entry.size)),
    )


def _layer_size(chosen: Chosen, layer: Layer, read: Read) -> LayerSize:
    files = sum(entry.kind is Kind.FILE for entry in read.entries)
    return LayerSize(layer, chosen.titles[layer.digest], read.size, files)


def _absolute(chosen: Chosen, path: str) -> str:
    """A path in the image, as seen from the folder that its processes start in."""
    return posixpath.join("/", chosen.image.config.working_dir, path)
