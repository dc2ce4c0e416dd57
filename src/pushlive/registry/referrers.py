"""What refers to a manifest: SBOMs, provenance, signatures (distribution-spec, "Listing Referrers" and "Enabling").

A registry that does not keep that list has it in an index under the tag ALGORITHM-HEX, which clients keep themselves.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pushlive.model.errors import RegistryError
from pushlive.model.image import INDEX, Digest
from pushlive.registry import manifests
from pushlive.registry.manifests import Manifest
from pushlive.registry.repository import Repository

_UNKNOWN = 404


def attach(repository: Repository, manifest: Manifest) -> None:
    """Push a manifest that has a `subject`, and see that it is found from there. Its blobs have to be there."""
    if not manifests.put(repository, manifest, str(manifest.digest)):
        _enter(repository, manifest)


def of(repository: Repository, subject: Digest) -> tuple[dict[str, Any], ...]:
    """The descriptors of all that refers to `subject`, with their artifactType and annotations."""
    answer = repository.transport.ask(
        "GET", repository.referrers(subject), scopes=repository.pulling, expected={200, 404}, headers={"Accept": INDEX}
    )
    if answer.status != _UNKNOWN:
        return tuple(Manifest(INDEX, answer.body).json().get("manifests", ()))
    return tuple(_listed(repository, subject))


def entry(manifest: Manifest) -> dict[str, Any]:
    """What a list of referrers says of one: its descriptor, its artifactType and its annotations."""
    plain = manifest.json()
    kind = plain.get("artifactType") or plain.get("config", {}).get("mediaType")
    more = {"artifactType": kind, "annotations": plain.get("annotations")}
    return manifest.descriptor.json() | {name: value for name, value in more.items() if value}


def merged(listed: Sequence[Mapping[str, Any]], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list with one more, once only."""
    return [dict(each) for each in listed if each.get("digest") != new["digest"]] + [dict(new)]


def _enter(repository: Repository, manifest: Manifest) -> None:
    subject = Digest.parse(str(manifest.json()["subject"]["digest"]))
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": merged(_listed(repository, subject), entry(manifest)),
    }
    manifests.put(repository, Manifest(INDEX, json.dumps(index, separators=(",", ":")).encode()), _tag(subject))


def _listed(repository: Repository, subject: Digest) -> list[dict[str, Any]]:
    try:
        found = manifests.get(repository, _tag(subject))
    except RegistryError as error:
        if error.code in {"manifest_unknown", "name_unknown", "not_found"}:
            return []
        raise
    return list(found.json().get("manifests", ()))


def _tag(subject: Digest) -> str:
    return f"sha256-{subject.hex}"
