"""Which image somebody wants to look into, and the tree that its layers make."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import Struct

from pushlive import source
from pushlive.image import members
from pushlive.image.build import architecture
from pushlive.image.contents import Contents, merge
from pushlive.image.layout import Layout
from pushlive.image.members import Note, Read
from pushlive.model.errors import PushliveError, SourceError, UsageError
from pushlive.model.image import BadDigestError, Digest, Image
from pushlive.model.release import Release
from pushlive.pipeline.context import Context

ON_BASE = "-on-base"
"""The end of the tags in the site's layout of images that stand on a base, and of the words that mean them."""

_REVISION, _BASE = "org.opencontainers.image.revision", "org.opencontainers.image.base.name"
_SHORTEST = 4
"""Digits of a revision or a digest that name an image, as for git."""


class Chosen(Struct, frozen=True):
    """An image, the release that runs it, if one does, and the word that it was asked for by."""

    image: Image
    release: Release | None = None
    word: str = ""

    @property
    def revision(self) -> str:
        """The full revision, or nothing for an image that was not made here."""
        return self.release.revision if self.release else self.image.config.labels.get(_REVISION, "")

    @property
    def name(self) -> str:
        """What to call it: `v7 (3f2a91c)`, `3f2a91c`, `3f2a91c on python:3.13-slim`, the beginning of its digest."""
        if self.release:
            return f"{self.release.name} ({self.revision[:7]})"
        base = self.image.config.labels.get(_BASE)
        return " on ".join(filter(None, (self.revision[:7], base))) or str(self.image.digest)[:19]

    @property
    def option(self) -> str:
        """What an `image` command needs to look into it again."""
        return f" --of {self.word}" if self.word else ""

    @property
    def titles(self) -> dict[Digest, str]:
        """What each of its layers is called; base images have no titles, so those are counted from the bottom."""
        return {layer.digest: layer.title or f"layer {n}" for n, layer in enumerate(self.image.layers, 1)}

    def as_dict(self) -> dict[str, str]:
        """The image for programs; nothing where there is no release or revision."""
        release = self.release.name if self.release else ""
        return {"image": str(self.image.digest), "release": release, "revision": self.revision}


def choose(context: Context, word: str | None) -> Chosen:
    """The image that `word` means: a release (v7), a tag, a digest, or a revision by any of its names.

    None means the live release's, and before the first delivery that went well the newest one. `-on-base` behind any
    of these means the image of the same revision that was built on a base. Raises UsageError when there is no such
    image or more than one, SourceError when the word names nothing at all.
    """
    if word and word.endswith(ON_BASE):
        return _choose_on_base(context, word.removesuffix(ON_BASE))
    with context.history as history:
        live, releases = history.live(), history.releases()
    known = ([live] if live else []) + list(releases)
    named = live if word is None else next((each for each in known if each.name == word), None)
    if named:
        return Chosen(_of_release(context, named), named, word or "")
    digest = _digest(context, word or "latest", known) if word or "latest" in context.images.tags() else None
    if digest is None:
        raise UsageError("there is no image here yet", remedy="Push, or `pushlive build` one.")
    image = _read(context.images, digest)
    return Chosen(image, next((each for each in known if each.image.digest == image.digest), None), word or "")


def on_base(context: Context, chosen: Chosen) -> Chosen | None:
    """The image of the same revision that was built on a base, if one was."""
    digest = context.images.tags().get(f"{chosen.revision}{ON_BASE}")
    word = f"{(chosen.word or chosen.revision[:7]).removesuffix(ON_BASE)}{ON_BASE}"
    return Chosen(_read(context.images, digest), None, word) if digest else None


def contents(context: Context, image: Image) -> Contents:
    """The tree that the image's layers make together. Raises as `members.read` does."""
    read = read_layers(context, image)
    return merge(read[layer.digest].entries for layer in image.layers)


def read_layers(context: Context, *images: Image, note: Note | None = None) -> dict[Digest, Read]:
    """Read the layers of the images, each once. Raises as `members.read` does.

    Layers are read side by side: unpacking and hashing leave Python's lock alone.
    """
    layers = {layer.digest: layer for image in images for layer in image.layers}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        read = pool.map(lambda layer: members.read(context.images, layer, note), layers.values())
        return dict(zip(layers, read, strict=True))


def _choose_on_base(context: Context, word: str) -> Chosen:
    try:
        chosen = choose(context, word)
    except UsageError:  # a revision may have been built for a registry alone
        if found := _built_for_a_registry(context, word):
            return found
        raise
    return _require_on_base(context, chosen)


def _built_for_a_registry(context: Context, word: str) -> Chosen | None:
    try:
        revision = source.revision(context.site.repository, word).sha
    except SourceError:
        return None
    digest = context.images.tags().get(f"{revision}{ON_BASE}")
    return Chosen(_read(context.images, digest), None, f"{word}{ON_BASE}") if digest else None


def _require_on_base(context: Context, chosen: Chosen) -> Chosen:
    found = on_base(context, chosen)
    if found is None:
        raise UsageError(
            f"{chosen.name} has no image on a base here",
            remedy=f"`pushlive build {chosen.revision[:7]} --base IMAGE` builds it.",
        )
    return found


def _of_release(context: Context, release: Release) -> Image:
    digest = release.image.digest
    if not context.images.has(digest):
        raise UsageError(
            f"the image of {release.name} was removed",
            where=str(digest),
            remedy=f"`pushlive build {release.revision[:7]}` makes it again.",
        )
    return _read(context.images, digest)


def _digest(context: Context, word: str, known: list[Release]) -> Digest:
    tags = context.images.tags()
    if word in tags:
        return tags[word]
    if found := _by_digits(context, word, tags, known):
        return found
    revision = source.revision(context.site.repository, word).sha
    if revision not in tags:
        raise UsageError(
            f"{revision[:7]} has no image here",
            where=str(context.site.images),
            remedy=f"`pushlive build {revision[:7]}` makes it.",
        )
    return tags[revision]


def _by_digits(context: Context, word: str, tags: dict[str, Digest], known: list[Release]) -> Digest | None:
    """The image whose digest or revision begins so, or the one blob that a whole digest names."""
    digits = word.removeprefix("sha256:").lower()
    if len(digits) < _SHORTEST or set(digits) - set("0123456789abcdef"):
        return None
    every = {*tags.values(), *(each.image.digest for each in known if context.images.has(each.image.digest))}
    found = {digest for digest in every if digest.hex.startswith(digits)}
    if not word.startswith("sha256:"):
        found |= {digest for tag, digest in tags.items() if tag.startswith(digits) and not tag.endswith(ON_BASE)}
    if len(found) > 1:
        evidence = sorted(map(str, found))
        raise UsageError(f"more than one image begins with {word}", evidence=evidence, remedy="Give more digits.")
    return next(iter(found), None) or _whole(context.images, word)


def _whole(layout: Layout, word: str) -> Digest | None:
    try:
        digest = Digest.parse(word)
    except BadDigestError:
        return None
    if not layout.has(digest):
        raise UsageError(
            f"there is no image {word} here", where=str(layout.path), remedy="`pushlive releases` lists images."
        )
    return digest


def _read(layout: Layout, digest: Digest) -> Image:
    """The image of a manifest, or the one for this machine of an index. Raises UsageError for any other blob."""
    try:
        document = json.loads(layout.get(digest))
        return layout.read(_for_this_machine(layout, document["manifests"]) if "manifests" in document else digest)
    except PushliveError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{digest} is not an image's manifest", where=str(layout.path)) from error


def _for_this_machine(layout: Layout, manifests: list[dict[str, Any]]) -> Digest:
    """Of the images in an index that are here, the one for this machine's processor, else the first."""
    found = {Digest.parse(each["digest"]): each["platform"]["architecture"] for each in manifests if "platform" in each}
    here = [digest for digest in found if layout.has(digest)]
    return next((digest for digest in here if found[digest] == architecture()), here[0])
