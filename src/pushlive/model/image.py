"""Images as the OCI image specification has them."""

import re
from datetime import datetime
from typing import Self

from msgspec import Struct, field

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


class Layer(Struct, frozen=True):
    """A compressed layer in the layout. `diff_id` names the uncompressed tar; sizes are bytes."""

    digest: Digest
    size: int
    diff_id: Digest
    title: str
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"


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


class Image(Struct, frozen=True):
    """An image in a layout: its manifest's digest, its layers from the bottom up, its configuration."""

    digest: Digest
    layers: tuple[Layer, ...]
    config: ImageConfig
