"""An OCI image layout on disk (image-spec, image-layout.md): blobs by digest, and an index that names images by tag."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import Struct

from pushlive.model.errors import StateError
from pushlive.model.image import INDEX, Descriptor, Digest, Image, ImageConfig, Layer
from pushlive.system import locks
from pushlive.system.files import explained, remove, sync_folder, write_atomic

REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"


class Blob:
    """A blob that is being written: its digest and size are known once all is in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> None:
        """Append `data`."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def digest(self) -> Digest:
        """The digest of what has been written."""
        return Digest(f"sha256:{self._hash.hexdigest()}")


class Layout(Struct, frozen=True):
    """The layout in the folder `path`, made when the first blob is written.

    Blobs never change and are written under another name first, so readers need no lock.
    """

    path: Path

    def blob(self, digest: Digest) -> Path:
        """Where the blob is, or would be."""
        return self.path / "blobs" / "sha256" / digest.hex

    def has(self, digest: Digest) -> bool:
        """The blob is there."""
        return self.blob(digest).is_file()

    def require(self, digest: Digest) -> Path:
        """Where the blob is. Raises StateError when it is missing."""
        if not self.has(digest):
            raise StateError(
                f"the image's blob {digest} is missing",
                where=str(self.blob(digest)),
                remedy="Deliver the revision again: `pushlive deliver`.",
            )
        return self.blob(digest)

    @contextmanager
    def writing(self) -> Iterator[Blob]:
        """Write a blob; it gets its name when the block ends, and leaves nothing when the block fails.

        Raises MachineError when the disk is full.
        """
        with explained(self.path):
            self._create()
            descriptor, name = tempfile.mkstemp(dir=self._blobs, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(descriptor, 0o644)
                    blob = Blob(file)
                    yield blob
                    file.flush()
                    os.fdatasync(descriptor)
                Path(name).replace(self.blob(blob.digest))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def put(self, content: bytes, media_type: str) -> Descriptor:
        """Write a small blob, unless it is there. Raises MachineError when the disk is full."""
        digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
        if not self.has(digest):
            with self.writing() as blob:
                blob.write(content)
        return Descriptor(media_type, digest, len(content))

    def adopt(self, source: Path, digest: Digest) -> None:
        """Take over a blob from elsewhere on this machine, without a copy where the file system can."""
        if self.has(digest):
            return
        with explained(self.path):
            self._create()
            try:
                self.blob(digest).hardlink_to(source)
            except FileExistsError:
                return
            except OSError:
                self._copy_in(source)

    def partial(self, digest: Digest) -> Path:
        """Where a part of a blob is kept until the rest has come."""
        with explained(self.path):
            self._create()
        return self._blobs / f".part-{digest.hex}"

    def complete(self, digest: Digest) -> Path:
        """The part is the whole blob, durable and checked: give it its name."""
        with explained(self.path):
            return self.partial(digest).replace(self.blob(digest))

    def get(self, digest: Digest) -> bytes:
        """A small blob's content. Raises StateError when it is missing or is not what its digest says."""
        content = self.require(digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest.hex:
            raise damaged(self.blob(digest))
        return content

    def read(self, digest: Digest) -> Image:
        """The image whose manifest has this digest. Raises StateError when a blob is missing or damaged."""
        manifest = json.loads(self.get(digest))
        config = json.loads(self.get(Digest.parse(manifest["config"]["digest"])))
        layers = zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
        return Image(digest, tuple(_layer(layer, diff_id) for layer, diff_id in layers), _config(config))

    def tags(self) -> dict[str, Digest]:
        """Which manifest each tag names."""
        return {
            entry["annotations"][REF_NAME]: Digest.parse(entry["digest"])
            for entry in self._index()
            if REF_NAME in entry.get("annotations", {})
        }

    def tag(self, manifest: Descriptor, names: Iterable[str]) -> None:
        """Let each of `names` name `manifest`, at once for all of them."""
        moved = tuple(names)
        with self._locked():
            kept = [entry for entry in self._index() if entry.get("annotations", {}).get(REF_NAME) not in moved]
            self._write_index(kept + [manifest.json({REF_NAME: name}) for name in moved])

    def prune(self, keep: Iterable[Digest]) -> int:
        """Remove every image whose manifest is not in `keep`, with the blobs no other uses; the bytes that became free.

        The caller holds the site's delivery lock: a build that runs meanwhile would lose its layers.
        """
        kept = set(keep)
        with self._locked():
            self._write_index([entry for entry in self._index() if Digest.parse(entry["digest"]) in kept])
            used = {name.hex for digest in kept if self.has(digest) for name in self.used(digest)}
            return sum(remove(path) for path in self._blobs.iterdir() if path.name not in used)

    def used(self, digest: Digest) -> Iterator[Digest]:
        """A manifest's or an index's own digest, and those of all it needs; of an index, the images that are here."""
        manifest = json.loads(self.get(digest))
        yield digest
        children = (Digest.parse(child["digest"]) for child in manifest.get("manifests", ()))
        for child in filter(self.has, children):
            yield from self.used(child)
        if "layers" not in manifest:
            return
        yield Digest.parse(manifest["config"]["digest"])
        yield from (Digest.parse(layer["digest"]) for layer in manifest["layers"])

    @property
    def _blobs(self) -> Path:
        return self.path / "blobs" / "sha256"

    def _create(self) -> None:
        if self._blobs.is_dir():
            return
        self._blobs.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with explained(self.path):
            self._create()
            with locks.held(self.path / ".lock"):
                yield

    def _copy_in(self, source: Path) -> None:
        with self.writing() as blob, source.open("rb") as file:
            while chunk := file.read(1024 * 1024):
                blob.write(chunk)

    def _index(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads((self.path / "index.json").read_bytes())["manifests"]
        except FileNotFoundError:
            return []
        return found

    def _write_index(self, manifests: list[dict[str, Any]]) -> None:
        sync_folder(self._blobs)
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        write_atomic(self.path / "index.json", canonical(index))


def canonical(value: object) -> bytes:
    """JSON with one spelling: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def damaged(path: Path) -> StateError:
    """The error for a blob that is not what its digest says."""
    return StateError(
        f"{path.name[:12]} in the image layout is damaged: its content is not what its digest says",
        where=str(path),
        remedy="Remove that file and deliver the revision again: `pushlive deliver`.",
    )


def _layer(entry: Mapping[str, Any], diff_id: str) -> Layer:
    return Layer(
        digest=Digest.parse(entry["digest"]),
        size=entry["size"],
        diff_id=Digest.parse(diff_id),
        title=entry.get("annotations", {}).get(TITLE, ""),
        media_type=entry["mediaType"],
    )


def _config(document: Mapping[str, Any]) -> ImageConfig:
    run = document.get("config") or {}
    created = document.get("created")
    return ImageConfig(
        entrypoint=tuple(run.get("Entrypoint") or ()),
        working_dir=run.get("WorkingDir") or "",
        user=run.get("User") or "",
        env=dict(pair.split("=", 1) for pair in run.get("Env") or ()),
        labels=dict(run.get("Labels") or {}),
        created=datetime.fromisoformat(created) if created else None,
        architecture=document["architecture"],
        os=document["os"],
        variant=document.get("variant", ""),
    )
