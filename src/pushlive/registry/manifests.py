"""Manifests and indexes in a registry, byte for byte (distribution-spec, "Pulling" and "Pushing Manifests")."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Self

from msgspec import Struct

from pushlive.model.errors import RegistryError
from pushlive.model.image import INDEX, MANIFEST, Descriptor, Digest, Platform
from pushlive.registry import errors
from pushlive.registry.connections import Body
from pushlive.registry.repository import Repository

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = frozenset({INDEX, DOCKER_INDEX})
ACCEPTED = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX)
"""What we can read, and so ask for."""

_ARM = {"arm64": ("", "v8"), "amd64": ("", "v1")}
"""Variants that mean the same as none."""


class Manifest(Struct, frozen=True):
    """A manifest or an index as it was pushed: what it is called is the digest of these very bytes."""

    media_type: str
    content: bytes

    @classmethod
    def read(cls, content: bytes) -> Self:
        """One that was kept: its kind is what it says of itself (image-spec, manifest.md)."""
        plain = cls("", content).json()
        return cls(str(plain.get("mediaType") or (INDEX if "manifests" in plain else MANIFEST)), content)

    @property
    def digest(self) -> Digest:
        """Its name."""
        return Digest(f"sha256:{hashlib.sha256(self.content).hexdigest()}")

    @property
    def descriptor(self) -> Descriptor:
        """What points at it."""
        return Descriptor(self.media_type, self.digest, len(self.content))

    @property
    def is_index(self) -> bool:
        """It names images rather than layers."""
        return self.media_type in INDEXES

    def json(self) -> dict[str, Any]:
        """What it says. Raises RegistryError for what is no manifest."""
        try:
            found = json.loads(self.content)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RegistryError(f"{self.digest} is no manifest", remedy="Push the image again.")
        return found


def get(repository: Repository, wanted: str) -> Manifest:
    """The manifest or index that a tag or digest names. Raises RegistryError: unknown, or not what was asked for."""
    url = repository.manifest(wanted)
    answer = repository.transport.ask(
        "GET", url, scopes=repository.pulling, expected={200}, headers={"Accept": ", ".join(ACCEPTED)}
    )
    found = Manifest(_media_type(answer.headers, answer.body), answer.body)
    if ":" in wanted and str(found.digest) != wanted:
        errors.require_digest({"Docker-Content-Digest": str(found.digest)}, Digest.parse(wanted), "GET", answer.url)
    errors.require_digest(answer.headers, found.digest, "GET", answer.url)
    if found.media_type not in ACCEPTED:
        raise RegistryError(
            f"{repository.reference.name}:{wanted} is of a kind that cannot be used: {found.media_type[:80]}",
            where=answer.url,
            remedy="Push it again in the form of OCI or of Docker 1.10 and later (schema 2).",
        )
    return found


def stands(repository: Repository, name: str, digest: Digest) -> bool:
    """The tag, or the digest, names this manifest already."""
    answer = repository.transport.ask(
        "HEAD",
        repository.manifest(name),
        scopes=repository.pushing,
        expected={200, 404},
        headers={"Accept": ", ".join(ACCEPTED)},
    )
    return answer.status == 200 and answer.headers.get("Docker-Content-Digest") == str(digest)  # noqa: PLR2004


def put(repository: Repository, manifest: Manifest, name: str) -> bool:
    """Store a manifest under a tag or its digest; whether the registry took up its `subject` (OCI-Subject).

    All it names has to be there. Raises RegistryError.
    """
    answer = repository.transport.ask(
        "PUT",
        repository.manifest(name),
        scopes=repository.pushing,
        expected={201},
        headers={"Content-Type": manifest.media_type},
        body=Body.of(manifest.content),
    )
    errors.require_digest(answer.headers, manifest.digest, "PUT", answer.url)
    return "OCI-Subject" in answer.headers


def choose(index: Mapping[str, Any], platform: Platform) -> Descriptor:
    """The image of an index that runs on a platform. Raises RegistryError that names those there are.

    Entries of the platform unknown/unknown are no images: provenance stands so.
    """
    entries = [(_platform(entry), entry) for entry in index.get("manifests", ()) if isinstance(entry, dict)]
    found = [entry for offered, entry in entries if offered and _runs(offered, platform)]
    if not found:
        known = ", ".join(sorted({str(offered) for offered, _ in entries if offered and offered.os != "unknown"}))
        raise RegistryError(
            f"there is no image for {platform}", evidence=[f"there are: {known or 'none'}"], remedy="Name another base."
        )
    return Descriptor.read(found[0])


def parts(manifest: Mapping[str, Any]) -> Iterable[Descriptor]:
    """What a manifest is made of, its configuration first."""
    return map(Descriptor.read, (manifest["config"], *manifest["layers"]))


def _platform(entry: Mapping[str, Any]) -> Platform | None:
    found = entry.get("platform")
    if not isinstance(found, dict):
        return None
    return Platform(str(found.get("os", "")), str(found.get("architecture", "")), str(found.get("variant", "")))


def _runs(offered: Platform, wanted: Platform) -> bool:
    same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
    alike = _ARM.get(wanted.architecture, ("",))
    return same and (offered.variant == wanted.variant or {offered.variant, wanted.variant} <= set(alike))


def _media_type(headers: Mapping[str, str], content: bytes) -> str:
    """By the header; some registries say only that it is JSON, and then the manifest says it itself."""
    stated = headers.get("Content-Type", "").partition(";")[0].strip()
    if stated in ACCEPTED:
        return stated
    own = Manifest(stated, content).json().get("mediaType")
    return own if isinstance(own, str) else stated
