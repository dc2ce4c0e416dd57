"""Base images to build on: Debian with its Python, made from Debian's packages, and small ones that lack something.

No image registry is asked: Debian's packages are enough for a base that containers run on.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUITE, PYTHON = "bookworm", "3.11"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = ("mmdebstrap", "skopeo")
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_UNREAD = ("doc", "info", "locale", "man")
"""What the slim images of others leave out, too."""


def missing(tools: Iterable[str] = TOOLS) -> str:
    """Why no base image can be made here; empty when one can."""
    if os.geteuid() != 0:
        return "only root can make and run container images here"
    lacking = [tool for tool in tools if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    return f"{', '.join(lacking)} not installed (`./test` installs them for root)" if lacking else ""


def debian(folder: Path, packages: tuple[str, ...] = ("python3",)) -> bytes:
    """A layer that is a Debian with `packages`; made once, and kept in `folder`."""
    kept = folder / f"{SUITE}-{'-'.join(packages)}.tar.gz"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / "layer.tar.gz"
            made.write_bytes(gzip.compress(_bootstrapped(Path(scratch), packages), 1, mtime=0))
            made.replace(kept)
    return kept.read_bytes()


def _bootstrapped(scratch: Path, packages: tuple[str, ...]) -> bytes:
    root = scratch / "root.tar"
    slim = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _UNREAD]
    argv = ["mmdebstrap", "--quiet", "--variant=apt", *slim, f"--include={','.join(packages)}", SUITE, str(root)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return root.read_bytes()


def files(content: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A layer of files with their content, and of symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in content.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return gzip.compress(buffer.getvalue(), 1, mtime=0)


@dataclass(frozen=True)
class OciLayout:
    """An OCI image layout below `path`, written without any code of ours."""

    path: Path

    def image(
        self,
        layer: bytes,
        architecture: str = "amd64",
        *,
        by_zstd: bool = False,
        run: Sequence[str] = (),
        **env: str,
    ) -> dict[str, Any]:
        """Add an image of one layer that may `run` something; returns its descriptor.

        The layer is packed by gzip, and maybe again by zstd.
        """
        plain = gzip.decompress(layer)
        packed = self._add(zstd.compress(plain), LAYER_ZSTD) if by_zstd else self._add(layer, LAYER)
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Env": [f"{name}={value}" for name, value in ({"PATH": PATH} | env).items()],
                **({"Entrypoint": list(run)} if run else {}),
            },
            "history": [{"created_by": "the tests"}],
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._add(_json(config), CONFIG),
            "layers": [packed],
        }
        return self._add(_json(manifest), MANIFEST) | {"platform": {"os": "linux", "architecture": architecture}}

    def push(self, name: str, *images: dict[str, Any]) -> None:
        """Push an image, or the index of several, to a registry that speaks plain HTTP."""
        named = images[0]
        if len(images) > 1:
            named = self._add(_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}), INDEX)
        (self.path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.path / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [named]}))
        # Or it puts a blob of the same content that it remembers, packed otherwise, in the place of one.
        as_it_is = ("--all", "--preserve-digests")
        argv = [
            "skopeo",
            "copy",
            *as_it_is,
            "--quiet",
            "--dest-tls-verify=false",
            f"oci:{self.path}",
            f"docker://{name}",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _add(self, content: bytes, media_type: str) -> dict[str, Any]:
        digest = _digest(content)
        blob = self.path / "blobs" / digest.replace(":", "/")
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
