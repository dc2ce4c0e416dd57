"""Small images in a layout, made of bytes that nobody has seen before."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pushlive.image.layout import Layout
from pushlive.model.image import CONFIG, INDEX, MANIFEST, Descriptor, Digest, Platform
from pushlive.registry import manifests, pull
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER = {
    CONFIG: "application/vnd.docker.container.image.v1+json",
    LAYER: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    MANIFEST: manifests.DOCKER_MANIFEST,
    INDEX: manifests.DOCKER_INDEX,
}
AMD64 = Platform("linux", "amd64")


def digest_of(content: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def put_json(layout: Layout, value: dict[str, Any], media_type: str) -> Descriptor:
    return layout.put(json.dumps(value).encode(), media_type)


def image(layout: Layout, *layers: bytes, platform: Platform = AMD64, docker: bool = False, **more: Any) -> Descriptor:
    """An image of these layers, or of one random one; `more` stands in its manifest."""
    kind = DOCKER if docker else {}
    contents = layers or (layer(os.urandom(1000)),)
    config = {
        "os": platform.os,
        "architecture": platform.architecture,
        **({"variant": platform.variant} if platform.variant else {}),
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [str(digest_of(_unpacked(each))) for each in contents]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind.get(MANIFEST, MANIFEST),
        "config": put_json(layout, config, kind.get(CONFIG, CONFIG)).json(),
        "layers": [layout.put(each, kind.get(LAYER, LAYER)).json() for each in contents],
        **more,
    }
    return put_json(layout, manifest, manifest["mediaType"])


def layer(content: bytes) -> bytes:
    """A true layer, with one file in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def index(layout: Layout, offers: Sequence[tuple[Descriptor, Platform | None]], *, docker: bool = False) -> Descriptor:
    """An index of images for platforms."""
    kind = DOCKER[INDEX] if docker else INDEX
    entries = [each.json() | ({"platform": _plain(platform)} if platform else {}) for each, platform in offers]
    return put_json(layout, {"schemaVersion": 2, "mediaType": kind, "manifests": entries}, kind)


def pulled(repository: Repository, layout: Layout, platform: Platform = AMD64) -> pull.Resolved:
    """Pull all of an image."""
    found = pull.resolve(repository, platform, layout)
    pull.fetch(repository, (found.config, *found.layers), layout)
    return found


def repository(host: str, name: str, tag: str = "1", *, insecure: bool = False) -> Repository:
    return Repository(Reference(host, name, tag), insecure=insecure)


def sparse(folder: Path, size: int) -> tuple[Path, Digest]:
    """A file of zeros that takes no space, and its digest."""
    path = folder / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    with path.open("rb") as file:
        return path, Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")


def _plain(platform: Platform) -> dict[str, str]:
    plain = {"os": platform.os, "architecture": platform.architecture}
    return plain | ({"variant": platform.variant} if platform.variant else {})
