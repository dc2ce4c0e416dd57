"""Manifests and indexes in a registry, byte for byte (distribution-spec, "Pulling" and "Pushing Manifests")."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Self

from msgspec import Struct

from pushlive.model.errors import RegistryError
from pushlive.model.image import INDEX, MANIFEST, BadDigestError, Descriptor, Digest, Platform
from pushlive.registry import errors
from pushlive.registry.answers import Answer
from pushlive.registry.connections import Body
from pushlive.registry.repository import Repository

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = frozenset({INDEX, DOCKER_INDEX})
ACCEPTED = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX)
"""What we can read, and so ask for."""

_LEVELS = {"amd64": 1.0, "arm": 7.0, "arm64": 8.0}
"""Which variant is meant where none is named (containerd's platforms package)."""

_VARIANT = re.compile(r"v(\d{1,2}(?:\.\d{1,2})?)")


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
    def subject(self) -> Digest:
        """What it refers to. Raises BadDigestError where it refers to nothing."""
        return Digest.parse(str((self.json().get("subject") or {}).get("digest")))

    @property
    def is_index(self) -> bool:
        """It names images rather than layers."""
        return self.media_type in INDEXES

    def json(self) -> dict[str, Any]:
        """What it says. Raises RegistryError for what is no manifest."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise damaged("it is no JSON object", where=str(self.digest))
        return found


def get(repository: Repository, wanted: str) -> Manifest:
    """The manifest or index that a tag or digest names. Raises RegistryError: unknown, or not what was asked for."""
    url = repository.manifest(wanted)
    answer = repository.transport.ask(
        "GET", url, scopes=repository.pulling, expected={200}, headers={"Accept": ", ".join(ACCEPTED)}
    )
    found = Manifest("", answer.body)
    if ":" in wanted:
        errors.require_digest({"Docker-Content-Digest": str(found.digest)}, Digest.parse(wanted), "GET", answer.url)
    errors.require_digest(answer.headers, found.digest, "GET", answer.url)
    found = Manifest(_media_type(answer), answer.body)
    if found.media_type not in ACCEPTED:
        raise RegistryError(
            f"{repository.reference.name} {wanted} is of a kind that cannot be used: {found.media_type[:80]}",
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
    offers = [(offered, entry) for entry in entries(index) if (offered := _platform(entry))]
    fitting = [(offered, entry) for offered, entry in offers if _runs(offered, platform)]
    if not fitting:
        known = ", ".join(sorted({str(offered) for offered, _ in offers if offered.os != "unknown"}))
        raise RegistryError(
            f"there is no image for {platform}", evidence=[f"there are: {known or 'none'}"], remedy="Name another base."
        )
    return _descriptor(max(fitting, key=lambda each: _level(each[0]))[1])


def entries(index: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an index names. Raises RegistryError for one that is damaged."""
    found = index.get("manifests") or []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise damaged("its `manifests` is no list of descriptors")
    return found


def parts(manifest: Mapping[str, Any]) -> tuple[Descriptor, ...]:
    """What an image's manifest is made of, its configuration first. Raises RegistryError for one that is damaged."""
    layers = manifest.get("layers")
    if not isinstance(layers, list) or "config" not in manifest:
        raise damaged("it does not name the config and the layers of an image")
    return tuple(map(_descriptor, (manifest["config"], *layers)))


def children(index: Mapping[str, Any]) -> tuple[Descriptor, ...]:
    """What an index points at. Raises RegistryError for one that is damaged."""
    return tuple(map(_descriptor, entries(index)))


def damaged(why: str, *, where: str = "") -> RegistryError:
    """The error for a manifest that says nothing, or nonsense."""
    return RegistryError(
        f"the manifest is damaged: {why}", where=where, remedy="Push the image again.", code="manifest-damaged"
    )


def _descriptor(plain: Any) -> Descriptor:
    try:
        found = Descriptor.read(plain)
    except (BadDigestError, OverflowError) as error:
        raise damaged(str(error)) from error
    if found.size < 0:
        raise damaged(f"{found.digest} has {found.size} bytes")
    return found


def _platform(entry: Mapping[str, Any]) -> Platform | None:
    found = entry.get("platform")
    if not isinstance(found, dict):
        return None
    return Platform(str(found.get("os", "")), str(found.get("architecture", "")), str(found.get("variant", "")))


def _runs(offered: Platform, wanted: Platform) -> bool:
    """A processor runs what was made for those before it too."""
    same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
    return same and (offered.variant == wanted.variant or 0 <= _level(offered) <= _level(wanted))


def _level(platform: Platform) -> float:
    """How much of its architecture a platform has; -1 when nobody knows."""
    if not platform.variant:
        return _LEVELS.get(platform.architecture, 0.0)
    found = _VARIANT.fullmatch(platform.variant)
    return float(found[1]) if found and platform.architecture in _LEVELS else -1.0


def _media_type(answer: Answer) -> str:
    """What the manifest says of itself, else the header. Raises RegistryError where the two differ.

    One digest must not be an image to one client and an index to another (CVE-2021-41190). Some registries' header
    says only that it is JSON.
    """
    stated = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    own = Manifest(stated, answer.body).json().get("mediaType") or stated
    if not isinstance(own, str) or (stated in ACCEPTED and own != stated):
        raise damaged(f"it calls itself {str(own)[:80]}, and the registry calls it {stated}", where=answer.url)
    return own
