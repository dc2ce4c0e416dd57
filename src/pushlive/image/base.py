"""The image that a site's image stands on: its layers below ours, its configuration where ours says nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from pushlive.model.errors import BuildError
from pushlive.model.image import BadDigestError, Descriptor, Digest, Layer, Platform

_PLAIN = "application/vnd.oci.image.layer.v1.tar"
_GZIP, _ZSTD = f"{_PLAIN}+gzip", f"{_PLAIN}+zstd"
_MEDIA_TYPES = {
    "application/vnd.docker.image.rootfs.diff.tar": _PLAIN,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": _GZIP,
    "application/vnd.docker.image.rootfs.diff.tar.zstd": _ZSTD,
    _PLAIN: _PLAIN,
    _GZIP: _GZIP,
    _ZSTD: _ZSTD,
}
"""Kinds of layers that we can build on, and what OCI calls them: the bytes are the same.

Docker's own manifests have no zstd, whatever some write into them; ours are always OCI's.
"""

_INHERITED = ("ExposedPorts", "Volumes", "Labels")


class Base(Struct, frozen=True):
    """A base image for one platform.

    `name` is its whole name as it was asked for (`docker.io/library/python:3.13-slim`), `digest` its manifest's.
    `run` is the `config` of its configuration, `history` has an entry for each layer and some for none.
    """

    name: str
    digest: Digest
    platform: Platform
    layers: tuple[Layer, ...]
    run: dict[str, Any] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()

    @property
    def env(self) -> dict[str, str]:
        """Its environment."""
        return dict(pair.split("=", 1) for pair in self.run.get("Env") or () if "=" in pair)

    @property
    def inherited(self) -> dict[str, Any]:
        """What of its configuration holds for images on it as well, as with a Dockerfile's FROM."""
        return {name: self.run[name] for name in _INHERITED if self.run.get(name)}


def read(name: str, digest: Digest, manifest: Mapping[str, Any], config: Mapping[str, Any]) -> Base:
    """A base from its manifest and its configuration. Raises BuildError for one that cannot be built on."""
    try:
        described = [Descriptor.read(each) for each in manifest["layers"]]
        diff_ids = [Digest.parse(each) for each in config["rootfs"]["diff_ids"]]
        platform = Platform(config["os"], config["architecture"], config.get("variant") or "")
        layers = tuple(_layer(each, diff_id) for each, diff_id in zip(described, diff_ids, strict=True))
        history = _history(config.get("history") or (), len(layers))
        base = Base(name, digest, platform, layers, dict(config.get("config") or {}), history)
        _ = base.env, base.inherited  # read now, so that nonsense in them is told here
    except (KeyError, TypeError, ValueError, AttributeError, BadDigestError) as error:
        raise BuildError(
            f"the base image {name} is damaged: {error}", where=str(digest), remedy="Name another one: [build] base."
        ) from error
    return base


def configuration(name: str, content: bytes) -> dict[str, Any]:
    """A base's configuration from its blob. Raises BuildError for what is no JSON object."""
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BuildError(
            f"the configuration of the base image {name} cannot be read: {error}",
            where="[build] base",
            remedy="Name another one.",
        ) from error


def _layer(found: Descriptor, diff_id: Digest) -> Layer:
    if found.media_type not in _MEDIA_TYPES:
        raise ValueError(f"a layer is of a kind that cannot be passed on, {found.media_type}")
    return Layer(found.digest, found.size, diff_id, "base", _MEDIA_TYPES[found.media_type])


def _history(entries: Sequence[Mapping[str, Any]], layers: int) -> tuple[dict[str, Any], ...]:
    """The history, as long as it tells of all layers; some builders leave it out, or leave it short."""
    told = sum(1 for each in entries if not each.get("empty_layer"))
    if told == layers:
        return tuple(dict(each) for each in entries)
    return tuple({"created_by": "the base image"} for _ in range(layers))
