"""An image as one archive, which Docker and Podman load.

It is two kinds of archive at once: an OCI layout (image-spec, image-layout.md) and what `docker save` writes, with a
manifest.json that names the same blobs. Docker's older store reads the latter alone.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from typing import IO

from pushlive.image.layout import REF_NAME, Layout, canonical
from pushlive.model.image import INDEX, MANIFEST, Descriptor, Digest, Image

_CONTAINERD_NAME = "io.containerd.image.name"


def write(layout: Layout, image: Image, name: str, sink: IO[bytes]) -> None:
    """Write the archive of an image that will be called `name`. Raises StateError when a blob is missing."""
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path, content in _documents(layout, image, name):
            _add(archive, path, len(content), io.BytesIO(content))
        for layer in {layer.digest: layer for layer in image.layers}.values():
            with layout.require(layer.digest).open("rb") as file:
                _add(archive, _place(layer.digest), layer.size, file)


def config_digest(layout: Layout, image: Image) -> Digest:
    """The digest of the image's configuration, by which Docker's older store and Podman know it."""
    return Digest.parse(json.loads(layout.get(image.digest))["config"]["digest"])


def _documents(layout: Layout, image: Image, name: str) -> Iterator[tuple[str, bytes]]:
    manifest, config = layout.get(image.digest), config_digest(layout, image)
    entry = Descriptor(MANIFEST, image.digest, len(manifest)).json({REF_NAME: name, _CONTAINERD_NAME: name})
    layers = [_place(layer.digest) for layer in image.layers]
    yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
    yield "index.json", canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
    yield "manifest.json", canonical([{"Config": _place(config), "RepoTags": [name], "Layers": layers}])
    yield _place(image.digest), manifest
    yield _place(config), layout.get(config)


def _place(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"


def _add(archive: tarfile.TarFile, path: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = size, 0o644
    archive.addfile(member, content)
