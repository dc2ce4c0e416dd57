"""Images as the OCI image specification has them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from msgspec import Struct, field

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

ANNOTATIONS = "org.opencontainers.image."
"""How the names of the specification's own annotations begin (image-spec, annotations.md)."""

APP, PACKAGES, SERVER = "/app", "/opt/pushlive/packages", "/opt/pushlive/server"
"""Where an image has the site's tree, its packages and pushlive's server."""

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/v[0-9]+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class BadDigestError(ValueError):
    """A text that is not a sha256 digest."""


class Digest(Struct, frozen=True, order=True):
    """A content's name: `sha256:` and 64 hexadecimal digits (image-spec, descriptor.md)."""

    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a digest. Raises BadDigestError."""
        if not _DIGEST.fullmatch(text):
            raise BadDigestError(f"{text[:80]!r} is not sha256: and 64 hexadecimal digits")
        return cls(text)

    @property
    def hex(self) -> str:
        """The 64 digits alone."""
        return self.value.removeprefix("sha256:")

    def __str__(self) -> str:
        return self.value


class Descriptor(Struct, frozen=True):
    """What points at a blob (image-spec, descriptor.md); `size` in bytes."""

    media_type: str
    digest: Digest
    size: int

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """From a manifest or an index. Raises BadDigestError for one that is damaged."""
        try:
            size = int(plain["size"])
            return cls(str(plain["mediaType"]), Digest.parse(str(plain["digest"])), size)
        except (KeyError, TypeError, ValueError) as error:
            raise BadDigestError(f"{str(plain)[:200]} is no descriptor: {error}") from error

    def json(self, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
        """As it stands in a manifest or an index."""
        plain = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        return plain | ({"annotations": dict(annotations)} if annotations else {})


class Platform(Struct, frozen=True, order=True):
    """What an image runs on, in Go's names: linux/amd64, linux/arm64, linux/arm/v7."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read OS/ARCHITECTURE[/VARIANT]. Raises ValueError."""
        if not _PLATFORM.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is no platform such as linux/amd64")
        return cls(*text.split("/"))

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Layer(Struct, frozen=True):
    """A compressed layer in the layout. `diff_id` names the uncompressed tar; sizes are bytes."""

    digest: Digest
    size: int
    diff_id: Digest
    title: str
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"

    @property
    def descriptor(self) -> Descriptor:
        """What points at it."""
        return Descriptor(self.media_type, self.digest, self.size)


class ImageConfig(Struct, frozen=True):
    """How the image runs (image-spec, config.md)."""

    entrypoint: tuple[str, ...]
    working_dir: str
    user: str
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    architecture: str = "amd64"
    os: str = "linux"
    variant: str = ""


class Image(Struct, frozen=True):
    """An image in a layout: its manifest's digest, its layers from the bottom up, its configuration."""

    digest: Digest
    layers: tuple[Layer, ...]
    config: ImageConfig
